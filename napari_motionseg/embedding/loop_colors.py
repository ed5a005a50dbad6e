"""The colours of a loop: one projection and one contrast for all of its frames."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.projection import Method, Palette, sample_vectors
from napari_motionseg.errors import SettingsError


class LoopPalettes:
    """Palettes of a loop, made of samples of those frames that were embedded.

    A palette stays what it is while frames come in, so that no colour changes its
    meaning under a person's eyes; once all frames are there it is made anew, of all.

    Parameters
    ----------
    frames
        How many the loop has.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._samples: dict[int, NDArray[np.floating]] = {}
        self._blank: dict[int, NDArray[np.floating]] = {}  # of damaged frames
        self._made: dict[tuple[Method, int], tuple[int, Palette]] = {}
        self._lock = threading.RLock()

    def __contains__(self, t: int) -> bool:
        return t in self._samples or t in self._blank

    def add(
        self, t: int, embedding: NDArray[np.floating], *, blank: bool = False
    ) -> None:
        """Take a sample of a frame.

        Parameters
        ----------
        t
            Index of the frame.
        embedding
            Its embedding ``(D, H, W)``.
        blank
            Whether the frame is damaged. Its sample has no say once there is another.
        """
        with self._lock:
            if t not in self:
                samples = self._blank if blank else self._samples
                samples[t] = sample_vectors(embedding)

    def palette(self, method: Method, seed: int) -> Palette:
        """Return the palette of a projection.

        Parameters
        ----------
        method, seed
            See `Palette.of`.

        Raises
        ------
        SettingsError
            If no frame was added yet; else see `Palette.of`.
        """
        with self._lock:
            known = len(self._samples) + len(self._blank)
            if not known:
                raise SettingsError("add a frame before you ask for its colours")
            made = self._made.get((method, seed))
            if made is None or made[0] < known == self._frames:
                samples = self._samples or self._blank
                sample = np.concatenate(list(samples.values()), axis=1)
                # that of an earlier seed is not looked at again
                made = (known, Palette.of(sample, method, seed))
                self._made = {(method, seed): made}
            return made[1]
