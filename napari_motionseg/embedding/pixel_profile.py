"""Describe the values of one pixel for the readout under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.frame_vectors import FrameVectors, Pixel, inside_image
from napari_motionseg.models.class_names import CLASS_NAMES
from napari_motionseg.motion import SpeedScale


@dataclass(frozen=True)
class PixelProfile:
    """Gray value, similarity, flow and class of one pixel.

    Parameters
    ----------
    gray
        Gray value in [0, 1].
    norm
        Length of the embedding vector.
    flow
        Motion x and y in px, or None where no flow begins.
    similarity
        Cosine similarity to the anchor in [-1, 1], or None without an anchor.
    probabilities
        Probability of each class, the background first, or None for a network without
        classes.
    scale
        Scale from pixels to speed; None to give the motion in px only.
    classes
        Names of the classes, the background first; further classes are numbered.
    """

    gray: float
    norm: float
    flow: tuple[float, float] | None = None
    similarity: float | None = None
    probabilities: tuple[float, ...] | None = None
    scale: SpeedScale | None = None
    classes: tuple[str, ...] = CLASS_NAMES

    @property
    def words(self) -> str:
        """All values in one line of text."""
        parts = []
        if self.probabilities is not None:
            parts.append(_class_words(self.probabilities, self.classes))
        if self.similarity is not None:
            parts.append(f"similarity to the anchor {self.similarity:+.2f}")
        if self.flow is not None:
            parts.append(f"moves {(self.scale or SpeedScale(1)).of_motion(*self.flow)}")
        parts.append(f"gray value {self.gray:.0%}".replace("%", " %"))
        parts.append(f"vector length {self.norm:.2f}")
        return " · ".join(parts)


def pixel_profile(
    pixel: Pixel,
    frame: NDArray[np.floating],
    vectors: FrameVectors,
    flow: NDArray[np.floating] | None = None,
    similarity: NDArray[np.floating] | None = None,
    probabilities: NDArray[np.floating] | None = None,
    *,
    scale: SpeedScale | None = None,
) -> PixelProfile:
    """Return the values of a pixel.

    Parameters
    ----------
    pixel
        Row and column of the pixel.
    frame
        ``(H, W)`` gray values in [0, 1].
    vectors
        Embedding of the frame.
    flow
        ``(2, H, W)`` flow in px, or None if there is none.
    similarity
        ``(H, W)`` similarity to the anchor, or None without an anchor.
    probabilities
        ``(classes,)`` probabilities of this pixel, as `class_probabilities` returns
        them, or None for a network without classes.
    scale
        Scale from pixels to speed; None to give the motion in px only.

    Raises
    ------
    SettingsError
        If the pixel is outside the frame.
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
        scale=scale,
    )


def _class_words(probabilities: Sequence[float], names: Sequence[str]) -> str:
    """Describe the probability of vessel, or of the most likely of several classes."""
    best = 1 if len(probabilities) == 2 else int(np.argmax(probabilities))
    name = names[best] if best < len(names) else f"class {best}"
    return f"{name} {probabilities[best]:.0%}".replace("%", " %")
