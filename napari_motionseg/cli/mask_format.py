"""Define the option --format of commands that write one mask file a loop or layer."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

# A PNG file holds one frame, so a loop is written as a folder of them.
SUFFIXES = {"npz": ".npz", "tiff": ".tiff", "nii": ".nii.gz", "png": ""}

MaskFormat = Annotated[
    str,
    typer.Option(
        "--format", help="npz, tiff, nii, or png (a folder for each loop or layer)."
    ),
]


def format_suffix(name: str) -> str:
    """Return the file suffix of a mask format; a folder of PNG files has none.

    Parameters
    ----------
    name
        Value of ``--format``.

    Raises
    ------
    SettingsError
        If there is no such format.
    MissingDependencyError
        If the format needs a library that is not installed.
    """
    if name not in SUFFIXES:
        raise SettingsError(unknown_name("--format", name, SUFFIXES))
    if name == "nii":
        from napari_motionseg.io.nifti import require_nibabel

        require_nibabel("--format nii")  # before hours of work, not after them
    return SUFFIXES[name]
