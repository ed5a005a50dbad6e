"""Choose the frame to label next in the Segment dock."""

from __future__ import annotations

from napari_motionseg.viewmodel.painting import painted_frames
from napari_motionseg.viewmodel.segment_state import SegmentState


def next_frame(state: SegmentState) -> int | None:
    """Return the frame where a label helps most; put the reason into `state.advice`.

    Parameters
    ----------
    state
        The state of the dock.

    Returns
    -------
    int or None
        Index of the frame; None if there are no masks.

    Raises
    ------
    LabelError
        If every segmented frame is labelled already.
    """
    from napari_motionseg.segmentation.suggest import suggest_frame

    if state.masks is None:
        return None
    labelled = [] if state.painting is None else painted_frames(state.painting)
    found = suggest_frame(state.masks.probabilities, labelled, state.masks.done)
    state.advice = found.reason
    return found.frame
