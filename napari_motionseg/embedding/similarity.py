"""Compute similarity maps of embeddings and of flow.

These are columns 2 to 5 of figure 3 of Ma et al. (2019).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.flow_kernels import RELATIVE, FlowKernel
from napari_motionseg.embedding.frame_vectors import (
    LEAST_NORM,
    FrameVectors,
    Pixel,
    inside_image,
)
from napari_motionseg.errors import SettingsError
from napari_motionseg.registry import unknown_name

FloatArray = NDArray[np.float32]
Field = NDArray[np.floating]
Combination = Literal["max", "mean"]
SHIFT = (5, 5)  # rows and columns; Ma et al., figure 3


def similarity_map(embedding: Field | FrameVectors, anchor: Pixel) -> FloatArray:
    """Return the cosine of each pixel's embedding with the anchor's (equation 4).

    Parameters
    ----------
    embedding
        Embedding ``(D, H, W)``, or its `FrameVectors`, which are faster for several
        maps.
    anchor
        Row and column of the anchor, inside the image.

    Returns
    -------
    NDArray
        ``(H, W)`` float32 in [-1, 1]; 0 if a vector, or that of the anchor, is zero.

    Raises
    ------
    SettingsError
        If the anchor is outside, or the embedding has other axes.
    """
    result: FloatArray = _vectors(embedding).similarity([anchor])[0]
    return result


def flow_similarity(
    flow: Field, anchor: Pixel, kernel: FlowKernel = RELATIVE
) -> FloatArray:
    """Return the similarity of each pixel's flow with the anchor's.

    Parameters
    ----------
    flow
        Flow ``(2, H, W)`` in px.
    anchor
        Row and column of the anchor, p in equation 6.
    kernel
        Kernel that compares two flows; equation 6 by default.

    Returns
    -------
    NDArray
        Similarity ``(H, W)`` float32 in [0, 1], which is 1 at the anchor.

    Raises
    ------
    SettingsError
        If the anchor is outside, or the flow has other axes.
    """
    row, column = inside_image(anchor, _as_flow(flow).shape[1:])  # type: ignore[arg-type]
    return kernel(flow[:, row, column][:, None, None], flow)


def combine(maps: FloatArray, how: Combination) -> FloatArray:
    """Combine the maps ``(K, H, W)`` of several anchors to one ``(H, W)``.

    Parameters
    ----------
    maps
        Similarity maps ``(K, H, W)``, one for each anchor.
    how
        ``"max"``: similar to any anchor; ``"mean"``: similar to all of them.

    Raises
    ------
    SettingsError
        If there is no map, or the combination is unknown.
    """
    if maps.ndim != 3 or not len(maps):
        raise SettingsError(f"maps must be (K, H, W), K >= 1; got {maps.shape}")
    if how not in get_args(Combination):
        choices = dict.fromkeys(get_args(Combination))
        raise SettingsError(unknown_name("combination of anchors", how, choices))
    found: FloatArray = maps.max(axis=0) if how == "max" else maps.mean(axis=0)
    return found


def shifted_similarity(
    embedding: Field | FrameVectors, shift: Pixel = SHIFT
) -> FloatArray:
    """Return the cosine of pixel (i, j) with pixel (i + dy, j + dx).

    This is column 5 of the figure: bright inside objects, dark at their borders.

    Parameters
    ----------
    embedding
        Embedding ``(D, H, W)``, or its `FrameVectors`.
    shift
        Offsets dy and dx in pixels, smaller than the image.

    Returns
    -------
    NDArray
        ``(H, W)`` float32 in [-1, 1]; NaN where the shifted pixel is outside.

    Raises
    ------
    SettingsError
        If the embedding has other axes, or the shift is as large as the image.
    """
    vectors = _vectors(embedding)
    size = (vectors.rows, vectors.columns)
    here, first, second = _moved(vectors.flat.reshape(-1, *size), shift)
    _, near, far = _moved(vectors.norms[None], shift)
    products = np.einsum("dhw,dhw->hw", first, second)
    known = np.minimum(near[0], far[0]) > LEAST_NORM
    cosine = np.zeros_like(products)
    np.divide(products, near[0] * far[0], out=cosine, where=known)
    result = np.full(size, np.nan, np.float32)
    result[here] = np.clip(cosine, -1, 1)
    return result


def shifted_flow_similarity(
    flow: Field, shift: Pixel = SHIFT, kernel: FlowKernel = RELATIVE
) -> FloatArray:
    """Return how similarly pixels (i, j) and (i + dy, j + dx) move; column 4.

    Parameters
    ----------
    flow
        Flow ``(2, H, W)`` in px.
    shift
        Offsets dy and dx in pixels, smaller than the image.
    kernel
        Kernel that compares two flows; equation 6 by default, with p at (i, j).

    Returns
    -------
    NDArray
        ``(H, W)`` float32 in [0, 1]; NaN where the shifted pixel is outside.

    Raises
    ------
    SettingsError
        If the flow has other axes, or the shift is as large as the image.
    """
    here, first, second = _moved(_as_flow(flow), shift)
    result = np.full(flow.shape[1:], np.nan, np.float32)
    result[here] = kernel(first, second)
    return result


def _vectors(embedding: Field | FrameVectors) -> FrameVectors:
    return embedding if isinstance(embedding, FrameVectors) else FrameVectors(embedding)


def _moved(field: Field, shift: Pixel) -> tuple[tuple[slice, slice], Field, Field]:
    """Return where the shifted pixel is inside, and the two fields to compare."""
    height, width = field.shape[1:]
    dy, dx = shift
    if abs(dy) >= height or abs(dx) >= width:
        raise SettingsError(f"shift {shift} must be smaller than {height} x {width}")
    here = (_part(-dy, height), _part(-dx, width))
    there = (_part(dy, height), _part(dx, width))
    return here, field[(slice(None), *here)], field[(slice(None), *there)]


def _part(offset: int, size: int) -> slice:
    """Return the rows or columns whose shifted position is inside."""
    return slice(max(0, offset), size + min(0, offset))


def _as_flow(flow: Field) -> Field:
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise SettingsError(f"flow must be (2, H, W); got shape {flow.shape}")
    return flow
