"""Provide `motionseg import`, which reads a DICOM Segmentation as a label file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_motionseg.cli.console import print_result
from napari_motionseg.cli.options import AsJson
from napari_motionseg.cli.targets import Overwrite, require_target, source_of
from napari_motionseg.errors import SettingsError

Segmentation = Annotated[
    Path, typer.Argument(metavar="SEG", help="A DICOM Segmentation, of any maker.")
]
Of = Annotated[Path, typer.Option(help="The loop that it was made of.")]
Out = Annotated[
    Path,
    typer.Option(help="Label file to write: .npz, .tiff, .nii.gz, or a folder of PNG."),
]
Segments = Annotated[
    list[int] | None,
    typer.Option(help="Number of a segment to read; may be repeated. All if none."),
]


def import_masks(
    segmentation: Segmentation,
    of: Of,
    out: Out,
    segment: Segments = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Read a DICOM Segmentation and write it as labels of its loop.

    Each of its frames is laid on the frame of the loop that it refers to. Segment
    numbers become class numbers. Where segments overlap, the higher number wins.
    """
    from napari_motionseg.io import read_cine, write_masks
    from napari_motionseg.io.dicom_seg_reader import read_segmentation

    if out.suffix.lower() == ".dcm":
        raise SettingsError(f"--out {out}: name a label file, such as labels.npz")
    require_target(
        out, (segmentation, of), folder="" if out.suffix else "masks",
        overwrite=overwrite,
    )  # fmt: skip
    loop = read_cine(of)
    found = read_segmentation(segmentation, loop, segments=segment or None)
    write_masks(
        out, found.labels, labelled=found.labelled, frame_times=loop.frame_times,
        pixel_spacing=loop.pixel_spacing, overwrite=overwrite,
    )  # fmt: skip
    frames = int(found.labelled.sum())
    names = {segment.number: segment.label for segment in found.segments}
    row = {
        "out": str(out), **source_of(loop), "type": found.kind, "frames": frames,
        "segments": names,
    }  # fmt: skip
    listed = ", ".join(f"{number} {label}" for number, label in names.items())
    print_result(row, f"{out}: {frames} frames, segments {listed or 'none'}", as_json)
