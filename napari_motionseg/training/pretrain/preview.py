"""Pictures of what an embedding tells, small enough to come along while training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TAIL = 100  # one in so many pixels is outside of the range, at either end
MARK_PX = 3  # half the side of the frame around the pixel that others are compared with


def look(frame: Tensor, embedding: Tensor, pixel: tuple[int, int]) -> Tensor:
    """Return frame, projection and similarity side by side, ``(H, 3W, 3)`` uint8.

    Parameters
    ----------
    frame
        ``(H, W)`` in [0, 1].
    embedding
        ``(D, H, W)``; directions alone count.
    pixel
        Row and column of the pixel that all are compared with; it is framed.
    """
    # stretched: while little is learnt, all pixels are nearly alike
    similarity = stretched(similarity_to(embedding, pixel))
    similarity = _marked(_gray(similarity), pixel)
    return torch.cat((_gray(frame), project(embedding), similarity), dim=1)


def project(embedding: Tensor) -> Tensor:
    """Return directions ``(D, H, W)`` as colours ``(H, W, 3)`` uint8, always alike."""
    generator = torch.Generator().manual_seed(0)
    axes = torch.randn((3, len(embedding)), generator=generator)
    unit = functional.normalize(embedding, dim=0)
    colours = torch.einsum("cd,dhw->hwc", axes, unit)
    bands = [stretched(band) for band in colours.unbind(-1)]
    return (torch.stack(bands, dim=-1) * 255).round().to(torch.uint8)


def stretched(values: Tensor) -> Tensor:
    """Return ``(H, W)`` from 0 to 1, but for a hundredth at either end.

    A bright line at the shutter's edge would else leave all the rest in one shade.
    """
    ordered = values.flatten().sort().values
    edge = (len(ordered) - 1) // TAIL
    low, high = ordered[edge], ordered[-1 - edge]
    span = (high - low).clamp(min=torch.finfo(low.dtype).tiny)
    return ((values - low) / span).clamp(0, 1)


def similarity_to(embedding: Tensor, pixel: tuple[int, int]) -> Tensor:
    """Return the cosine of each pixel's embedding and one pixel's, from 0 to 1.

    Parameters
    ----------
    embedding
        ``(D, H, W)``.
    pixel
        Row and column.

    Returns
    -------
    Tensor
        ``(H, W)``; what points the other way is 0 as what stands across.
    """
    unit = functional.normalize(embedding, dim=0)
    cosine = torch.einsum("d,dhw->hw", unit[:, pixel[0], pixel[1]], unit)
    return cosine.clamp(0, 1)


def _gray(values: Tensor) -> Tensor:
    """Return ``(H, W)`` in [0, 1] as ``(H, W, 3)`` uint8."""
    return (values * 255).round().to(torch.uint8)[..., None].expand(-1, -1, 3)


def _marked(picture: Tensor, pixel: tuple[int, int]) -> Tensor:
    """Return the picture with a red frame around a pixel."""
    marked = picture.clone()
    row, column = pixel
    ring = torch.zeros(picture.shape[:2], dtype=torch.bool)
    for reach, value in ((MARK_PX, True), (MARK_PX - 1, False)):
        rows = slice(max(0, row - reach), row + reach + 1)
        columns = slice(max(0, column - reach), column + reach + 1)
        ring[rows, columns] = value
    marked[ring] = torch.tensor([255, 40, 40], dtype=torch.uint8)
    return marked
