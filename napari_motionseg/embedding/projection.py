"""Random projections: an embedding seen as a colour picture.

The first column of figure 3 of Ma et al. (2019) projects the 64 numbers of each pixel
to three at random and shows them as red, green and blue. One seed is one projection:
the same on every frame, so that a colour means the same everywhere, as long as the
contrast is the same too (`contrast_limits`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError

FloatArray = NDArray[np.float32]


def projection_matrix(
    dimensions: int, seed: int = 0, *, orthogonal: bool = False
) -> FloatArray:
    """Return a Gaussian random projection ``(3, D)`` to colour.

    Parameters
    ----------
    dimensions
        D, the embedding's dimensions, at least 1; at least 3 if `orthogonal`.
    seed
        One seed, one matrix.
    orthogonal
        Make the three rows orthonormal, so that no direction is seen twice. The
        paper's is plain.

    Raises
    ------
    SettingsError
        If there are too few dimensions.
    """
    least = 3 if orthogonal else 1
    if dimensions < least:
        raise SettingsError(
            f"dimensions must be at least {least} to project to three colours"
            f"{' at right angles' if orthogonal else ''}; got {dimensions}"
        )
    rows = np.random.default_rng(seed).standard_normal((3, dimensions))
    if orthogonal:
        rows = np.linalg.qr(rows.T)[0].T
    else:
        rows /= np.sqrt(dimensions)
    return rows.astype(np.float32)


def project(embedding: NDArray[np.floating], matrix: FloatArray) -> FloatArray:
    """Return ``(3, H, W)``: `matrix` ``(3, D)`` times each pixel of ``(D, H, W)``.

    Raises
    ------
    SettingsError
        If the two differ in D.
    """
    if embedding.ndim != 3 or embedding.shape[0] != matrix.shape[1]:
        raise SettingsError(
            f"embedding must be (D, H, W) with D = {matrix.shape[1]}; got shape "
            f"{embedding.shape}"
        )
    flat = embedding.reshape(embedding.shape[0], -1).astype(np.float32, copy=False)
    return (matrix @ flat).reshape(3, *embedding.shape[1:])


def contrast_limits(
    projected: FloatArray, percentiles: tuple[float, float] = (1.0, 99.0)
) -> FloatArray:
    """Return ``(3, 2)``: what is shown black and full in each colour.

    Compute them once, for one frame or several concatenated, and use them for all.
    """
    low, high = np.percentile(projected.reshape(3, -1), percentiles, axis=1)
    return np.stack([low, high], axis=1).astype(np.float32)


def colorize(projected: FloatArray, limits: FloatArray) -> FloatArray:
    """Return ``(H, W, 3)`` in [0, 1] from ``(3, H, W)``; a flat channel is gray."""
    low, high = (limits[:, i, None, None] for i in (0, 1))
    span = high - low
    flat = span <= 0
    colors = np.where(flat, 0.5, (projected - low) / np.where(flat, 1, span))
    return np.ascontiguousarray(np.moveaxis(np.clip(colors, 0, 1), 0, -1), np.float32)


def random_projection(
    embedding: NDArray[np.floating],
    seed: int = 0,
    *,
    orthogonal: bool = False,
    limits: FloatArray | None = None,
    percentiles: tuple[float, float] = (1.0, 99.0),
) -> FloatArray:
    """Show an embedding in colours by a random projection.

    Parameters
    ----------
    embedding
        ``(D, H, W)`` floats.
    seed
        Which projection; see `projection_matrix`.
    orthogonal
        See `projection_matrix`.
    limits
        ``(3, 2)`` from `contrast_limits`, to keep colours the same over frames; taken
        from this frame if None.
    percentiles
        Of the projected values: what is shown black and full, if `limits` is None.

    Returns
    -------
    NDArray
        ``(H, W, 3)`` float32 in [0, 1].

    Raises
    ------
    SettingsError
        If the embedding has other axes or too few dimensions.
    """
    if embedding.ndim != 3:
        raise SettingsError(f"embedding must be (D, H, W); got {embedding.shape}")
    matrix = projection_matrix(embedding.shape[0], seed, orthogonal=orthogonal)
    projected = project(embedding, matrix)
    if limits is None:
        limits = contrast_limits(projected, percentiles)
    return colorize(projected, limits)
