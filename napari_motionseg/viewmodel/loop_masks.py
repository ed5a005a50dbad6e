"""Hold the masks of a loop: probabilities, the threshold, and corrections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io import Labels
from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.segmentation.obeyed_labels import obeying
from napari_motionseg.segmentation.postprocess import postprocess_mask
from napari_motionseg.viewmodel.mask_corrections import (
    UNTOUCHED,
    DrawnStrokes,
    corrected,
    merged,
)


class LoopMasks:
    """Masks of all frames, which a threshold can change.

    A mask consists of the network's result and of pixels that the user has corrected. A
    threshold does not change corrected pixels.

    Parameters
    ----------
    loop
        The image layer of the loop.
    layer
        The labels layer that shows the masks, ``(T, H, W)`` or, of a single frame,
        ``(H, W)``, 0 = background. The user may paint on it.
    done
        ``(T,)`` bool, True for segmented frames; the array is updated in place.
    model
        Name of the file of the network that makes the masks; empty if it is unknown.

    Attributes
    ----------
    probabilities
        ``(T, H, W)`` float16 probability of each pixel to belong to any class but the
        background.
    likeliest
        ``(T, H, W)`` uint8 number of the most probable class except the background.
    confirmed
        ``(T,)`` bool, True for frames that the user has confirmed. A threshold does not
        change them any more.
    strange
        Whether the loop is so unlike the network's training pictures that the masks are
        not to be trusted.
    labels
        Labels that the masks obey, or None if nothing was painted.
    corrections
        ``(H, W)`` uint8 by the index of its frame: class that the user gave to a pixel,
        `UNTOUCHED` elsewhere.
    """

    def __init__(
        self, loop: Any, layer: Any, done: NDArray[np.bool_], model: str = ""
    ) -> None:
        self.loop = loop
        self.model = model
        self.layer = layer
        self.done = done
        stack = (len(done), *layer.data.shape[-2:])
        self.probabilities = np.zeros(stack, np.float16)
        self.likeliest = np.ones(stack, np.uint8)
        self.confirmed = np.zeros(len(done), bool)
        self.strange = False
        self.labels: Labels | None = None
        self.corrections: dict[int, NDArray[np.uint8]] = {}
        self._drawn: dict[int, DrawnStrokes] = {}
        # masks as the network made them, without corrections
        self._made = np.zeros(stack, np.uint8)

    @property
    def known(self) -> MaskProbabilities:
        """Probabilities, confirmations and corrections to store, without a copy."""
        return MaskProbabilities(
            self.probabilities, self.likeliest, self.confirmed, self.corrections
        )

    def resume(self, known: MaskProbabilities) -> None:
        """Use probabilities of an earlier session, whose masks the layer already shows.

        Parameters
        ----------
        known
            The probabilities, with the corrections that no threshold may change. The
            arrays are used without a copy and changed in place.
        """
        self.probabilities, self.likeliest = known.probabilities, known.likeliest
        self.confirmed, self.corrections = known.confirmed, known.corrections
        for t in range(len(self.done)):
            # what the layer shows is nothing new, and no label follows from it
            self._made[t] = self.mask(t)
            corrections = self.corrections.get(t)
            if corrections is not None:
                touched = corrections != UNTOUCHED
                self._made[t][touched] = UNTOUCHED  # the network's class is not known
                # a kill can have come between the correction and its pixels
                self.mask(t)[touched] = corrections[touched]

    def mask(self, t: int) -> NDArray[np.uint8]:
        """Return the displayed mask ``(H, W)`` of a frame."""
        data = np.asarray(self.layer.data)
        return data[t] if data.ndim == 3 else data

    def made(self, t: int) -> NDArray[np.uint8]:
        """Return the mask ``(H, W)`` of a frame as the network made it."""
        made: NDArray[np.uint8] = self._made[t]
        return made

    def put(self, t: int, mask: NDArray[np.uint8]) -> None:
        """Show a mask ``(H, W)`` on a frame, except where the user has corrected it."""
        if not self.confirmed[t]:
            self._made[t] = mask
            self.mask(t)[...] = self._expected(t)

    def changed(self, t: int) -> NDArray[np.bool_]:
        """Return the changed pixels ``(H, W)`` of a mask that are not yet noted."""
        return np.asarray(self.mask(t) != self._expected(t))

    def note_corrections(self, t: int) -> bool:
        """Find pixels of a frame that the user has changed, also by undo.

        Parameters
        ----------
        t
            Index of the frame.

        Returns
        -------
        bool
            Whether any pixel was changed since the last call.
        """
        known = self.corrections.get(t)
        found = corrected(self.mask(t), self._made[t], known)
        if found is None:
            return False
        self._correct(t, found)
        return True

    def take_strokes(self, t: int, drawn: NDArray[np.uint8]) -> bool:
        """Make strokes on a frame corrections, also where the mask agrees with them.

        Parameters
        ----------
        t
            Index of the frame.
        drawn
            ``(H, W)`` class of each pixel that is drawn, `UNTOUCHED` elsewhere. What is
            drawn no more, as after undo, is corrected no more.

        Returns
        -------
        bool
            Whether any correction has changed.
        """
        known = self.corrections.get(t)
        if t not in self._drawn and (drawn == UNTOUCHED).all():
            return False
        strokes = self._drawn.setdefault(t, DrawnStrokes(drawn.shape))
        found = strokes.replace(known, drawn)
        if (found == (UNTOUCHED if known is None else known)).all():
            return False
        self._correct(t, found)
        self.mask(t)[...] = self._expected(t)
        return True

    def keep_strokes(self, t: int, pixels: NDArray[np.bool_]) -> None:
        """Keep corrections of pixels ``(H, W)`` of a frame when their strokes go."""
        if t in self._drawn:
            self._drawn[t].keep(pixels)

    @property
    def stroked(self) -> tuple[int, ...]:
        """Indices of the frames that have corrections or strokes."""
        return tuple(sorted({*self.corrections, *self._drawn}))

    def _correct(self, t: int, found: NDArray[np.uint8]) -> None:
        self.corrections[t] = found
        if (found == UNTOUCHED).all():
            del self.corrections[t]

    def _expected(self, t: int) -> NDArray[np.uint8]:
        return merged(self._made[t], self.corrections.get(t))

    def add(self, t: int, probability: NDArray[Any], likeliest: NDArray[Any]) -> None:
        """Store the result of a frame that was just segmented.

        Parameters
        ----------
        t
            Index of the frame; nothing happens outside the loop.
        probability
            ``(H, W)`` probability of each pixel to belong to any class but the
            background.
        likeliest
            ``(H, W)`` number of the most probable class except the background.
        """
        if 0 <= t < len(self.done):
            self.probabilities[t], self.likeliest[t] = probability, likeliest
            self.done[t] = True

    @property
    def adjustable(self) -> tuple[int, ...]:
        """Indices of the frames that a threshold changes."""
        return tuple(int(t) for t in np.flatnonzero(self.done & ~self.confirmed))

    def cleaned(
        self, frames: Iterable[int], threshold: float, smallest: int
    ) -> dict[int, NDArray[np.uint8]]:
        """Return the masks of frames at a threshold; any thread may call this.

        Parameters
        ----------
        frames
            Indices of frames.
        threshold, smallest
            See `postprocess_mask`.

        Returns
        -------
        dict
            The mask ``(H, W)`` by the index of its frame.
        """
        return {t: self._cleaned(t, threshold, smallest) for t in frames}

    def _cleaned(self, t: int, threshold: float, smallest: int) -> NDArray[np.uint8]:
        mask = postprocess_mask(
            self.probabilities[t], self.likeliest[t], threshold, smallest
        )
        return mask if self.labels is None else obeying(mask, self.labels.target(t))
