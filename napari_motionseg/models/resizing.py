"""Give planes another height and width."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

Size = tuple[int, int]  # height and width in px


def resized(planes: Tensor, size: Size, *, averaged: bool = False) -> Tensor:
    """Return planes ``(B, C, H, W)`` at another size, interpolated bilinearly.

    Planes that have the size already are returned unchanged.

    Parameters
    ----------
    planes
        The planes, of floating point numbers.
    size
        Height and width of the result in px.
    averaged
        Whether pixels that fall together in a smaller result are averaged, so that
        nothing thin is lost. It changes nothing in a larger one.
    """
    if size_of(planes) == tuple(size):
        return planes
    return functional.interpolate(planes, size, mode="bilinear", antialias=averaged)


def size_of(planes: Tensor) -> Size:
    """Return height and width, the last two lengths of a tensor."""
    return planes.shape[-2], planes.shape[-1]
