"""Define the options of commands that write a DICOM Segmentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

if TYPE_CHECKING:
    from napari_motionseg.io.dicom_seg_writer import Algorithm, SegmentationSettings

KINDS = {"binary": "BINARY", "labelmap": "LABELMAP", "fractional": "FRACTIONAL"}
SegmentationKind = Annotated[
    str,
    typer.Option(
        "--seg-type",
        help="Of a DICOM Segmentation: binary (all viewers), labelmap (small, new), "
        "fractional (probabilities).",
    ),
]
SegmentNames = Annotated[
    str,
    typer.Option(
        "--segments",
        help="Names of classes 1, 2, ... in a DICOM Segmentation, by commas: artery, "
        "coronary artery, catheter, guide wire, stent, ...; 'stent=my words' too.",
    ),
]
Compressed = Annotated[
    bool,
    typer.Option("--compress", help="Write a DICOM Segmentation compressed, lossless."),
]
Reproducible = Annotated[
    bool,
    typer.Option(
        "--reproducible",
        help="Make UIDs of a DICOM Segmentation from its content, not at random.",
    ),
]
Oriented = Annotated[
    bool,
    typer.Option(
        "--oriented",
        help="Add an orientation to a DICOM Segmentation, which projections have not; "
        "OHIF shows none without it.",
    ),
]


def segmentation_settings(
    kind: str,
    segments: str,
    compressed: bool,
    reproducible: bool,
    oriented: bool,
    algorithm: Algorithm,
) -> SegmentationSettings:
    """Return what the options say about a DICOM Segmentation.

    Parameters
    ----------
    kind
        Value of ``--seg-type``.
    segments
        Value of ``--segments``.
    compressed
        Whether ``--compress`` was given.
    reproducible
        Whether ``--reproducible`` was given.
    oriented
        Whether ``--oriented`` was given.
    algorithm
        Origin of the masks.

    Raises
    ------
    SettingsError
        If there is no such type or name.
    """
    from napari_motionseg.io.dicom_seg_writer import SegmentationSettings
    from napari_motionseg.io.segment_codes import segments_of

    if kind not in KINDS:
        raise SettingsError(unknown_name("--seg-type", kind, KINDS))
    names = tuple(name.strip() for name in segments.split(",")) if segments else ()
    segments_of(1, names)  # a name that is none is refused before long work
    chosen: Any = KINDS[kind]
    return SegmentationSettings(
        chosen,
        compressed=compressed,
        names=names,
        algorithm=algorithm,
        deterministic=reproducible,
        oriented=oriented,
    )
