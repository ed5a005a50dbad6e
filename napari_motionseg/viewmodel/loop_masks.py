"""The masks of a loop with their probabilities; what the threshold makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.segmentation.postprocess import postprocess_mask


class LoopMasks:
    """Masks of all frames that a threshold can still change.

    Parameters
    ----------
    loop
        The image layer of the loop.
    layer
        The labels layer that shows the masks, ``(T, H, W)`` or, of a single frame,
        ``(H, W)``, 0 = background. A person may paint on it.
    done
        ``(T,)`` bool, kept and updated in place: the frames that were segmented.

    Attributes
    ----------
    probabilities
        ``(T, H, W)`` float16: that a pixel is of any class but the background.
    likeliest
        ``(T, H, W)`` uint8: the likeliest class but the background.
    confirmed
        ``(T,)`` bool: the frames that a person has corrected or has taken over into the
        labels. No threshold changes them any more.
    """

    def __init__(self, loop: Any, layer: Any, done: NDArray[np.bool_]) -> None:
        self.loop = loop
        self.layer = layer
        self.done = done
        stack = (len(done), *layer.data.shape[-2:])
        self.probabilities = np.zeros(stack, np.float16)
        self.likeliest = np.ones(stack, np.uint8)
        self.confirmed = np.zeros(len(done), bool)

    @property
    def known(self) -> MaskProbabilities:
        """Probabilities and confirmations to store in a project, without a copy."""
        return MaskProbabilities(self.probabilities, self.likeliest, self.confirmed)

    def resume(self, known: MaskProbabilities, threshold: float, smallest: int) -> None:
        """Take up probabilities of before; the layer shows its masks already.

        Parameters
        ----------
        known
            The probabilities, which go on being changed in place.
        threshold, smallest
            What the masks were made with, see `postprocess_mask`; what differs from
            that was corrected by a person.
        """
        self.probabilities, self.likeliest = known.probabilities, known.likeliest
        self.confirmed = known.confirmed

    def mask(self, t: int) -> NDArray[np.uint8]:
        """Return the mask ``(H, W)`` of a frame as it is shown."""
        data = np.asarray(self.layer.data)
        return data[t] if data.ndim == 3 else data

    def put(self, t: int, mask: NDArray[np.uint8]) -> None:
        """Show a mask ``(H, W)`` on a frame, unless a person has confirmed it."""
        if not self.confirmed[t]:
            self.mask(t)[...] = mask

    def add(self, t: int, probability: NDArray[Any], likeliest: NDArray[Any]) -> None:
        """Take over a frame that was just segmented.

        Parameters
        ----------
        t
            Index of the frame; nothing happens outside the loop.
        probability
            ``(H, W)``: that a pixel is of any class but the background.
        likeliest
            ``(H, W)``: the likeliest class but the background.
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
        """Return the masks of frames at a threshold; any thread may ask.

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
        return {
            t: postprocess_mask(
                self.probabilities[t], self.likeliest[t], threshold, smallest
            )
            for t in frames
        }
