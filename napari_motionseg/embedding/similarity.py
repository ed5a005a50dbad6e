"""Similarity maps: which pixels an embedding, or a flow, puts together.

Columns 2 to 5 of figure 3 of Ma et al. (2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError

FloatArray = NDArray[np.float32]
Field = NDArray[np.floating]
# lengths below it are those of no vector: its direction is rounding noise
_LEAST_NORM = 1e-12


def pixel_norms(embedding: Field) -> FloatArray:
    """Return the length of each pixel's vector, ``(H, W)``, of ``(D, H, W)``.

    Keep it beside a cached embedding: it is half of the work of `similarity_map`.
    """
    squares = np.zeros(embedding.shape[1:], np.float32)
    for part in _float_parts(embedding):
        squares += np.einsum("dhw,dhw->hw", part, part)
    return np.asarray(np.sqrt(squares), np.float32)


def similarity_map(
    embedding: Field, anchor: tuple[int, int], *, norms: FloatArray | None = None
) -> FloatArray:
    """Return the cosine of each pixel's embedding with the anchor's (equation 4).

    Parameters
    ----------
    embedding
        ``(D, H, W)`` floats.
    anchor
        Row and column of the anchor, inside the image.
    norms
        ``(H, W)`` from `pixel_norms`, if at hand.

    Returns
    -------
    NDArray
        ``(H, W)`` float32 in [-1, 1]; 0 where a vector, or the anchor's, has no length.

    Raises
    ------
    SettingsError
        If the anchor is outside, or the embedding has other axes.
    """
    row, column = _inside(anchor, embedding, "embedding must be (D, H, W)")
    # one pass over the array: the product of the anchor's vector with all others
    products = np.zeros(embedding.shape[1:], np.float32)
    for part in _float_parts(embedding):
        vector = part[:, row, column].copy()
        products += (vector @ part.reshape(len(part), -1)).reshape(products.shape)
    lengths = pixel_norms(embedding) if norms is None else norms
    return _cosine(products, lengths, lengths[row, column])


def flow_similarity(
    flow: Field,
    anchor: tuple[int, int],
    *,
    sigma: float = 0.5,
    epsilon: float = 1.0,
) -> FloatArray:
    """Return the similarity of each pixel's flow with the anchor's (equation 6).

    Parameters
    ----------
    flow
        ``(2, H, W)`` pixels.
    anchor
        Row and column of the anchor, p in the equation.
    sigma, epsilon
        Width of the kernel, and the floor under the squared flow at the anchor.

    Returns
    -------
    NDArray
        ``(H, W)`` float32 in [0, 1]; 1 at the anchor.

    Raises
    ------
    SettingsError
        If the anchor is outside, the flow has other axes, or `sigma` or `epsilon` is
        not positive.
    """
    row, column = _inside(anchor, _as_flow(flow), "flow must be (2, H, W)")
    anchored = flow[:, row, column].astype(np.float32)[:, None, None]
    return _flow_kernel(anchored, flow, sigma, epsilon)


def shifted_similarity(
    field: Field,
    shift: tuple[int, int] = (5, 5),
    *,
    kind: Literal["embedding", "flow"] = "embedding",
    sigma: float = 0.5,
    epsilon: float = 1.0,
) -> FloatArray:
    """Return the similarity of pixel (i, j) with pixel (i + dy, j + dx).

    Columns 4 (flow) and 5 (embedding) of the figure: bright inside things, dark at
    their borders.

    Parameters
    ----------
    field
        ``(D, H, W)`` embedding, or ``(2, H, W)`` flow in pixels.
    shift
        dy and dx, smaller than the image.
    kind
        Which of equations 4 (``"embedding"``) and 6 (``"flow"``) applies.
    sigma, epsilon
        Of equation 6.

    Returns
    -------
    NDArray
        ``(H, W)`` float32; NaN where the shifted pixel is outside.

    Raises
    ------
    SettingsError
        If shape, shift, kind, `sigma` or `epsilon` is none of the above.
    """
    if kind not in ("embedding", "flow"):
        raise SettingsError(f"kind must be 'embedding' or 'flow', not {kind!r}")
    if kind == "flow":
        _as_flow(field)
    if field.ndim != 3:
        raise SettingsError(f"embedding must be (D, H, W); got {field.shape}")
    height, width = field.shape[1:]
    dy, dx = shift
    if abs(dy) >= height or abs(dx) >= width:
        raise SettingsError(f"shift {shift} must be smaller than {height} x {width}")
    here = (_part(-dy, height), _part(-dx, width))
    there = (_part(dy, height), _part(dx, width))
    first = field[(slice(None), *here)]
    second = field[(slice(None), *there)]
    result = np.full((height, width), np.nan, np.float32)
    if kind == "flow":
        result[here] = _flow_kernel(first, second, sigma, epsilon)
    else:
        products = np.einsum("dhw,dhw->hw", first, second, dtype=np.float32)
        result[here] = _cosine(products, pixel_norms(first), pixel_norms(second))
    return result


def _cosine(
    products: Field, first: FloatArray, second: FloatArray | np.float32
) -> FloatArray:
    lengths = np.asarray(first * second, np.float32)
    known = (first > _LEAST_NORM) & (second > _LEAST_NORM)
    cosine = np.divide(products, lengths, out=np.zeros_like(lengths), where=known)
    return np.asarray(np.clip(cosine, -1, 1, out=cosine), np.float32)


def _flow_kernel(
    first: Field, second: Field, sigma: float, epsilon: float
) -> FloatArray:
    """Equation 6 with `first` as f_p, whose length sets the scale."""
    for name, value in (("sigma", sigma), ("epsilon", epsilon)):
        if not value > 0:
            raise SettingsError(f"{name} must be positive; got {value}")
    first = first.astype(np.float32, copy=False)
    distance = np.square(second - first).sum(axis=0)
    scale = np.square(first).sum(axis=0) + np.float32(epsilon)
    kernel = np.exp(-distance / scale / np.float32(2 * sigma**2))
    return np.asarray(kernel, np.float32)


def _float_parts(embedding: Field) -> Iterator[FloatArray]:
    """Yield the dimensions as float32: all at once, or a few where they are not.

    NumPy has no fast product of float16, as caches hold it, and converting all of it
    would take twice the cache's memory.
    """
    step = len(embedding) if embedding.dtype == np.float32 else 8
    for first in range(0, len(embedding), max(1, step)):
        yield embedding[first : first + step].astype(np.float32, copy=False)


def _part(offset: int, size: int) -> slice:
    """Return the rows (or columns) that are inside and were, before `offset`."""
    return slice(max(0, offset), size + min(0, offset))


def _as_flow(flow: Field) -> Field:
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise SettingsError(f"flow must be (2, H, W); got shape {flow.shape}")
    return flow


def _inside(anchor: tuple[int, int], field: Field, rule: str) -> tuple[int, int]:
    if field.ndim != 3:
        raise SettingsError(f"{rule}; got shape {field.shape}")
    row, column = int(anchor[0]), int(anchor[1])
    height, width = field.shape[1:]
    if not (0 <= row < height and 0 <= column < width):
        raise SettingsError(
            f"the anchor (row {row}, column {column}) is outside the image of "
            f"{height} rows and {width} columns"
        )
    return row, column
