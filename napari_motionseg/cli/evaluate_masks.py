"""Provide `motionseg evaluate masks`, which measures a network on manual masks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_motionseg.cli.console import print_result, run_job
from napari_motionseg.cli.options import AsJson, Device, Threshold
from napari_motionseg.cli.targets import require_target
from napari_motionseg.errors import SettingsError
from napari_motionseg.text import as_json as json_text

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLES = {
    "dice": "Dice",
    "cldice": "clDice",
    "precision": "precision",
    "recall": "recall",
    "centreline": "share of the centreline found",
    "surface_dice": "surface Dice, 2 px",
    "marked": "share of the picture marked",
    "false_outside": "false positives outside the field",
    "false_at_edge": "false positives within 4 px of its edge",
}

Images = Annotated[
    Path, typer.Option(help="Folder of pictures (PNG, PGM, ...), or an npz file.")
]
Masks = Annotated[
    Path,
    typer.Option(
        help="Folder of masks with the names of the pictures, or with _gt "
        "or _mask added; a JSON file of COCO annotations (ARCADE); or the same npz "
        "file."
    ),
]
Class = Annotated[
    int,
    typer.Option(
        "--class",
        min=1,
        help="Number of the class that the masks show: 1 is vessel; 2 is the catheter "
        "in networks of train-masks.",
    ),
]
Side = Annotated[
    int | None,
    typer.Option(
        min=48,
        max=10_000,
        help="Resize pictures to this shorter side in px before "
        "segmentation; default: no resizing.",
    ),
]


def masks(
    images: Images,
    masks: Masks,
    model: Annotated[
        Path, typer.Option(help="Segmentation checkpoint, or 'default'.")
    ] = Path("default"),
    threshold: Threshold = 0.5,
    side: Side = None,
    number: Class = 1,
    out: Annotated[
        Path | None, typer.Option(help="JSON file to write all numbers to.")
    ] = None,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure a network on single pictures with manual masks.

    Print means with 95 % intervals over patients, the best threshold, and the
    calibration.
    An npz file names the patients in `groups`; otherwise each picture counts as its
    own.
    """
    from napari_motionseg.evaluation.mask_evaluation import evaluate_masks_job
    from napari_motionseg.evaluation.mask_sets import read_mask_set
    from napari_motionseg.io.atomic import replacing
    from napari_motionseg.segmentation import load_segmentation

    if not 0 < threshold < 1:
        raise SettingsError(f"--threshold must be between 0 and 1; got {threshold}")
    if out is not None:
        require_target(out, (images, masks, model))
    pictures = read_mask_set(images, masks)
    network = load_segmentation(model)
    job = evaluate_masks_job(
        pictures,
        network,
        threshold=threshold,
        side=side,
        number=number,
        device=device,
    )
    summary = run_job(job, "Evaluating")
    if out is not None:
        with replacing(out) as temporary:
            temporary.write_text(json_text(summary, indent=1) + "\n")
    print_result(summary, as_text(summary), as_json, table=True)


def as_text(summary: Mapping[str, Any]) -> str:
    """Return the summary of `evaluate_masks_job` as lines of text."""
    lines = [f"{summary['pictures']} pictures of {summary['groups']} groups"]
    for name, title in TITLES.items():
        found = summary["measures"].get(name)
        if found is not None:
            lines.append(
                f"{title:36}{found['mean']:.3f}  "
                f"({found['low']:.3f} to {found['high']:.3f})"
            )
    lines.append(
        f"{'best threshold':36}{summary['best_threshold']:.2f}   "
        f"(Dice {summary['best_dice']:.3f})"
    )
    lines.append(f"{'expected calibration error':36}{summary['calibration_error']:.3f}")
    lines.append("said   true   pixels")
    for row in summary["reliability"]:
        lines.append(f"{row['said']:.3f}  {row['true']:.3f}  {row['pixels']:.0f}")
    return "\n".join(lines)
