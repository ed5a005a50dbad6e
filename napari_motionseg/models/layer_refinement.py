"""Fitting a layer's flow to the pictures: Lucas and Kanade, where the layer lies.

A learned flow is right in kind and off by a pixel or two. Gauss-Newton steps on the
pictures themselves (Lucas & Kanade, 1981, An Iterative Image Registration Technique)
take it the rest of the way. What they need is a window in which all moves alike: here
every pixel counts as much as it belongs to the layer, so that a vessel's window ends
where the vessel ends.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.filters import gaussian
from napari_motionseg.models.sampling import sample_along

# Px a coarse pixel; standard deviations of the picture's blur, of the window and of the
# flow's smoothing in px: wide first, where the flow is still far off
SCALES = ((4, 5.0, 12.0, 8.0), (2, 2.0, 4.0, 3.0), (1, 1.0, 3.0, 2.0))
STEPS = (6, 6, 2)  # at each
LIGHTING_PX = 20.0  # over which brightness and contrast are evened out
DAMPING = 1e-2  # of the squared slope of a picture with unit contrast
DOUBT = 1.0  # difference, in units of the contrast, at which a pixel counts half
LONGEST_STEP = 2.0  # px of the scale
FLOOR = 1e-3  # weight of where the layer is not: its flow is continued there
LEAST_CONTRAST = 0.01


def refine(first: Tensor, second: Tensor, flow: Tensor, weight: Tensor) -> Tensor:
    """Return a layer's flow, fitted to two pictures.

    Parameters
    ----------
    first, second
        ``(B, 1, H, W)`` in [0, 1]; sides are multiples of 4.
    flow
        ``(B, 2, H, W)`` px from the first to the second, a pixel or two off.
    weight
        ``(B, 1, H, W)`` in [0, 1]: how much each pixel belongs to the layer.

    Returns
    -------
    Tensor
        ``(B, 2, H, W)`` px. Where pictures have no structure it stays as it was.
    """
    size = (flow.shape[-2], flow.shape[-1])
    even = [evened(picture) for picture in (first, second)]
    for (factor, blur, window, smooth), steps in zip(SCALES, STEPS, strict=True):
        coarse = (size[0] // factor, size[1] // factor)
        ours, theirs = (
            gaussian(functional.interpolate(p, coarse, mode="area"), blur / factor)
            for p in even
        )
        belongs = functional.interpolate(weight, coarse, mode="area")
        scaled = _resized(flow, coarse) / factor
        for _ in range(steps):
            scaled = _step(ours, theirs, scaled, belongs, window / factor)
            trusted = belongs + FLOOR
            wide = smooth / factor
            scaled = gaussian(scaled * trusted, wide) / gaussian(trusted, wide)
        flow = _resized(scaled, size) * factor
    return flow


def evened(picture: Tensor) -> Tensor:
    """Return a picture with its local mean taken off and its local contrast at one."""
    off = picture - gaussian(picture, LIGHTING_PX)
    contrast = gaussian(off.square(), LIGHTING_PX).sqrt()
    return off / (contrast + LEAST_CONTRAST)


def _step(
    ours: Tensor, theirs: Tensor, flow: Tensor, weight: Tensor, window: float
) -> Tensor:
    """Take one Gauss-Newton step, in px of the scale."""
    slopes = torch.cat((theirs, *slope(theirs)), dim=1)
    sampled, inside = sample_along(slopes, flow)
    warped, x_theirs, y_theirs = sampled.chunk(3, dim=1)
    x_ours, y_ours = slope(ours)
    gx, gy = (x_ours + x_theirs) / 2, (y_ours + y_theirs) / 2
    left = warped - ours
    counts = weight * inside / (1 + (left / DOUBT).square())
    products = torch.cat((gx * gx, gx * gy, gy * gy, gx * left, gy * left), dim=1)
    sums = gaussian(counts * products, window)
    xx, xy, yy, xr, yr = sums.chunk(5, dim=1)
    xx, yy = xx + DAMPING, yy + DAMPING
    determinant = xx * yy - xy * xy
    step = torch.cat((xy * yr - yy * xr, xy * xr - xx * yr), dim=1) / determinant
    length = torch.linalg.vector_norm(step, dim=1, keepdim=True)
    moved: Tensor = flow + step * (LONGEST_STEP / length.clamp(min=LONGEST_STEP))
    return moved


def slope(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return central differences of ``(B, 1, H, W)`` along x and y, 0 at the edges."""
    along = (picture[..., 2:] - picture[..., :-2]) / 2
    down = (picture[..., 2:, :] - picture[..., :-2, :]) / 2
    return functional.pad(along, (1, 1)), functional.pad(down, (0, 0, 1, 1))


def _resized(flow: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(flow, size, mode="bilinear", align_corners=False)
