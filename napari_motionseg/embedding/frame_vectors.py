"""The embedding of one frame, made ready to be asked many times a second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError

FloatArray = NDArray[np.float32]
Pixel = tuple[int, int]
# lengths below it are those of no vector: its direction is rounding noise
LEAST_NORM = 1e-12


class FrameVectors:
    """Vectors of a frame in float32, and their lengths, both computed once.

    A similarity map is then one pass over the vectors, and so is each channel of a
    projection. At 512 x 512 pixels and 64 dimensions they take 64 MiB.

    Parameters
    ----------
    embedding
        ``(D, H, W)`` floats, of half precision as caches hold them or of any other.

    Raises
    ------
    SettingsError
        If the embedding has other axes.
    """

    def __init__(self, embedding: NDArray[np.floating]) -> None:
        if embedding.ndim != 3 or 0 in embedding.shape:
            raise SettingsError(
                f"embedding must be (D, H, W); got shape {embedding.shape}"
            )
        dimensions, self.rows, self.columns = embedding.shape
        if embedding.dtype == np.float16:
            # NumPy takes four times as long to convert it
            half = torch.from_numpy(np.ascontiguousarray(embedding))
            single: FloatArray = half.float().numpy()
        else:
            single = np.ascontiguousarray(embedding, np.float32)
        self.flat = single.reshape(dimensions, -1)
        squares = np.einsum("dp,dp->p", self.flat, self.flat)
        self.norms: FloatArray = np.sqrt(squares).reshape(self.rows, self.columns)

    @property
    def dimensions(self) -> int:
        """D."""
        return len(self.flat)

    def at(self, pixels: Sequence[Pixel]) -> FloatArray:
        """Return the vectors ``(K, D)`` of pixels, each row and column.

        Raises
        ------
        SettingsError
            If one is outside the image.
        """
        inside = [inside_image(p, (self.rows, self.columns)) for p in pixels]
        flat = [row * self.columns + column for row, column in inside]
        return np.ascontiguousarray(self.flat[:, flat].T)

    def similarity(self, anchors: Sequence[Pixel]) -> FloatArray:
        """Return the cosine of each pixel with each anchor (Ma et al., equation 4).

        Parameters
        ----------
        anchors
            K rows and columns, inside the image.

        Returns
        -------
        NDArray
            ``(K, H, W)`` float32 in [-1, 1]; 0 where a vector, or the anchor's, has no
            length.

        Raises
        ------
        SettingsError
            If an anchor is outside.
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
        """Return ``(K, H, W)``: `matrix` ``(K, D)`` times the vector of each pixel.

        Raises
        ------
        SettingsError
            If the two differ in D.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.dimensions:
            raise SettingsError(
                f"embedding must be (D, H, W) with D = {matrix.shape[-1]}; got D = "
                f"{self.dimensions}"
            )
        pixels = torch.from_numpy(self.flat).T
        found = torch.empty(len(matrix), pixels.shape[0])
        # row by row: BLAS is slower at a few rows at once than at one after the other
        for row, result in zip(torch.from_numpy(matrix), found, strict=True):
            torch.mv(pixels, row, out=result)
        products: FloatArray = found.numpy()
        return products.reshape(-1, self.rows, self.columns)


def inside_image(pixel: tuple[float, float], size: tuple[int, int]) -> Pixel:
    """Return a pixel's row and column as integers.

    Raises
    ------
    SettingsError
        If it is outside an image of `size`, rows and columns.
    """
    row, column = np.round(np.asarray(pixel, float))
    height, width = size
    if not (0 <= row < height and 0 <= column < width):  # not a number is nowhere
        raise SettingsError(
            f"the anchor (row {row:g}, column {column:g}) is outside the image of "
            f"{height} rows and {width} columns"
        )
    return int(row), int(column)
