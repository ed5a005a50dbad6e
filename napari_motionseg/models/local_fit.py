"""Fit the motion of a background to a few vectors, smoothly in between."""

from __future__ import annotations

import torch
from torch import Tensor

NEAR_PX = 40.0  # standard deviation of the weights around a pixel
FAR_PX, FAR_SHARE = 160.0, 0.02  # those of points that count where none is near
STILL_WEIGHT = 2e-3  # of an imagined point without motion, at every pixel
RIDGE = 0.3  # variance in NEAR_PX^2 that is added, so that few points give no slope


def local_fit(given: Tensor, weight: Tensor, cell: int) -> tuple[Tensor, Tensor]:
    """Return the weighted local fit of a linear motion to vectors, and its weight.

    Around each cell, a constant and a slope are fitted by least squares with Gaussian
    weights (Cleveland and Devlin, 1988). Where no point is, nothing moves.

    Parameters
    ----------
    given
        Vectors ``(B, 2, h, w)`` in px of the cells that have points.
    weight
        Weight ``(B, 1, h, w)`` of the vector of each cell; 0 without a point.
    cell
        Side of a cell in px.

    Returns
    -------
    Tensor
        Motion ``(B, 2, h, w)`` in px.
    Tensor
        Sum of weights ``(B, 1, h, w)`` around each cell.
    """
    y, x = (_places(side, cell, weight.device) for side in weight.shape[-2:])
    x, y = x.expand(len(y), -1), y[:, None].expand(-1, len(x))
    place = torch.stack((x, y)).expand(len(weight), -1, -1, -1)
    columns, rows = place[:, :1], place[:, 1:]
    across = torch.cat((columns**2, rows**2, columns * rows), dim=1)
    known = torch.cat((given, given * columns, given * rows), dim=1)
    moments = _spread(weight * torch.cat((weight.new_ones(weight.shape), place, across,
                                          known), dim=1), cell)  # fmt: skip
    total = moments[:, :1]
    mean = moments[:, 1:] / total.clamp(min=1e-12)
    middle, square, vector = mean[:, :2], mean[:, 2:5], mean[:, 5:7]
    xx = square[:, 0] - middle[:, 0] ** 2 + RIDGE
    yy = square[:, 1] - middle[:, 1] ** 2 + RIDGE
    xy = square[:, 2] - middle[:, 0] * middle[:, 1]
    along_x = mean[:, 7:9] - vector * middle[:, :1]
    along_y = mean[:, 9:11] - vector * middle[:, 1:]
    away_x, away_y = (place - middle).unbind(dim=1)
    share = (xx * yy - xy**2).clamp(min=RIDGE**2 / 2)
    first = (yy * away_x - xy * away_y) / share
    second = (xx * away_y - xy * away_x) / share
    fitted = vector + along_x * first[:, None] + along_y * second[:, None]
    return fitted * (total / (total + STILL_WEIGHT)), total


def _places(side: int, cell: int, device: torch.device) -> Tensor:
    """Return the places of an axis in units of `NEAR_PX` from its middle."""
    place = torch.arange(side, device=device, dtype=torch.float32)
    return (place - (side - 1) / 2) * (cell / NEAR_PX)


def _spread(planes: Tensor, cell: int) -> Tensor:
    """Return the sum of planes ``(B, C, h, w)`` around each cell, nearer ones first."""
    found = torch.zeros_like(planes)
    for deviation, share in ((NEAR_PX, 1.0), (FAR_PX, FAR_SHARE)):
        rows, columns = (
            _gaussian(side, deviation / cell, planes.device)
            for side in planes.shape[-2:]
        )
        found += share * (rows @ planes @ columns)
    return found


def _gaussian(side: int, deviation: float, device: torch.device) -> Tensor:
    """Return the matrix ``(side, side)`` that blurs one axis."""
    place = torch.arange(side, device=device, dtype=torch.float32)
    return torch.exp(-((place[:, None] - place) ** 2) / (2 * deviation**2))
