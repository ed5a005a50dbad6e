"""Compute the cost volume of PWC-Net (Sun et al. 2018, equation 3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TILE = 8  # side of a tile; with twice the reach it is a power of two


def correlation(first: Tensor, second: Tensor, reach: int = 4) -> Tensor:
    """Correlate each pixel of `first` with its surroundings in `second`.

    Parameters
    ----------
    first, second
        Features ``(B, C, H, W)`` of the two pictures.
    reach
        Largest displacement along each axis, in pixels.

    Returns
    -------
    Tensor
        ``(B, (2 * reach + 1) ** 2, H, W)``: mean over channels of the product with the
        pixel displaced by (dy, dx). dy is the outer and dx the inner index, both from
        -reach; the product is zero if that pixel lies outside.
    """
    if torch.is_grad_enabled() and (first.requires_grad or second.requires_grad):
        return shifted_products(first, second, reach)
    return tiled_products(first, second, reach)


def shifted_products(first: Tensor, second: Tensor, reach: int) -> Tensor:
    """Compute `correlation` shift by shift, in a form that can be differentiated."""
    height, width = first.shape[-2:]
    padded = functional.pad(second, (reach,) * 4)
    steps = range(2 * reach + 1)
    costs = [
        (first * padded[..., dy : dy + height, dx : dx + width]).mean(dim=1)
        for dy in steps
        for dx in steps
    ]
    return torch.stack(costs, dim=1)


def tiled_products(first: Tensor, second: Tensor, reach: int) -> Tensor:
    """Compute `correlation` by matrix products of tiles.

    Every pixel of a tile is multiplied with every pixel of its surroundings. These are
    three times more products than needed, but one matrix product is much faster than
    shifts. Channels come last in memory.
    """
    batch, channels, height, width = first.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    around, shifts = TILE + 2 * reach, 2 * reach + 1
    below, right = rows * TILE - height, columns * TILE - width
    ours = _channels_last(first, (0, right, 0, below))
    theirs = _channels_last(second, (reach, right + reach, reach, below + reach))
    tiles = ours.view(batch, rows, TILE, columns, TILE, channels)
    tiles = tiles.transpose(2, 3).reshape(-1, TILE * TILE, channels)
    lines = theirs.stride(1)
    windows = theirs.as_strided(
        (batch, rows, columns, around, around, channels),
        (theirs.stride(0), TILE * lines, TILE * channels, lines, channels, 1),
    ).reshape(-1, around * around, channels)
    products = torch.bmm(tiles / channels, windows.transpose(1, 2))
    # keep the products of a pixel with the window that is centred on it
    pixel = around * around
    wanted = products.as_strided(
        (batch, rows, TILE, columns, TILE, shifts, shifts),
        (
            rows * columns * TILE * TILE * pixel,
            columns * TILE * TILE * pixel,
            TILE * pixel + around,
            TILE * TILE * pixel,
            pixel + 1,
            around,
            1,
        ),
    )
    costs = wanted.reshape(batch, rows * TILE, columns * TILE, shifts * shifts)
    return costs[:, :height, :width].permute(0, 3, 1, 2)


def _channels_last(picture: Tensor, padding: tuple[int, int, int, int]) -> Tensor:
    """Convert ``(B, C, H, W)`` to contiguous ``(B, H, W, C)``, padded with zeros."""
    moved = picture.permute(0, 2, 3, 1)
    return functional.pad(moved, (0, 0, *padding)).contiguous()
