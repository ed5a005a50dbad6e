"""Write labels that were not drawn: corrections, confirmed and filled frames."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.label_numbers import (
    BACKGROUND,
    IMPLIED_BACKGROUND,
    of_target,
)
from napari_motionseg.viewmodel.drawn_strokes import drawn_classes, follow_strokes
from napari_motionseg.viewmodel.loop_masks import LoopMasks
from napari_motionseg.viewmodel.mask_corrections import (
    UNTOUCHED,
    GivenLabels,
    corrected_pixels,
    correction_labels,
    frame_labels,
    unsaid,
)
from napari_motionseg.viewmodel.painting import (
    layer_labels,
    overwrite_frame,
    overwrite_frames,
    painted_frame,
    replace_frame,
    screen_labels,
)


class CorrectedLabels:
    """Labels that corrections of one loop's masks have added to one labels layer.

    Parameters
    ----------
    painting
        The labels layer.
    """

    def __init__(self, painting: Any) -> None:
        self._painting = painting
        self._given: dict[int, GivenLabels] = {}

    def take_corrections(self, masks: LoopMasks, t: int, mode: str) -> None:
        """Copy the corrections of a frame to the labels.

        Corrections that were undone are removed from the labels, so that copying is no
        step of undo: it follows the undo of a stroke, and would only stand in its way.

        Parameters
        ----------
        masks
            Masks with the corrections of the frame.
        t
            Index of the frame.
        mode
            Label mode of a labels layer of another origin.
        """
        mask = masks.mask(t)
        given = self._given.setdefault(t, GivenLabels(mask.shape))
        painted = screen_labels(self._painting, t, mode)
        drawn = drawn_classes(given.own(painted))
        corrections = unsaid(masks.corrections.get(t), drawn, masks.made(t))
        labels = given.replace(
            painted,
            correction_labels(mask, corrections),
            corrected_pixels(corrections, mask.shape),
        )
        if (labels != painted).any():
            replace_frame(self._painting, t, layer_labels(self._painting, labels, mode))

    def take_strokes(self, masks: LoopMasks, t: int, mode: str) -> bool:
        """Make the strokes of a frame corrections of its mask.

        Labels that come from corrections are no strokes.

        Parameters
        ----------
        masks
            Masks that follow the strokes.
        t
            Index of the frame.
        mode
            Label mode of a labels layer of another origin.

        Returns
        -------
        bool
            Whether strokes have changed the corrections.
        """
        if not follow_strokes(masks, self._painting):
            return False
        # most frames have none, and to read all of a loop would take long
        if t not in masks.stroked and not painted_frame(self._painting, t).any():
            return False
        labels, given = screen_labels(self._painting, t, mode), self._given.get(t)
        own = labels if given is None else given.own(labels)
        return masks.take_strokes(t, drawn_classes(own))

    def drop_strokes(self, masks: LoopMasks, t: int, mode: str) -> None:
        """Remove strokes of a frame where the user has changed its mask since.

        What was done last holds: who erases in the masks means the strokes that they
        follow, too. The change of the labels is no step of undo; undo in the masks
        brings the class back as a correction.

        Parameters
        ----------
        masks
            Masks that follow the strokes; their changes are not yet noted.
        t
            Index of the frame.
        mode
            Label mode of a labels layer of another origin.
        """
        if not follow_strokes(masks, self._painting):
            return
        mask, changed = masks.mask(t), masks.changed(t)
        if not changed.any():
            return
        labels, given = screen_labels(self._painting, t, mode), self._given.get(t)
        own = labels if given is None else given.own(labels)
        drawn = drawn_classes(own)
        stale = changed & (drawn != UNTOUCHED) & (drawn != mask)
        if stale.any():
            left = np.where(stale, 0, labels).astype(np.uint8)
            replace_frame(self._painting, t, layer_labels(self._painting, left, mode))

    def confirm(self, t: int, mask: NDArray[np.uint8] | None, mode: str) -> bool:
        """Label all pixels of a frame, as a single step of undo.

        Parameters
        ----------
        t
            Index of the frame.
        mask
            ``(H, W)`` confirmed classes, 0 = background; None for the painted classes.
        mode
            Label mode of a labels layer of another origin.

        Returns
        -------
        bool
            Whether there was anything to confirm.
        """
        painted = screen_labels(self._painting, t, mode)
        if mask is None:
            if not painted.any():
                return False
            mask = np.where(painted < IMPLIED_BACKGROUND, painted, 0).astype(np.uint8)
        self._given.pop(t, None)
        self._write(t, frame_labels(mask, painted), mode)
        return True

    def _write(self, t: int, labels: NDArray[np.uint8], mode: str) -> None:
        overwrite_frame(self._painting, t, layer_labels(self._painting, labels, mode))


def note_corrections(
    masks: LoopMasks, t: int, written: CorrectedLabels | None, mode: str, follow: bool
) -> bool:
    """Note what the user has changed in a mask, and remove strokes that it replaces.

    Parameters
    ----------
    masks
        Masks of the loop.
    t
        Index of the frame.
    written
        The labels layer of the loop, or None.
    mode
        Label mode of a labels layer of another origin.
    follow
        Whether the masks follow strokes now; they do while they are visible.

    Returns
    -------
    bool
        Whether any pixel was changed since the last call.
    """
    if written is not None and follow:
        written.drop_strokes(masks, t, mode)
    return masks.note_corrections(t)


def gap_around(painted: Sequence[int], t: int) -> tuple[int, int] | None:
    """Return the labelled frames before and after a gap; None if there is no gap.

    Parameters
    ----------
    painted
        Indices of the labelled frames, in rising order.
    t
        Index of the frame that is shown: in the gap, or a frame at its end. Of two gaps
        beside a labelled frame, the later one is returned.
    """
    gaps = [(a, b) for a, b in pairwise(painted) if b - a > 1 and a <= t <= b]
    return gaps[-1] if gaps else None


def missing_for_filling(labelled: Collection[int]) -> str:
    """Return what the labels of a loop lack before a gap can be filled; "" if nothing.

    Parameters
    ----------
    labelled
        Indices of the labelled frames.
    """
    frames = sorted(labelled)
    if len(frames) < 2:
        count = f"{len(frames)} frame is" if frames else "none is"
        return f"label two frames with others between them; so far {count} labelled"
    if all(after - before < 2 for before, after in pairwise(frames)):
        return "label a frame farther away: no frames lie between the labelled ones"
    return ""


def write_filled(
    painting: Any, frames: dict[int, NDArray[np.int16]], mode: str
) -> None:
    """Write filled-in frames into a labels layer, as a single step of undo.

    Parameters
    ----------
    painting
        The labels layer.
    frames
        ``(H, W)`` classes, -1 = unlabelled, by the index of their frame. Their
        background is implied: nobody has drawn it.
    mode
        Label mode of a labels layer of another origin.
    """
    labels = {}
    for t, target in frames.items():
        screen = of_target(target)
        screen[screen == BACKGROUND] = IMPLIED_BACKGROUND
        labels[t] = layer_labels(painting, screen, mode)
    overwrite_frames(painting, labels)
