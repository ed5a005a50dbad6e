"""Refuse outputs that must not be written, before a command does long work."""

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
        help="Also replace files of this program that were changed since it wrote "
        "them; files of others stay in any case.",
    ),
]


def require_target(
    out: Path,
    inputs: Iterable[str | Path | None],
    *,
    folder: str = "",
    overwrite: bool = False,
) -> None:
    """Refuse an output that cannot be, before long work.

    Parameters
    ----------
    out
        Path that the user gave with ``--out``.
    inputs
        Paths and names of everything that the command reads; None is nothing.
    folder
        Kind of result if it is a folder, see `result_folders`; else it is a file.
    overwrite
        As in `result_folders.replacing_folder`.

    Raises
    ------
    SettingsError
        If the output is one of the inputs, or a picture in a folder that is read.
    OccupiedError
        If something is there that must not be replaced.
    WriteError
        If there can be no such file or folder.
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
    """Refuse a checkpoint to write whose place, or what lies beside it, is taken.

    Raises
    ------
    MotionSegError
        As `require_target`; also for the training's state and its folder of curves.
    """
    from napari_motionseg.training.engine.run_files import require_places

    require_target(out, inputs)
    require_places(out)


def source_of(cine: Cine) -> dict[str, Any]:
    """Return what a JSON row says of where a result comes from."""
    return {"source": None if cine.source is None else str(cine.source)}
