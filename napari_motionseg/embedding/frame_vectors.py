"""Prepare the embedding of one frame for many fast computations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError

FloatArray = NDArray[np.float32]
Pixel = tuple[int, int]
# a shorter vector counts as zero, because its direction would be rounding noise
LEAST_NORM = 1e-12


class FrameVectors:
    """Vectors of a frame in float32 and their lengths, both computed once.

    A similarity map, or a channel of a projection, is then one pass over the vectors.
    For 512 x 512 pixels and 64 dimensions they take 64 MiB.

    Parameters
    ----------
    embedding
        Embedding ``(D, H, W)`` of any floating-point type, such as half precision.

    Raises
    ------
    SettingsError
        If the embedding has other axes.
    """

    def __init__(self, embedding: NDArray[np.floating]) -> None:
        import torch

        if embedding.ndim != 3 or 0 in embedding.shape:
            raise SettingsError(
                f"embedding must be (D, H, W); got shape {embedding.shape}"
            )
        dimensions, self.rows, self.columns = embedding.shape
        if embedding.dtype == np.float16:
            # NumPy would take four times as long for this conversion
            half = torch.from_numpy(np.ascontiguousarray(embedding))
            single: FloatArray = half.float().numpy()
        else:
            single = np.ascontiguousarray(embedding, np.float32)
        self.flat = single.reshape(dimensions, -1)
        squares = np.einsum("dp,dp->p", self.flat, self.flat)
        self.norms: FloatArray = np.sqrt(squares).reshape(self.rows, self.columns)

    @property
    def dimensions(self) -> int:
        """Number D of dimensions of a vector."""
        return len(self.flat)

    def at(self, pixels: Sequence[Pixel]) -> FloatArray:
        """Return the vectors ``(K, D)`` at pixels, which are rows and columns.

        Raises
        ------
        SettingsError
            If a pixel is outside the image.
        """
        inside = [inside_image(p, (self.rows, self.columns)) for p in pixels]
        flat = [row * self.columns + column for row, column in inside]
        return np.ascontiguousarray(self.flat[:, flat].T)

    def similarity(self, anchors: Sequence[Pixel]) -> FloatArray:
        """Return the cosine of each pixel with each anchor (Ma et al., equation 4).

        Parameters
        ----------
        anchors
            Row and column of K anchors inside the image.

        Returns
        -------
        NDArray
            ``(K, H, W)`` float32 in [-1, 1]; 0 if a vector, or that of the anchor, is
            zero.

        Raises
        ------
        SettingsError
            If an anchor is outside the image.
        """
        vectors = self.at(anchors)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        known = lengths > LEAST_NORM
        units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=known)
        cosine = self.products(units)
        known_pixels = self.norms > LEAST_NORM
        np.divide(cosine, self.norms, out=cosine, where=known_pixels)
        cosine[:, ~known_pixels] = 0
        return np.clip(cosine, -1, 1, out=cosine)

    def products(self, matrix: FloatArray) -> FloatArray:
        """Return the products ``(K, H, W)`` of `matrix` ``(K, D)`` and the vectors.

        Raises
        ------
        SettingsError
            If matrix and embedding differ in D.
        """
        import torch

        if matrix.ndim != 2 or matrix.shape[1] != self.dimensions:
            raise SettingsError(
                f"matrix must have D = {self.dimensions} columns; got "
                f"{matrix.shape[-1]}"
            )
        pixels = torch.from_numpy(self.flat).T
        found = torch.empty(len(matrix), pixels.shape[0])
        # row by row, because BLAS is slower for a few rows at once
        for row, result in zip(torch.from_numpy(matrix), found, strict=True):
            torch.mv(pixels, row, out=result)
        products: FloatArray = found.numpy()
        return products.reshape(-1, self.rows, self.columns)


def inside_image(pixel: tuple[float, float], size: tuple[int, int]) -> Pixel:
    """Return a pixel's row and column as integers.

    Raises
    ------
    SettingsError
        If the pixel is outside an image of `size` rows and columns.
    """
    row, column = np.round(np.asarray(pixel, float))
    height, width = size
    if not (0 <= row < height and 0 <= column < width):  # also refuses NaN
        raise SettingsError(
            f"the anchor (row {row:g}, column {column:g}) is outside the image of "
            f"{height} rows and {width} columns"
        )
    return int(row), int(column)
