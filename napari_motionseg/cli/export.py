"""Provide `motionseg export`, which writes masks, overlays and reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.console import print_result, run_job
from napari_motionseg.cli.mask_format import SEGMENTATION
from napari_motionseg.cli.options import AsJson, OneCine
from napari_motionseg.cli.segmentation_options import (
    Compressed,
    Oriented,
    Reproducible,
    SegmentationKind,
    SegmentNames,
    segmentation_settings,
)
from napari_motionseg.cli.targets import Overwrite, require_target, source_of
from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine
    from napari_motionseg.io import Labels
    from napari_motionseg.io.dicom_seg_writer import Algorithm, SegmentationSettings

STYLES = {"outline": False, "tinted": True}
MOVIES, PAGES, DICOM = (".mp4", ".gif"), (".html",), ".dcm"
MASKS = (".npz", ".tif", ".tiff", ".png", ".nii", ".gz")
CAPTURE = "dicom-capture"
DICOM_KINDS = {SEGMENTATION: "segmentation", CAPTURE: "pictures with masks drawn in"}

Out = Annotated[
    Path,
    typer.Option(
        help="File to write; its suffix says what: .npz, .tiff, .nii.gz, a folder of "
        "PNG (no suffix), .dcm, .mp4, .gif, .html."
    ),
]
DicomKind = Annotated[
    str,
    typer.Option(
        "--format",
        help="Of .dcm: dicom-seg, or dicom-capture (an overlay as pictures).",
    ),
]
Reference = Annotated[
    Path | None, typer.Option(help="Label file with the truth, for a report (.html).")
]
Model = Annotated[
    Path | None, typer.Option(help="Checkpoint of the masks, for .html and .dcm.")
]
Style = Annotated[str, typer.Option(help="outline or tinted.")]


def export(
    cine: OneCine,
    masks: Annotated[Path, typer.Option(help="Label file of the loop, as of segment.")],
    out: Out,
    form: DicomKind = SEGMENTATION,
    reference: Reference = None,
    model: Model = None,
    style: Style = "outline",
    seg_type: SegmentationKind = "binary",
    segments: SegmentNames = "",
    compress: Compressed = False,
    reproducible: Reproducible = False,
    oriented: Oriented = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write the masks of a loop as another file, an overlay, or a report.

    A file of the name of --out is replaced, but no loop, and nothing that is read. A
    folder is replaced only if this program wrote all that is in it. A .dcm carries the
    patient and study attributes of the loop's file, as archives demand.
    """
    from napari_motionseg.io import read_cine, read_labels

    kind = _kind_of(out, form, style, reference, model)
    dicom = segmentation_settings(
        seg_type, segments, compress, reproducible, oriented, _algorithm(model)
    )
    require_target(
        out, (cine, masks, reference, model),
        folder="" if out.suffix else "masks", overwrite=overwrite,
    )  # fmt: skip
    loop = read_cine(cine)
    labels = read_labels(masks, shape=loop.shape, cine=loop)
    if kind == "masks":
        _write_masks(out, loop, labels, overwrite)
    elif kind == SEGMENTATION:
        _write_segmentation(out, loop, labels, dicom)
    else:
        _write_picture(out, loop, labels, reference, model, STYLES[style], compress)
    print_result({"out": str(out), **source_of(loop)}, str(out), as_json)


def _kind_of(
    out: Path, form: str, style: str, reference: Path | None, model: Path | None
) -> str:
    """Return what is to be written, after the options were found to go together."""
    if style not in STYLES:
        raise SettingsError(unknown_name("--style", style, STYLES))
    if form not in DICOM_KINDS:
        raise SettingsError(unknown_name("--format", form, DICOM_KINDS))
    suffix = out.suffix.lower()
    if suffix not in PAGES and reference is not None:
        raise SettingsError(f"--reference and --model are for .html; got {suffix!r}")
    if suffix not in (*PAGES, DICOM) and model is not None:
        raise SettingsError(f"--model is for .html and .dcm; got {suffix!r}")
    if suffix in (*MASKS, ""):
        return "masks"
    if suffix in (*MOVIES, *PAGES):
        return "picture"
    if suffix != DICOM:
        known = ", ".join((*MASKS, DICOM, *MOVIES, *PAGES))
        raise SettingsError(f"--out {out}: its suffix is none of {known}")
    return form


def _algorithm(model: Path | None) -> Algorithm:
    """Return the origin of the masks; a file does not say whether they were painted."""
    from napari_motionseg.cli.segment import describe_model
    from napari_motionseg.io.dicom_seg_writer import Algorithm

    if model is None:
        return Algorithm("SEMIAUTOMATIC")
    described = describe_model(model)
    return Algorithm("SEMIAUTOMATIC", described["model"], described["model_sha256"])


def _write_masks(out: Path, loop: Cine, labels: Labels, overwrite: bool) -> None:
    from napari_motionseg.io import write_masks

    write_masks(
        out, labels.labels, frame_times=loop.frame_times, labelled=labels.labelled,
        pixel_spacing=loop.pixel_spacing, overwrite=overwrite,
    )  # fmt: skip


def _write_segmentation(
    out: Path, loop: Cine, labels: Labels, settings: SegmentationSettings
) -> None:
    from napari_motionseg.io.dicom_seg_writer import write_segmentation

    write_segmentation(
        out, loop, labels.labels, labelled=labels.labelled, settings=settings
    )


def _write_picture(
    out: Path,
    loop: Cine,
    labels: Labels,
    reference: Path | None,
    model: Path | None,
    filled: bool,
    compress: bool,
) -> None:
    from napari_motionseg.io import read_labels
    from napari_motionseg.models.model_card import checkpoint_path
    from napari_motionseg.report.exporting import (
        Result,
        capture_job,
        overlay_job,
        report_job,
    )

    known = None
    if reference is not None:
        known = read_labels(reference, shape=loop.shape, cine=loop)
    result = Result(
        cine=loop,
        masks=labels.labels,
        reference=None if known is None else known.labels,
        models=() if model is None else (checkpoint_path(model),),
        filled=filled,
    )
    suffix = out.suffix.lower()
    if suffix == DICOM:
        run_job(capture_job(result, out, compressed=compress), "Drawing")
    else:
        job = overlay_job if suffix in MOVIES else report_job
        run_job(job(result, out), "Drawing")
