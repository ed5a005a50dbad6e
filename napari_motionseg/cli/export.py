"""Provide `motionseg export`, which writes masks, overlays and reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.console import print_result, run_job
from napari_motionseg.cli.options import AsJson, OneCine
from napari_motionseg.cli.targets import Overwrite, require_target, source_of
from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine
    from napari_motionseg.io import Labels

STYLES = {"outline": False, "tinted": True}
MOVIES, PAGES = (".mp4", ".gif"), (".html",)
MASKS = (".npz", ".tif", ".tiff", ".png", ".nii", ".gz")

Reference = Annotated[
    Path | None, typer.Option(help="Label file that is known to be right, for .html.")
]


def export(
    cine: OneCine,
    masks: Annotated[Path, typer.Option(help="Label file of the loop, as of segment.")],
    out: Annotated[
        Path,
        typer.Option(
            help="File to write; its suffix says what: .npz, .tiff, .nii.gz, "
            "a folder of PNG (no suffix), .mp4, .gif, .html."
        ),
    ],
    reference: Reference = None,
    model: Annotated[
        Path | None, typer.Option(help="Checkpoint of the masks, for .html.")
    ] = None,
    style: Annotated[str, typer.Option(help="outline or tinted.")] = "outline",
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write the masks of a loop as another file, an overlay, or a report.

    A file of the name of --out is replaced, but no loop, and nothing that is read. A
    folder is replaced only if this program wrote all that is in it.
    """
    from napari_motionseg.io import read_cine, read_labels

    if style not in STYLES:
        raise SettingsError(unknown_name("--style", style, STYLES))
    suffix = out.suffix.lower()
    if suffix not in PAGES and (reference is not None or model is not None):
        raise SettingsError(f"--reference and --model are for .html; got {suffix!r}")
    if suffix not in (*MOVIES, *PAGES, *MASKS, ""):
        known = ", ".join((*MASKS, *MOVIES, *PAGES))
        raise SettingsError(f"--out {out}: its suffix is none of {known}")
    require_target(
        out, (cine, masks, reference, model),
        folder="" if suffix else "masks", overwrite=overwrite,
    )  # fmt: skip
    loop = read_cine(cine)
    labels = read_labels(masks, shape=loop.shape, cine=loop)
    if suffix not in (*MOVIES, *PAGES):
        _write_masks(out, loop, labels, overwrite)
    else:
        _write_picture(out, loop, labels, reference, model, STYLES[style])
    print_result({"out": str(out), **source_of(loop)}, str(out), as_json)


def _write_masks(out: Path, loop: Cine, labels: Labels, overwrite: bool) -> None:
    from napari_motionseg.io import write_masks

    write_masks(
        out, labels.labels, frame_times=loop.frame_times, labelled=labels.labelled,
        pixel_spacing=loop.pixel_spacing, overwrite=overwrite,
    )  # fmt: skip


def _write_picture(
    out: Path,
    loop: Cine,
    labels: Labels,
    reference: Path | None,
    model: Path | None,
    filled: bool,
) -> None:
    from napari_motionseg.io import read_labels
    from napari_motionseg.models.checkpoints import checkpoint_path
    from napari_motionseg.report.exporting import Result, overlay_job, report_job

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
    job = overlay_job if out.suffix.lower() in MOVIES else report_job
    run_job(job(result, out), "Drawing")
