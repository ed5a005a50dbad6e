"""Check outputs before a command does long work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.errors import SettingsError

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine

Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Also replace files of this program that were changed after it "
        "wrote them. Other files are never replaced.",
    ),
]


def require_target(
    out: Path,
    inputs: Iterable[str | Path | None],
    *,
    folder: str = "",
    overwrite: bool = False,
) -> None:
    """Raise an error if the output cannot be written, before long work.

    Parameters
    ----------
    out
        Path that the user gave with ``--out``.
    inputs
        Paths and names of everything that the command reads; None is ignored.
    folder
        Kind of result if it is a folder, see `result_folders`; empty for a file.
    overwrite
        Whether to replace own files in a folder with other files; see
        `result_folders.replacing_folder`.

    Raises
    ------
    SettingsError
        If the output is one of the inputs, or a picture in an input folder.
    OccupiedError
        If something at the path must not be replaced.
    WriteError
        If no such file or folder can be created.
    """
    from napari_motionseg.io.atomic import require_file_target
    from napari_motionseg.io.result_folders import require_folder_target

    for given in inputs:
        if given is not None and _is_part_of(out, Path(given)):
            raise SettingsError(
                f"--out {out}: the command reads this file (from {given}), so it must "
                "not be written; choose another name"
            )
    if folder:
        require_folder_target(out, folder, overwrite=overwrite)
    else:
        require_file_target(out)


def _is_part_of(out: Path, given: Path) -> bool:
    """Return whether a path is an input, or a picture or loop in an input folder."""
    from napari_motionseg.io.movies import IMAGES
    from napari_motionseg.io.program_marks import is_foreign_loop, is_own

    try:
        if not (out.exists() and given.exists()):
            return False
        if os.path.samefile(out, given):
            return True
        if not given.is_dir() or given.resolve() not in out.resolve().parents:
            return False
    except (OSError, ValueError):
        return False
    picture = out.suffix.lower() in IMAGES and not is_own(out)
    return out.is_file() and (picture or is_foreign_loop(out))


def require_training_target(out: Path, inputs: Iterable[str | Path | None]) -> None:
    """Raise an error if a checkpoint, its state or its log cannot be written.

    Raises
    ------
    MotionSegError
        If so, as in `require_target`.
    """
    from napari_motionseg.training.engine.run_files import require_places

    require_target(out, inputs)
    require_places(out)


def source_of(cine: Cine) -> dict[str, Any]:
    """Return the source of a loop for a JSON row of a result."""
    return {"source": None if cine.source is None else str(cine.source)}
