"""Keep the colours of a loop: one projection and contrast for all its frames."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.projection import Method, Palette, sample_vectors
from napari_motionseg.errors import SettingsError


class LoopPalettes:
    """Palettes of a loop, made from samples of its embedded frames.

    A palette does not change while frames are added, so that colours keep their
    meaning.
    When all frames are embedded, it is made again from all of them.

    Parameters
    ----------
    frames
        Number of frames of the loop.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._samples: dict[int, NDArray[np.floating]] = {}
        self._blank: dict[int, NDArray[np.floating]] = {}  # samples of damaged frames
        self._made: dict[tuple[Method, int], tuple[int, Palette]] = {}
        self._lock = threading.RLock()

    def __contains__(self, t: int) -> bool:
        return t in self._samples or t in self._blank

    def add(
        self, t: int, embedding: NDArray[np.floating], *, blank: bool = False
    ) -> None:
        """Add a sample of a frame.

        Parameters
        ----------
        t
            Index of the frame.
        embedding
            Embedding ``(D, H, W)`` of the frame.
        blank
            Whether the frame is damaged. Its sample is ignored if there is any other.
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
            Method and seed of the projection; see `Palette.of`.

        Raises
        ------
        SettingsError
            If no frame was added yet, or the projection fails; see `Palette.of`.
        """
        with self._lock:
            known = len(self._samples) + len(self._blank)
            if not known:
                raise SettingsError("no frame is embedded yet; add a frame first")
            made = self._made.get((method, seed))
            if made is None or made[0] < known == self._frames:
                samples = self._samples or self._blank
                sample = np.concatenate(list(samples.values()), axis=1)
                # palettes of earlier seeds are not needed again
                made = (known, Palette.of(sample, method, seed))
                self._made = {(method, seed): made}
            return made[1]
