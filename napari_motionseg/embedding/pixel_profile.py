"""All that is known of one pixel: what stands under the cursor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.frame_vectors import FrameVectors, Pixel, inside_image


@dataclass(frozen=True)
class PixelProfile:
    """Gray value, similarity, flow and label of one pixel.

    Parameters
    ----------
    gray
        In [0, 1].
    norm
        Length of its vector.
    flow
        x and y in px, or None.
    similarity
        To the anchor, in [-1, 1], or None.
    probabilities
        Of the classes, the background first, or None.
    """

    gray: float
    norm: float
    flow: tuple[float, float] | None = None
    similarity: float | None = None
    probabilities: tuple[float, ...] | None = None

    @property
    def words(self) -> str:
        """All of it in one line for a person."""
        parts = [f"gray {self.gray:.2f}", f"length {self.norm:.2f}"]
        if self.flow is not None:
            across, down = self.flow
            parts.insert(1, f"flow {across:+.1f}, {down:+.1f} px")
        if self.similarity is not None:
            parts.append(f"like the anchor {self.similarity:+.2f}")
        if self.probabilities is not None:
            parts.append(_class_words(self.probabilities))
        return " · ".join(parts)


def pixel_profile(
    pixel: Pixel,
    frame: NDArray[np.floating],
    vectors: FrameVectors,
    flow: NDArray[np.floating] | None = None,
    similarity: NDArray[np.floating] | None = None,
    probabilities: NDArray[np.floating] | None = None,
) -> PixelProfile:
    """Return what is known of a pixel.

    Parameters
    ----------
    pixel
        Row and column.
    frame
        ``(H, W)`` in [0, 1].
    vectors
        Its embedding.
    flow
        ``(2, H, W)`` px, or None.
    similarity
        ``(H, W)``, or None.
    probabilities
        ``(classes,)`` of this pixel, see `class_probabilities`, or None.

    Raises
    ------
    SettingsError
        If the pixel is outside.
    """
    row, column = inside_image(pixel, (vectors.rows, vectors.columns))
    moved = None if flow is None else flow[:, row, column]
    known = None if probabilities is None else tuple(map(float, probabilities))
    return PixelProfile(
        gray=float(frame[row, column]),
        norm=float(vectors.norms[row, column]),
        flow=None if moved is None else (float(moved[0]), float(moved[1])),
        similarity=None if similarity is None else float(similarity[row, column]),
        probabilities=known,
    )


def _class_words(probabilities: tuple[float, ...]) -> str:
    if len(probabilities) == 2:
        return f"class 1: {probabilities[1]:.0%}"
    best = int(np.argmax(probabilities))
    return f"class {best}: {probabilities[best]:.0%}"
