"""Sampling a picture where a flow points to: the one warp of the house."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# A sample counts as inside when all but a rounding error of its weight is
INSIDE = 0.9999


def sample_along(picture: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Sample `picture` at ``p + flow(p)`` for every pixel p, bilinearly.

    Parameters
    ----------
    picture
        ``(B, C, H, W)``.
    flow
        ``(B, 2, H, W)``: x (columns, right) and y (rows, down) in pixels of `picture`.

    Returns
    -------
    tuple[Tensor, Tensor]
        The samples ``(B, C, H, W)``, zeros outside, and ``(B, 1, H, W)`` bool: where
        all four neighbours lie inside. Computed in at least float32, since bf16 cannot
        tell neighbouring pixels of a wide picture apart.
    """
    height, width = picture.shape[-2:]
    dtype = torch.promote_types(flow.dtype, torch.float32)
    flow = flow.to(dtype)
    x = torch.arange(width, device=flow.device, dtype=dtype) + flow[:, 0]
    y = torch.arange(height, device=flow.device, dtype=dtype)[:, None] + flow[:, 1]
    grid = torch.stack(
        (2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1), dim=-1
    )
    sampled = functional.grid_sample(
        picture.to(dtype), grid, padding_mode="zeros", align_corners=True
    )
    return sampled, inside_weight(x, y, height, width)[:, None] >= INSIDE


def inside_weight(x: Tensor, y: Tensor, height: int, width: int) -> Tensor:
    """Return how much of the bilinear weight at (x, y) falls on the picture, 0 to 1."""
    across = (1 - functional.relu(-x) - functional.relu(x - (width - 1))).clamp(min=0)
    down = (1 - functional.relu(-y) - functional.relu(y - (height - 1))).clamp(min=0)
    return across * down
