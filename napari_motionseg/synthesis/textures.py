"""Draw random textures and shapes, for scenes that are not angiograms."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis.draws import Draws

OCTAVES = (128.0, 48.0, 20.0, 9.0, 4.0)  # px at 512 px: sizes of the structures


def noise(count: int, side: int, scale: float, draws: Draws) -> Tensor:
    """Return textures ``(N, side, side)`` in [0, 1] of multi-scale noise and stripes.

    Parameters
    ----------
    count
        Number of textures.
    side
        Side of a texture in px.
    scale
        Pixels of the picture for one px at 512 px.
    draws
        Source of the random sizes and strengths.
    """
    device = draws.device
    total = torch.zeros((count, side, side), device=device)
    for size in OCTAVES:
        cells = max(4, math.ceil(side / (size * scale)) + 3)
        grid = draws.normal((count, 1, cells, cells))
        layer = functional.interpolate(
            grid, size=(side, side), mode="bicubic", align_corners=False
        )[:, 0]
        total += draws.uniform((count, 1, 1), 0, 1) ** 2 * layer
    axis = torch.arange(side, device=device) / scale
    turn = draws.uniform((count, 1, 1), 0, math.pi)
    way = axis[None, :] * turn.cos() + axis[:, None] * turn.sin()
    wave = torch.sin(way / draws.uniform((count, 1, 1), 2, 20))
    total += draws.uniform((count, 1, 1), -1, 1).clamp(min=0) * wave
    spread = total.std(dim=(1, 2), keepdim=True).clamp(min=1e-3)
    contrast = draws.uniform((count, 1, 1), 0.04, 0.22)
    level = draws.uniform((count, 1, 1), 0.25, 0.75)
    centred = total - total.mean(dim=(1, 2), keepdim=True)
    return (level + contrast * centred / spread).clamp(0, 1)


def blobs(count: int, side: int, scale: float, draws: Draws) -> Tensor:
    """Return shapes ``(N, side, side)`` in [0, 1] with smooth random outlines."""
    cells = 5
    grid = draws.normal((count, 1, cells, cells))
    rough = functional.interpolate(
        grid, size=(side, side), mode="bicubic", align_corners=False
    )[:, 0]
    y, x = _centred(side, scale, draws.device)
    far = (x**2 + y**2).sqrt() / draws.uniform((count, 1, 1), 30, 130)
    return torch.sigmoid((1 - far + 0.45 * rough) * 40)


def strokes(count: int, side: int, scale: float, draws: Draws) -> Tensor:
    """Return curved lines ``(N, side, side)`` in [0, 1], a few px wide."""
    y, x = _centred(side, scale, draws.device)
    turn = draws.uniform((count, 1, 1), 0, 2 * math.pi)
    along = x * turn.cos() + y * turn.sin()
    across = y * turn.cos() - x * turn.sin()
    shape = torch.zeros((count, side, side), device=draws.device)
    for _ in range(3):
        slope = draws.uniform((count, 1, 1), -0.8, 0.8)
        length = draws.uniform((count, 1, 1), 15, 70)
        phase = draws.uniform((count, 1, 1), 0, 2 * math.pi)
        height = draws.uniform((count, 1, 1), 3, 25)
        course = slope * along + height * torch.sin(along / length + phase)
        steep = slope + height / length * torch.cos(along / length + phase)
        distance = (across - course).abs() / torch.sqrt(1 + steep**2)
        half = draws.uniform((count, 1, 1), 1.0, 6.0)
        reach = draws.uniform((count, 1, 1), 60, 220)
        ends = torch.sigmoid((reach - along.abs()) / 2)
        line = torch.sigmoid((half - distance) * 2) * ends
        shape = torch.maximum(shape, line)
    return shape


def _centred(side: int, scale: float, device: torch.device) -> tuple[Tensor, Tensor]:
    axis = (torch.arange(side, device=device) - (side - 1) / 2) / scale
    return axis[:, None], axis[None, :]
