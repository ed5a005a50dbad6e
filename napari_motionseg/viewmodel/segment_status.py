"""The status line of the Segment dock: what is going on, and what to do next."""

from __future__ import annotations

import numpy as np

from napari_motionseg.viewmodel.segment_state import SegmentState


def status_of(state: SegmentState, device: str) -> str:
    """Return one or two sentences for the user.

    Parameters
    ----------
    state
        The state of the dock.
    device
        The type of the device that computes, such as ``"cpu"`` or ``"cuda"``.
    """
    if state.job is not None:
        return (
            f"{state.job} {device_words(device)}. You can go on looking and painting."
        )
    if state.loop is None:
        return (
            "Open a loop: drag a file into the window, or take File > Open Sample > "
            "MotionSeg."
        )
    if state.masks_shown:
        return (
            "Scrub through the frames. Paint over what is wrong in the masks, or go to "
            "the next frame to label; then train again."
        )
    return _painting_status(state)


def _painting_status(state: SegmentState) -> str:
    if state.painting is None or not np.any(state.painting.data):
        return (
            "Take a brush and draw a few strokes, or press First guess to see what the "
            "model makes of the loop by itself."
        )
    if state.preview_on and len(state.preview_classes) == 1:
        (only,) = state.preview_classes
        others = " or ".join(n for i, n in enumerate(state.names) if i != only)
        if only < len(state.names) and others:
            return (
                f"Only {state.names[only]} is painted: what looks like it is shown. "
                f"Draw some {others} too."
            )
    return (
        "Each stroke changes the preview, on other frames too. Train when you want it "
        "learnt; then segment all frames."
    )


def device_words(device: str) -> str:
    """Return where is computed, as the end of a sentence."""
    return "on the processor" if device == "cpu" else f"on the GPU ({device})"
