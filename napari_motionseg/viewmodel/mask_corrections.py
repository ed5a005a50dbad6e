"""Find the user's corrections of a mask, and derive labels from them.

A correction determines the pixels that it changed, and the background in a narrow
margin around them, which the user has examined. It does not determine the rest of the
frame: branches that the mask misses there must not become background. The button *This
frame is right* confirms a whole frame.

All arrays in this module belong to one frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.io.label_numbers import BACKGROUND, IMPLIED_BACKGROUND

UNTOUCHED = 255  # in corrections: the user has not changed this pixel
MARGIN_SHARE = 1 / 170  # share of the shorter side of a frame; 3 px for 512 px
LEAST_MARGIN = 2  # px


def corrected(
    mask: NDArray[np.uint8],
    made: NDArray[np.uint8],
    known: NDArray[np.uint8] | None,
) -> NDArray[np.uint8] | None:
    """Return the corrections of the displayed mask; None if nothing has changed.

    Parameters
    ----------
    mask
        ``(H, W)`` classes as they are shown, 0 = background.
    made
        ``(H, W)`` classes that the network made.
    known
        ``(H, W)`` known corrections, `UNTOUCHED` elsewhere; None if there are none. A
        pixel that was set back to the network's class is not a correction.

    Returns
    -------
    NDArray or None
        ``(H, W)``: the class of each corrected pixel, `UNTOUCHED` elsewhere.
    """
    changed = mask != merged(made, known)
    if not changed.any():
        return None
    before = np.full_like(mask, UNTOUCHED) if known is None else known
    now = np.where(mask == made, np.uint8(UNTOUCHED), mask)
    found: NDArray[np.uint8] = np.where(changed, now, before).astype(np.uint8)
    return found


def merged(
    made: NDArray[np.uint8], corrections: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Return a mask ``(H, W)`` with its corrections in it."""
    if corrections is None:
        return made
    return np.where(corrections == UNTOUCHED, made, corrections)


def corrected_pixels(
    corrections: NDArray[np.uint8] | None, size: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return the pixels ``(H, W)`` that the user has corrected."""
    if corrections is None:
        return np.zeros(size, bool)
    return np.asarray(corrections != UNTOUCHED, bool)


def correction_labels(
    mask: NDArray[np.uint8], corrections: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Return the labels that follow from the corrections of a mask.

    Parameters
    ----------
    mask
        ``(H, W)`` classes as they are shown, 0 = background.
    corrections
        ``(H, W)`` class of each corrected pixel, `UNTOUCHED` elsewhere; None if nothing
        was corrected.

    Returns
    -------
    NDArray
        ``(H, W)`` numbers of the screen: the classes of the mask on corrected pixels,
        and implied background where the mask has none on them and in the margin; 0
        elsewhere. An eraser draws nothing: background is not drawn, because a stroke of
        it would stand where the user has erased, and neither are classes in the margin,
        because they would stand as stubs around that place.
    """
    labels = np.zeros(mask.shape, np.uint8)
    core = corrected_pixels(corrections, mask.shape)
    if not core.any():
        return labels
    margin = max(LEAST_MARGIN, round(min(mask.shape) * MARGIN_SHARE))
    near = ndimage.distance_transform_cdt(~core, "chessboard") <= margin
    labels[near & (mask == 0)] = IMPLIED_BACKGROUND
    labels[core] = np.where(mask[core] == 0, IMPLIED_BACKGROUND, mask[core])
    return labels


def unsaid(
    corrections: NDArray[np.uint8] | None,
    drawn: NDArray[np.uint8],
    made: NDArray[np.uint8],
) -> NDArray[np.uint8] | None:
    """Return the corrections of a frame from which labels follow.

    Strokes say themselves what is corrected. A stroke of a class has a margin, as other
    corrections have, where it contradicts the network; background that is drawn has
    none, because the rest of a false vessel in the margin would become truth.

    Parameters
    ----------
    corrections
        ``(H, W)`` class of each corrected pixel, `UNTOUCHED` elsewhere; None if nothing
        was corrected.
    drawn
        ``(H, W)`` class of each pixel that is drawn in the labels, `UNTOUCHED`
        elsewhere.
    made
        ``(H, W)`` classes that the network made.
    """
    if corrections is None:
        return None
    said = (corrections == drawn) & ((drawn == 0) | (drawn == made))
    return np.where(said, np.uint8(UNTOUCHED), corrections)


def frame_labels(
    mask: NDArray[np.uint8], painted: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return the labels of a frame that the user has confirmed.

    Parameters
    ----------
    mask
        ``(H, W)`` classes as they are shown, 0 = background.
    painted
        ``(H, W)`` labels that are painted already, in numbers of the screen. Drawn
        background stays drawn where it does not contradict the mask.
    """
    rest = np.where(painted == BACKGROUND, BACKGROUND, IMPLIED_BACKGROUND)
    return np.where(mask == 0, rest, mask).astype(np.uint8)


class GivenLabels:
    """Labels of one frame that come from corrections, and are removed by undo.

    Parameters
    ----------
    size
        Rows and columns of the frame.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._given = np.zeros(size, np.uint8)
        self._beneath = np.zeros(size, np.uint8)

    def own(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return labels ``(H, W)`` without those that come from corrections."""
        ours = (self._given != 0) & (labels == self._given)
        return np.where(ours, self._beneath, labels)

    def replace(
        self,
        labels: NDArray[np.uint8],
        wanted: NDArray[np.uint8],
        core: NDArray[np.bool_],
    ) -> NDArray[np.uint8]:
        """Return the labels of the frame with other corrections in them.

        Labels from earlier corrections that were not painted over since are replaced by
        the labels of before. Painted labels in the margin do not change.

        Parameters
        ----------
        labels
            ``(H, W)`` labels as they are painted now.
        wanted
            ``(H, W)`` labels that the corrections of now stand for, 0 elsewhere.
        core
            ``(H, W)``: the corrected pixels themselves, which replace any paint.
        """
        own = self.own(labels)
        gives = core | ((wanted != 0) & (own == 0))
        self._given = np.where(gives, wanted, 0).astype(np.uint8)
        self._beneath = np.where(gives, own, 0).astype(np.uint8)
        return np.where(gives, wanted, own).astype(np.uint8)


class DrawnStrokes:
    """Corrections of one frame that come from strokes in the labels, and go with them.

    A stroke that says what the mask shows already changes no pixel of it. It is a
    correction all the same: no threshold may change the class there.

    Parameters
    ----------
    size
        Rows and columns of the frame.
    """

    def __init__(self, size: tuple[int, ...]) -> None:
        # class of each pixel that a stroke has corrected, and the correction of before
        self._ours = np.full(size, UNTOUCHED, np.uint8)
        self._beneath = np.full(size, UNTOUCHED, np.uint8)

    def replace(
        self, corrections: NDArray[np.uint8] | None, drawn: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Return the corrections of the frame with the strokes in them.

        Parameters
        ----------
        corrections
            ``(H, W)`` class of each corrected pixel, `UNTOUCHED` elsewhere; None if
            nothing was corrected.
        drawn
            ``(H, W)`` class of each pixel that is drawn now, `UNTOUCHED` elsewhere.
            Where nothing is drawn any more, the corrections of before return.
        """
        known = np.full_like(self._beneath, UNTOUCHED)
        if corrections is not None:
            known = corrections
        ours = (self._ours != UNTOUCHED) & (known == self._ours)
        own = np.where(ours, self._beneath, known)
        takes = (drawn != UNTOUCHED) & (own != drawn)
        self._ours = np.where(takes, drawn, UNTOUCHED).astype(np.uint8)
        self._beneath = np.where(takes, own, UNTOUCHED).astype(np.uint8)
        return np.where(takes, drawn, own).astype(np.uint8)

    def keep(self, pixels: NDArray[np.bool_]) -> None:
        """Keep the corrections of pixels ``(H, W)`` when their strokes go."""
        self._ours[pixels] = UNTOUCHED
