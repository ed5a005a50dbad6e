"""The cost volume of PWC-Net (Sun et al. 2018, equation 3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TILE = 8  # a tile's side; with twice the reach around it, the next power of two


def correlation(first: Tensor, second: Tensor, reach: int = 4) -> Tensor:
    """Return how alike each pixel of `first` is to its surroundings in `second`.

    Parameters
    ----------
    first, second
        Features ``(B, C, H, W)``.
    reach
        Largest displacement along each axis, in pixels.

    Returns
    -------
    Tensor
        ``(B, (2 * reach + 1) ** 2, H, W)``: mean over channels of the product with the
        pixel displaced by (dy, dx), dy outer and dx inner, both from -reach; zero where
        that pixel lies outside.
    """
    if torch.is_grad_enabled() and (first.requires_grad or second.requires_grad):
        return shifted_products(first, second, reach)
    return tiled_products(first, second, reach)


def shifted_products(first: Tensor, second: Tensor, reach: int) -> Tensor:
    """Return what `correlation` does, shift by shift: what training differentiates."""
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
    """Return what `correlation` does, by matrix products of tiles.

    Every pixel of a tile is multiplied with every pixel of its surroundings, which is
    three times too much, but in one product of matrices: much faster than shifts.
    Channels come last in memory.
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
    # of a pixel's products, those with the window that has the pixel in its middle
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
    """Return ``(B, C, H, W)`` as ``(B, H, W, C)``, contiguous, with zeros around."""
    moved = picture.permute(0, 2, 3, 1)
    return functional.pad(moved, (0, 0, *padding)).contiguous()
