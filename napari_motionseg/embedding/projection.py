"""Show an embedding as a colour picture by a random projection.

The first column of figure 3 of Ma et al. (2019) projects the 64 numbers of each pixel
to three at random and shows them as red, green and blue. A seed determines the
projection, which is the same on all frames. A colour has one meaning on all frames only
if the contrast is the same, too; a `Palette` therefore holds both. Principal components
are another choice, which none of the papers shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.embedding.frame_vectors import FrameVectors
from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

FloatArray = NDArray[np.float32]
Method = Literal["random", "orthogonal", "pca"]
# percentiles of the projected values that are shown at no and full brightness
PERCENTILES = (1.0, 99.0)
SAMPLE = 2048  # pixels that represent a frame when contrast and axes are computed
# 1 at low frequencies, 0 where neighbours alternate; maximally flat in between
SMOOTH = np.array([-1, 4, 10, 4, -1], np.float32) / 16


def projection_matrix(
    dimensions: int, seed: int = 0, *, orthogonal: bool = False
) -> FloatArray:
    """Return a Gaussian random projection ``(3, D)`` to colour.

    Parameters
    ----------
    dimensions
        Number D of dimensions of the embedding, at least 1; at least 3 if `orthogonal`.
    seed
        Seed that determines the matrix.
    orthogonal
        Whether to make the three rows orthonormal, so that no direction is shown twice.
        The paper's projection is not orthogonal.

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
    """Multiply each pixel of ``(D, H, W)`` by `matrix` ``(3, D)``.

    The result is ``(3, H, W)``.

    Raises
    ------
    SettingsError
        If embedding and matrix differ in D.
    """
    if embedding.ndim != 3 or embedding.shape[0] != matrix.shape[1]:
        raise SettingsError(
            f"embedding must be (D, H, W) with D = {matrix.shape[1]}; got shape "
            f"{embedding.shape}"
        )
    flat = embedding.reshape(embedding.shape[0], -1).astype(np.float32, copy=False)
    return (matrix @ flat).reshape(3, *embedding.shape[1:])


def contrast_limits(
    projected: FloatArray, percentiles: tuple[float, float] = PERCENTILES
) -> FloatArray:
    """Return ``(3, 2)``: the values shown black and at full brightness, by colour.

    Compute the limits once, for one frame or several concatenated ones, and use them
    for all frames.
    """
    low, high = np.percentile(projected.reshape(3, -1), percentiles, axis=1)
    return np.stack([low, high], axis=1).astype(np.float32)


def colorize(projected: FloatArray, limits: FloatArray) -> FloatArray:
    """Scale ``(3, H, W)`` to colours ``(H, W, 3)`` in [0, 1].

    A flat channel is gray.
    """
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
    percentiles: tuple[float, float] = PERCENTILES,
) -> FloatArray:
    """Show an embedding in colours by a random projection.

    Parameters
    ----------
    embedding
        ``(D, H, W)`` embedding of a frame.
    seed
        Seed that determines the projection.
    orthogonal
        Whether to make the three directions of the projection orthonormal.
    limits
        ``(3, 2)`` from `contrast_limits`, which keep colours the same on all frames;
        None to compute them from this frame.
    percentiles
        Percentiles of the projected values that are shown black and at full
        brightness, if `limits` is None.

    Returns
    -------
    NDArray
        ``(H, W, 3)`` float32 in [0, 1].

    Raises
    ------
    SettingsError
        If the embedding is not ``(D, H, W)`` or has too few dimensions.
    """
    if embedding.ndim != 3:
        raise SettingsError(f"embedding must be (D, H, W); got {embedding.shape}")
    matrix = projection_matrix(embedding.shape[0], seed, orthogonal=orthogonal)
    projected = project(embedding, matrix)
    if limits is None:
        limits = contrast_limits(projected, percentiles)
    return colorize(projected, limits)


def without_checkerboard(values: FloatArray) -> FloatArray:
    """Remove from values what alternates from one pixel to the next.

    The learnt 2 x 2 step of a U-Net's decoder has separate weights for each of its four
    pixels. The differences between them come from the network and not from the frame:
    they show as stripes and, most of all at the border, as a checkerboard. This filter
    removes the highest frequency; cubic ramps, and thus edges of vessels, do not
    change.

    Parameters
    ----------
    values
        ``(H, W)`` float32 projected values.
    """
    for axis in (0, 1):
        # mirrored at the middle of the last pixel, alternation goes on beyond the edge
        values = ndimage.convolve1d(values, SMOOTH, axis=axis, mode="mirror")
    return values


def principal_matrix(sample: NDArray[np.floating]) -> FloatArray:
    """Return the three directions ``(3, D)`` along which vectors differ most.

    Parameters
    ----------
    sample
        ``(D, N)`` vectors, N >= 1, D >= 3. The largest component of each direction is
        made positive, so that the same sample gives the same colours on any computer.

    Raises
    ------
    SettingsError
        If there are too few dimensions or vectors.
    """
    if sample.ndim != 2 or sample.shape[0] < 3 or not sample.shape[1]:
        raise SettingsError(
            f"principal components need vectors (D, N), D >= 3; got {sample.shape}"
        )
    centred = sample.astype(np.float64) - sample.mean(axis=1, keepdims=True)
    rows = np.linalg.eigh(centred @ centred.T)[1][:, :-4:-1].T
    largest = np.take_along_axis(rows, np.abs(rows).argmax(1, keepdims=True), axis=1)
    return np.asarray(rows * np.sign(largest), np.float32)


def sample_vectors(
    embedding: NDArray[np.floating], count: int = SAMPLE
) -> NDArray[np.floating]:
    """Return vectors ``(D, N)`` of pixels spread evenly over ``(D, H, W)``."""
    flat = embedding.reshape(len(embedding), -1)
    pixels = np.linspace(0, flat.shape[1] - 1, min(count, flat.shape[1]))
    return flat[:, pixels.round().astype(int)]


@dataclass(frozen=True, eq=False)
class Palette:
    """A projection with its contrast, which gives colours one meaning on all frames.

    Parameters
    ----------
    matrix
        ``(3, D)`` matrix of the projection.
    limits
        ``(3, 2)`` projected values shown black and at full brightness, by colour.
    """

    matrix: FloatArray
    limits: FloatArray

    @classmethod
    def of(
        cls, sample: NDArray[np.floating], method: Method = "random", seed: int = 0
    ) -> Palette:
        """Make a palette for the frames from which a sample was taken.

        Parameters
        ----------
        sample
            ``(D, N)`` vectors of these frames, as `sample_vectors` returns them.
        method
            ``"random"``, as in the papers; ``"orthogonal"``, with three orthonormal
            directions; ``"pca"``, principal components, which the papers do not use.
        seed
            Seed of the random methods: it determines the matrix for any checkpoint of
            as many dimensions.

        Raises
        ------
        SettingsError
            If the method is unknown, or there are too few dimensions for it.
        """
        if method not in get_args(Method):
            choices = dict.fromkeys(get_args(Method))
            raise SettingsError(unknown_name("projection", method, choices))
        if method == "pca":
            matrix = principal_matrix(sample)
        else:
            orthogonal = method == "orthogonal"
            matrix = projection_matrix(len(sample), seed, orthogonal=orthogonal)
        return cls(matrix, contrast_limits(matrix @ sample.astype(np.float32)))

    def colors(self, vectors: FrameVectors) -> NDArray[np.uint8]:
        """Return the colours ``(H, W, 3)`` of a frame; a flat channel is gray.

        Alternation from pixel to pixel is removed, see `without_checkerboard`.

        Raises
        ------
        SettingsError
            If the vectors have another D than the matrix.
        """
        projected = vectors.products(self.matrix)
        colors = np.empty((*projected.shape[1:], 3), np.uint8)
        for channel, (low, high) in enumerate(self.limits):
            values = without_checkerboard(projected[channel])
            if high > low:
                values -= low
                values *= 255 / (high - low)
                np.clip(values, 0, 255, out=values)
            else:
                values[...] = 127.5
            colors[..., channel] = values
        return colors
