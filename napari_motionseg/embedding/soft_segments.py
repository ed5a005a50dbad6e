"""Soft segments of the grouping objective as something to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.frame_vectors import FrameVectors


def soft_segments(
    vectors: FrameVectors,
) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Return the segment of each pixel, and how sure it is of it.

    The channels of an embedding that was trained with `objectives.Grouping` are scores
    of segments (Mahendran et al., S3-CNN, figure 2); their softmax are the shares. Of
    any other embedding the answer has no meaning but that of its largest channel.

    Parameters
    ----------
    vectors
        Of a frame, D dimensions.

    Returns
    -------
    labels
        ``(H, W)`` from 1 to D.
    confidence
        ``(H, W)``: the share of that segment, from 1 / D to 1.
    """
    best = vectors.flat.argmax(axis=0)
    largest = vectors.flat.max(axis=0)
    total = np.zeros_like(largest)
    for channel in vectors.flat:  # a whole exponential would take another 64 MiB
        total += np.exp(channel - largest)
    size = (vectors.rows, vectors.columns)
    labels = (best + 1).astype(np.uint16).reshape(size)
    return labels, np.asarray(1 / total, np.float32).reshape(size)
