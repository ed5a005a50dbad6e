"""Compute plane curves of wires: Bezier curves and evenly sampled polylines."""

from __future__ import annotations

import torch
from torch import Tensor

STEP_PX = 1.0  # px between two points of an evenly sampled polyline


def bezier(control: list[tuple[float, float]], device: torch.device) -> Tensor:
    """Return 400 points ``(400, 2)`` of a cubic Bezier curve."""
    points = torch.tensor(control, device=device)
    share = torch.linspace(0, 1, 400, device=device)[:, None]
    rest = 1 - share
    weights = (rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3)
    terms = [w * p for w, p in zip(weights, points, strict=True)]
    return torch.stack(terms).sum(dim=0)


def length(course: Tensor) -> float:
    """Return the length of a polyline ``(K, 2)`` in px."""
    return float(torch.linalg.vector_norm(course.diff(dim=0), dim=1).sum())


def even(course: Tensor) -> Tensor:
    """Resample a polyline to steps of one px."""
    way = torch.linalg.vector_norm(course.diff(dim=0), dim=1).cumsum(0)
    way = torch.cat((way.new_zeros(1), way))
    places = torch.arange(0, float(way[-1]) + 1e-3, STEP_PX, device=way.device)
    after = torch.searchsorted(way, places).clamp(1, len(way) - 1)
    part = (places - way[after - 1]) / (way[after] - way[after - 1]).clamp(min=1e-6)
    return course[after - 1] + part[:, None] * (course[after] - course[after - 1])
