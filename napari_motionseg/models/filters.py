"""Blur batches of pictures on any device."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

WIDEST_PX = 6.0  # px: a wider blur is computed on a coarser grid


def gaussian(pictures: Tensor, sigma: float | Tensor) -> Tensor:
    """Blur pictures ``(B, ..., H, W)`` by a Gaussian; their edges are continued.

    Parameters
    ----------
    pictures
        Floating-point pictures ``(B, ..., H, W)``.
    sigma
        Standard deviation in px, one for all or ``(B,)``; 0 leaves a picture unchanged.
    """
    sigmas = torch.as_tensor(sigma, device=pictures.device, dtype=torch.float32)
    widest = float(sigmas.max())
    if widest < 1e-3:
        return pictures
    if widest > WIDEST_PX and min(pictures.shape[-2:]) >= 8:
        return _coarsely(pictures, sigmas)
    reach = max(1, math.ceil(3 * widest))
    offsets = torch.arange(-reach, reach + 1, device=pictures.device)
    spread = (
        sigmas.clamp(min=1e-3).expand(len(pictures)) if sigmas.ndim == 0 else sigmas
    )
    kernel = torch.exp(-0.5 * (offsets / spread.clamp(min=1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).to(pictures.dtype)
    return _separable(pictures, kernel, reach)


def _separable(pictures: Tensor, kernel: Tensor, reach: int) -> Tensor:
    batch, (rows, columns) = len(pictures), pictures.shape[-2:]
    between = pictures[:, ..., 0, 0].numel() // batch
    flat = pictures.reshape(1, batch * between, rows, columns)
    weights = kernel.repeat_interleave(between, dim=0)[:, None, None]
    groups = batch * between
    flat = functional.pad(flat, (reach, reach, 0, 0), mode="replicate")
    flat = functional.conv2d(flat, weights, groups=groups)
    flat = functional.pad(flat, (0, 0, reach, reach), mode="replicate")
    flat = functional.conv2d(flat, weights.mT, groups=groups)
    return flat.view_as(pictures)


def _coarsely(pictures: Tensor, sigmas: Tensor) -> Tensor:
    size = pictures.shape[-2:]
    flat = pictures.reshape(len(pictures), -1, *size)
    coarse = functional.interpolate(flat, scale_factor=0.5, mode="area")
    blurred = gaussian(coarse, sigmas / 2)
    fine = functional.interpolate(
        blurred, size=size, mode="bilinear", align_corners=False
    )
    return fine.view_as(pictures)


def smoothed(pictures: Tensor, rows: float, columns: float | None = None) -> Tensor:
    """Blur pictures by a Gaussian with its own width along each axis.

    Parameters
    ----------
    pictures
        Pictures ``(..., H, W)``.
    rows, columns
        Standard deviation in px across rows and across columns; None for `columns` uses
        that of `rows`. Widths below 0.05 px change nothing.
    """
    for axis, sigma in ((-2, rows), (-1, rows if columns is None else columns)):
        if sigma >= 0.05:
            pictures = _smoothed_along(pictures, axis, sigma)
    return pictures


def _smoothed_along(pictures: Tensor, axis: int, sigma: float) -> Tensor:
    length = pictures.shape[axis]
    radius = min(math.ceil(3 * sigma), length - 1)
    weights = [math.exp(-(step**2) / (2 * sigma**2)) for step in range(radius + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    pad = (0, 0, radius, radius) if axis == -2 else (radius, radius, 0, 0)
    flat = pictures.reshape(-1, 1, *pictures.shape[-2:])
    padded = functional.pad(flat, pad, mode="reflect").view(
        *pictures.shape[:-2], pictures.shape[-2] + pad[2] * 2, -1
    )
    # sums of shifted pictures are ten times faster than a one-channel convolution
    blurred = padded.narrow(axis, radius, length) * (weights[0] / total)
    for step, weight in enumerate(weights[1:], start=1):
        for start in (radius - step, radius + step):
            blurred.add_(padded.narrow(axis, start, length), alpha=weight / total)
    return blurred
