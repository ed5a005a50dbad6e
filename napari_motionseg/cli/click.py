"""Provide `motionseg click`, which turns clicks on a frame into a mask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from napari_motionseg.cli.console import print_note, print_result
from napari_motionseg.cli.guided_frame import (
    Frame,
    Model,
    WholePicture,
    points_of,
    read_frame,
)
from napari_motionseg.cli.options import AsJson, Device, OneCine
from napari_motionseg.cli.point_options import parsed_numbers
from napari_motionseg.cli.targets import Overwrite, require_target, source_of

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine
    from napari_motionseg.guidance.mask_of_clicks import ClickMask, Extent

Positive = Annotated[
    list[str] | None,
    typer.Option(metavar="R,C ...", help="Row and column of points on the object."),
]
Negative = Annotated[
    list[str] | None,
    typer.Option(metavar="R,C ...", help="Row and column of points beside it."),
]
Out = Annotated[
    Path,
    typer.Option(
        help="Label file to write: .npz, .tiff, .nii.gz, .png (of one frame), or a "
        "folder of PNG."
    ),
]
Score = Annotated[
    float | None,
    typer.Option(
        help="Score from which a pixel belongs to the object; a lower one includes "
        "what only probably moves with the clicks; default: 0.1 for a branch, else "
        "0.5."
    ),
]
ExtentOption = Annotated[
    str,
    typer.Option(
        "--extent",
        help="branch: what moves with the clicks; tree: everything that vessels "
        "connect to them; vessels: all vessels of the frame, corrected by the clicks.",
    ),
]
LARGEST_CLASS = 255  # label files hold numbers of 8 bits
Class = Annotated[
    int,
    typer.Option(
        "--class", min=1, max=LARGEST_CLASS, help="Class number of the object."
    ),
]


def click(
    cine: OneCine,
    out: Out,
    frame: Frame = 0,
    positive: Positive = None,
    negative: Negative = None,
    threshold: Score = None,
    extent: ExtentOption = "branch",
    class_number: Class = 1,
    model: Model = Path("propagation-xa"),
    whole_picture: WholePicture = False,
    overwrite: Overwrite = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Turn clicks on a frame into a mask: what moves with the clicks is the object.

    The positive points get a motion, the negative points stay still, and a network
    predicts what follows them. The other frames of the label file are not labelled.
    """
    from napari_motionseg.guidance import Clicks, click_mask, load_propagator
    from napari_motionseg.guidance.mask_of_clicks import check_clicks

    clicks = Clicks(
        points_of(parsed_numbers("--positive", positive, "RC")),
        points_of(parsed_numbers("--negative", negative, "RC")),
    )
    require_target(
        out, (cine, model), folder="" if out.suffix else "masks", overwrite=overwrite
    )
    loop, picture, field = read_frame(cine, frame, whole_picture)
    shape = picture.shape[0], picture.shape[1]
    check_clicks(clicks, shape, cast("Extent", extent), field)
    propagator = load_propagator(model, device)
    found = click_mask(
        propagator, propagator.prepare(picture), clicks,
        threshold=threshold, extent=cast("Extent", extent), field=field,
    )  # fmt: skip
    if found.note:
        print_note(found.note)
    _write(out, loop, frame, found, class_number, overwrite)
    row = _row(out, loop, frame, found)
    line = f"{out}: {row['pixels']} pixels of frame {frame}"
    print_result(row, line, as_json)


def _row(out: Path, loop: Cine, frame: int, found: ClickMask) -> dict[str, Any]:
    return {
        "out": str(out),
        **source_of(loop),
        "frame": frame,
        "pixels": int(found.mask.sum()),
        "share": round(float(found.mask.mean()), 5),
        "note": found.note,
    }


def _write(
    out: Path,
    loop: Cine,
    frame: int,
    found: ClickMask,
    class_number: int,
    overwrite: bool,
) -> None:
    """Write the mask as labels of its frame."""
    import numpy as np

    from napari_motionseg.io import write_masks

    labels = np.zeros(loop.shape, np.uint8 if class_number < 256 else np.uint16)
    labels[frame] = class_number * found.mask.astype(labels.dtype)
    labelled = np.arange(len(loop)) == frame
    write_masks(
        out, labels, labelled=labelled, frame_times=loop.frame_times,
        pixel_spacing=loop.pixel_spacing, content=loop.content_hash(),
        overwrite=overwrite,
    )  # fmt: skip
