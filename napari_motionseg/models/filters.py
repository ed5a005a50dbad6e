"""Blurs for batches of pictures on any device."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

WIDEST_PX = 6.0  # a wider blur is done on a coarser grid


def gaussian(pictures: Tensor, sigma: float | Tensor) -> Tensor:
    """Return pictures ``(B, ..., H, W)`` blurred by `sigma` px; edges are continued.

    Parameters
    ----------
    pictures
        Floating point.
    sigma
        Standard deviation, one or ``(B,)``; 0 leaves a picture as it is.
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
