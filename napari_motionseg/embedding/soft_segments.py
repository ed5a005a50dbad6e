"""Show the soft segments of an embedding that was trained by grouping."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.frame_vectors import FrameVectors


def soft_segments(
    vectors: FrameVectors,
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Return the segment of each pixel, and its share in the segment.

    The channels of an embedding trained with `objectives.Grouping` are scores of
    segments (Mahendran et al., S3-CNN, figure 2); their softmax gives the shares. For
    any other embedding, the result only shows the largest channel.

    Parameters
    ----------
    vectors
        Vectors of a frame, of D dimensions.

    Returns
    -------
    labels
        Segments ``(H, W)`` from 1 to D.
    confidence
        Share ``(H, W)`` of the pixel in its segment, from 1 / D to 1.
    """
    best = vectors.flat.argmax(axis=0)
    largest = vectors.flat.max(axis=0)
    total = np.zeros_like(largest)
    for channel in vectors.flat:  # one exponential of everything would take 64 MiB more
        total += np.exp(channel - largest)
    size = (vectors.rows, vectors.columns)
    labels = (best + 1).astype(np.uint16).reshape(size)
    return labels, np.asarray(1 / total, np.float32).reshape(size)
