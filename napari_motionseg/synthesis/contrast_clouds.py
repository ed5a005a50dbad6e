"""Draw contrast outside the vessels: in the heart muscle and in the aortic root."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.filters import gaussian

SPREAD_CELLS = 1.5  # cells: standard deviation of the blush around the branches


def muscle_blush(
    strength: Tensor,
    centres: Tensor,
    scene: Tensor,
    shape: tuple[int, int],
    cell_px: float,
) -> Tensor:
    """Draw contrast in the heart muscle: a soft cloud around the fine branches.

    Parameters
    ----------
    strength
        Largest absorbance ``(B,)`` of each scene.
    centres
        Positions ``(N, 2)`` of samples of the trees in the picture, x and y in px.
    scene
        Index ``(N,)`` of the scene of each sample.
    shape
        Rows and columns of a picture.
    cell_px
        Side in px of the cells in which samples are counted.

    Returns
    -------
    Tensor
        Absorbance ``(B, H, W)`` of the muscle.
    """
    count, (rows, columns) = len(strength), shape
    if not bool((strength > 0).any()):
        return torch.zeros((count, rows, columns), device=strength.device)
    high, wide = int(rows / cell_px) + 1, int(columns / cell_px) + 1
    at = (centres / cell_px).long()
    x, y = at[:, 0].clamp(0, wide - 1), at[:, 1].clamp(0, high - 1)
    counts = torch.zeros((count, high, wide), device=strength.device)
    flat = (scene * high + y) * wide + x
    counts.view(-1).index_add_(0, flat, torch.ones_like(centres[:, 0]))
    spread = gaussian(counts, SPREAD_CELLS)
    spread = spread / spread.amax(dim=(1, 2), keepdim=True).clamp(min=1e-6)
    even = functional.interpolate(
        spread[:, None], (rows, columns), mode="bicubic", align_corners=False
    )[:, 0]
    return strength[:, None, None] * even.clamp(min=0)


def root_reflux(amount: Tensor, offsets: Tensor, size: Tensor, time: Tensor) -> Tensor:
    """Draw the cloud of contrast that flows back into the aortic root.

    Parameters
    ----------
    amount
        Absorbance ``(B,)`` in the middle of the cloud.
    offsets
        Offsets ``(B, 2, H, W)`` from the middle of the cloud to each pixel, in px at
        512.
    size
        Extent ``(B,)`` of the cloud in px of a picture of 512 px.
    time
        Time ``(B,)`` in seconds; the outline of the cloud swirls with it.

    Returns
    -------
    Tensor
        Absorbance ``(B, H, W)`` of the cloud.
    """
    x, y = offsets.unbind(dim=1)
    size, turn = size[:, None, None], 5 * time[:, None, None]
    far = (x**2 + (1.6 * y + 0.5 * size * torch.sin(x / size + turn)) ** 2) / size**2
    return amount[:, None, None] * torch.exp(-far)
