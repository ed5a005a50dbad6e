"""Sample a picture at the positions a flow points to."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# a sample counts as inside if all of its weight is inside, except for rounding
INSIDE = 0.9999


def sample_along(picture: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    """Sample `picture` at ``p + flow(p)`` for every pixel p, bilinearly.

    Parameters
    ----------
    picture
        Pictures ``(B, C, H, W)``.
    flow
        Flow ``(B, 2, H, W)``: x (columns, right) and y (rows, down) in pixels of
        `picture`.

    Returns
    -------
    tuple[Tensor, Tensor]
        The samples ``(B, C, H, W)``, zero outside, and a mask ``(B, 1, H, W)`` bool
        that is True where all four neighbours are inside. The computation is at least
        in float32, because bf16 cannot distinguish neighbouring pixels of a wide
        picture.
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
    """Return the share of the bilinear weight at (x, y) that is inside the picture."""
    across = (1 - functional.relu(-x) - functional.relu(x - (width - 1))).clamp(min=0)
    down = (1 - functional.relu(-y) - functional.relu(y - (height - 1))).clamp(min=0)
    return across * down
