"""Define the option --format of commands that write a mask file for each loop."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

# A PNG file holds one frame, so a loop is written as a folder of them.
SEGMENTATION = "dicom-seg"
SUFFIXES = {
    "npz": ".npz", "tiff": ".tiff", "nii": ".nii.gz", "png": "", SEGMENTATION: ".dcm",
}  # fmt: skip

MaskFormat = Annotated[
    str,
    typer.Option(
        "--format",
        help="npz, tiff, nii, png (a folder for each loop or layer); of masks of loops "
        "also dicom-seg.",
    ),
]


def format_suffix(name: str, *, of_loops: bool = False) -> str:
    """Return the file suffix of a mask format; a folder of PNG files has none.

    Parameters
    ----------
    name
        Value of ``--format``.
    of_loops
        Whether masks of loops are written. Painted labels cannot be written as DICOM
        Segmentations, because a scribble of the background is not a segment.

    Raises
    ------
    SettingsError
        If the format is unknown, or does not suit the masks.
    MissingDependencyError
        If the format needs a library that is not installed.
    """
    if name not in SUFFIXES:
        raise SettingsError(unknown_name("--format", name, SUFFIXES))
    if name == SEGMENTATION and not of_loops:
        raise SettingsError(
            "--format dicom-seg is for masks of loops; write these layers as npz, and "
            "the masks with motionseg segment or motionseg export"
        )
    if name == "nii":
        from napari_motionseg.io.nifti import require_nibabel

        require_nibabel("--format nii")  # fail before hours of work, not after them
    return SUFFIXES[name]
