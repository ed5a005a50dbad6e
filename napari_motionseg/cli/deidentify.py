"""Provide `motionseg deidentify`, which copies DICOM files without identity."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from napari_motionseg.cli.console import print_note, print_result
from napari_motionseg.cli.failures import Failures
from napari_motionseg.cli.options import AsJson
from napari_motionseg.errors import MotionSegError, SettingsError

KEY_BYTES = 32  # length of a digest of SHA-256, for which the key is used
MOST_KEY_BYTES = 2**20  # a larger file was hardly meant to be a key

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Loops and segmentations, or folders."),
]
Dates = Annotated[
    str,
    typer.Option(help="remove, or shift: all dates of a patient by the same days."),
]
Key = Annotated[
    Path | None,
    typer.Option(
        help="File of at least 16 secret bytes: the same key gives the same new UIDs "
        "in another run. By default each run has a new key."
    ),
]
BurnedIn = Annotated[
    bool,
    typer.Option(
        "--allow-burned-in", help="Also copy files that say their pixels show text."
    ),
]


def deidentify(
    paths: Paths,
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    dates: Dates = "remove",
    key: Key = None,
    allow_burned_in: BurnedIn = False,
    as_json: AsJson = False,
) -> None:
    """Copy DICOM loops and their segmentations without identity.

    Follows the Basic Profile of PS3.15: names, numbers, free text and private
    attributes are removed, UIDs are replaced consistently, dates are removed or
    shifted. Pixels are not changed: check them for burned-in text. Give a loop and its
    segmentations in one call, or use the same --key.
    """
    from napari_motionseg.io.confidentiality_profile import Profile
    from napari_motionseg.io.deidentification import deidentify, files_below

    profile = Profile(_secret(key), cast("Any", dates))
    failures = Failures("files")
    files = [x for x in files_below(paths) if not _is_earlier_copy(x, paths, out)]
    for path in files:
        try:
            copy = deidentify(path, out, profile, burned_in=allow_burned_in)
        except MotionSegError as error:
            failures.add(error)
            continue
        print_result({"source": str(path), "out": str(copy)}, str(copy), as_json)
    if not files:
        print_note("there is no DICOM file in PATH")
    failures.exit_if_any(len(files))


def _secret(path: Path | None) -> bytes:
    """Return the key in a file, or a new random key."""
    if path is None:
        return secrets.token_bytes(KEY_BYTES)
    from napari_motionseg.io.regular_files import read_regular

    return bytes(read_regular(os.fspath(path), MOST_KEY_BYTES))


def _is_earlier_copy(file: Path, paths: list[Path], out: Path) -> bool:
    """Return whether a file lies in the results of an earlier run, below an input.

    Raises
    ------
    SettingsError
        If the results would lie among the originals, where nobody could tell them
        apart.
    """
    target, place = out.resolve(), file.resolve()
    if file in paths or target not in place.parents:
        return False
    for path in paths:
        folder = path.resolve()
        if folder == target:
            raise SettingsError(
                f"--out {out}: is the folder of the originals; choose another folder, "
                "so that copies and originals are not mixed"
            )
        if target in folder.parents and folder in place.parents:
            return False
    return True
