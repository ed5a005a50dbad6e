"""Describe the activity of the Segment dock, and the next step for the user."""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_motionseg.viewmodel.segment_state import SegmentState

Step = Literal["guess", "train", "apply", "next", ""]


def next_step(state: SegmentState) -> Step:
    """Return the button for the next step, or "" if there is none.

    Parameters
    ----------
    state
        The state of the dock.
    """
    if state.loop is None or not state.idle:
        return ""
    if state.unlearned:
        return "train"
    if state.masks is None:
        return "guess" if state.trained is None else "apply"
    if state.trained is not None and state.masks.model != state.trained.name:
        return "apply"
    return "next"


def status_of(state: SegmentState, device: str | None) -> str:
    """Return one or two sentences for the user.

    Parameters
    ----------
    state
        The state of the dock.
    device
        Type of the device that computes, such as ``"cpu"`` or ``"cuda"``; None while it
        is unknown.
    """
    if state.job is not None:
        place = state.session.run_on
        where = f" on a worker of {place}" if place else device_words(device)
        return f"{state.job}{where}. You can go on looking and painting."
    if state.loop is None:
        return (
            "Open a loop: drag a file into the window, or take File > Open Sample > "
            "MotionSeg."
        )
    if state.masks_shown and state.masks is not None and state.masks.strange:
        return (
            "This does not look like the angiograms that the model was trained on: do "
            "not trust its masks. Paint what is right, then train."
        )
    if state.masks_shown:
        return (
            "Scrub through the frames. Paint over what is wrong in the masks, or go to "
            "the next frame to label; then train."
        )
    return _painting_status(state)


def _painting_status(state: SegmentState) -> str:
    if state.painting is None or not np.any(state.painting.data):
        return (
            "Press First guess to see what the model makes of the loop, or take a "
            "brush and draw a few strokes."
        )
    if state.preview_on and len(state.preview_classes) == 1:
        (only,) = state.preview_classes
        # background and vessel only: a loop may show no catheter
        others = " or ".join(n for i, n in enumerate(state.names[:2]) if i != only)
        if only < len(state.names) and others:
            return (
                f"Only {state.names[only]} is painted: what looks like it is shown. "
                f"Draw some {others} too."
            )
    return (
        "Each stroke changes the preview, on other frames too. Train when you want it "
        "learned; then segment all frames."
    )


def device_words(device: str | None) -> str:
    """Name the device that computes, as the end of a sentence; "" if unknown."""
    if device is None:
        return ""
    return " on the processor" if device == "cpu" else f" on the GPU ({device})"
