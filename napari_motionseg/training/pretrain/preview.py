"""Draw previews of an embedding while it is trained."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.projection import PERCENTILES, random_projection
from napari_motionseg.embedding.similarity import similarity_map

MARK_PX = 3  # half the side of the square around the reference pixel
RED = (255, 40, 40)

Picture = NDArray[np.uint8]


def draw_preview(
    frame: NDArray[np.float32],
    embedding: NDArray[np.float32],
    pixel: tuple[int, int],
) -> Picture:
    """Return frame, projection and similarity side by side.

    Parameters
    ----------
    frame
        Gray values ``(H, W)`` in [0, 1].
    embedding
        Embedding ``(D, H, W)``; only the directions of the vectors count.
    pixel
        Row and column of the pixel to which all others are compared; a red square marks
        it.

    Returns
    -------
    ndarray
        Picture ``(H, 3 W, 3)`` uint8.
    """
    lengths = np.linalg.norm(embedding, axis=0)
    unit = embedding / np.maximum(lengths, np.finfo(np.float32).tiny)
    colours = (random_projection(unit) * 255).round().astype(np.uint8)
    # stretched, because early in training all pixels are nearly alike
    similarity = _stretched(np.clip(similarity_map(unit, pixel), 0, 1))
    return np.concatenate(
        (_gray(frame), colours, _marked(_gray(similarity), pixel)), axis=1
    )


def _stretched(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch ``(H, W)`` to 0 to 1, clipping a hundredth at either end."""
    low, high = np.percentile(values, PERCENTILES)
    span = max(high - low, np.finfo(np.float32).tiny)
    stretched: NDArray[np.float32] = np.clip((values - low) / span, 0, 1)
    return stretched.astype(np.float32)


def _gray(values: NDArray[np.float32]) -> Picture:
    """Convert ``(H, W)`` in [0, 1] to ``(H, W, 3)`` uint8."""
    gray = (values * 255).round().astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=-1)


def _marked(picture: Picture, pixel: tuple[int, int]) -> Picture:
    """Return the picture with a red square around a pixel."""
    marked = picture.copy()
    row, column = pixel
    ring = np.zeros(picture.shape[:2], bool)
    for reach, value in ((MARK_PX, True), (MARK_PX - 1, False)):
        rows = slice(max(0, row - reach), row + reach + 1)
        columns = slice(max(0, column - reach), column + reach + 1)
        ring[rows, columns] = value
    marked[ring] = RED
    return marked
