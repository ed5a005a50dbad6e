"""What the Segment dock says: what is going on, on which device, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import device

    from napari_motionseg.widgets.segment.dock import SegmentDock


def status_of(dock: SegmentDock) -> str:
    """Return one or two sentences for a person."""
    if dock.session.job_title is not None:
        return (
            f"{dock.session.job_title} {device_words(dock.device)}. You can go on "
            "looking and painting."
        )
    if dock.paint.image.layer is None:
        return (
            "Open a loop: drag a file into the window, or take File > Open Sample > "
            "MotionSeg."
        )
    if dock.layers.masks_shown:
        return (
            "Scrub through the frames. Paint over what is wrong in the masks, or go to "
            "the next frame to label; then train again."
        )
    return _of_paint(dock)


def _of_paint(dock: SegmentDock) -> str:
    painting = dock.paint.painting.layer
    if painting is None or not np.any(painting.data):
        return (
            "Take a brush and draw a few strokes, or press First guess to see what the "
            "model makes of the loop by itself."
        )
    painted, names = dock.live.painted, dock.paint.names
    if dock.live.switch.isChecked() and len(painted) == 1:
        name = names[painted[0]]
        others = " or ".join(n for n in names if n != name)
        return (
            f"Only {name} is painted: what looks like it is shown. Draw some {others} "
            "too."
        )
    return (
        "Each stroke changes the preview, on other frames too. Train when you want it "
        "learnt; then segment all frames."
    )


def device_words(place: device) -> str:
    """Return where is computed, as the end of a sentence."""
    return "on the processor" if place.type == "cpu" else f"on the GPU ({place})"
