"""Let guided points claim the cells that they reach most easily.

Each cell has a conductance in (0, 1). The reach of a point at a cell is the product of
the point's own reach and of the conductances along the best way to the cell, as in a
geodesic distance whose cost is the negative logarithm of the conductance. A cell
belongs to the point with the largest reach. The conductances are learnt, because the
reach has a gradient along the best way.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

# below 1, so that a way is not as good as the same way with a detour
MOST_CONDUCTANCE = 1 - 1e-6
LEAST_CONDUCTANCE = 1e-30  # so that logarithms stay finite


def seeded_reach(
    conductance: Tensor, start: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """Return the largest reach at each cell, and the cell of the point that has it.

    Parameters
    ----------
    conductance
        Conductance ``(B, K, h, w)`` of each cell, for K kinds of ways.
    start
        Reach ``(B, K, h, w)`` in [0, 1] of each guided point at its own cell; 0 without
        a point.
    steps
        Number of steps to a neighbour, also a diagonal one, that a way may have.

    Returns
    -------
    Tensor
        Reach ``(B, K, h, w)`` in [0, 1]; 0 where no way leads.
    Tensor
        Index ``(B, K, h, w)`` int64 of the cell of the nearest point, counted row by
        row; without meaning where the reach is 0.
    """
    conductance = conductance.clamp(max=MOST_CONDUCTANCE)
    with torch.no_grad():
        reached = _reach(conductance, start, steps)
        parent = _parents(reached, start)
    return _along_ways(conductance, start, parent)


def _reach(conductance: Tensor, start: Tensor, steps: int) -> Tensor:
    """Return the largest reach ``(B, K, h, w)``, by relaxation from cell to cell."""
    reach = start.to(conductance.dtype)
    for _ in range(steps):
        further = torch.maximum(reach, conductance * _largest_near(reach))
        if bool((further == reach).all()):
            break
        reach = further
    return reach


def _largest_near(values: Tensor) -> Tensor:
    """Return the largest value of 3 x 3 cells; faster than torch's pooling."""
    padded = functional.pad(values, (1, 1, 1, 1))
    rows = torch.maximum(padded[..., :-2, :], padded[..., 2:, :])
    rows = torch.maximum(rows, padded[..., 1:-1, :])
    columns = torch.maximum(rows[..., :-2], rows[..., 2:])
    return torch.maximum(columns, rows[..., 1:-1])


def _parents(reach: Tensor, start: Tensor) -> Tensor:
    """Return the cell ``(B, K, h w)`` from which each cell is reached.

    A point, and a cell without a way, is its own parent.
    """
    _, place = functional.max_pool2d(reach, 3, stride=1, padding=1, return_indices=True)
    cells = reach.shape[-2] * reach.shape[-1]
    own = torch.arange(cells, device=reach.device).view(1, 1, -1)
    return torch.where((reach > start).flatten(2), place.flatten(2), own)


def _along_ways(
    conductance: Tensor, start: Tensor, parent: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the reach along the ways that parents describe, and where they begin.

    Each round doubles the length of the ways, so that few rounds are needed, and the
    gradient runs through them.
    """
    shape, cells = conductance.shape, parent.shape[-1]
    own = torch.arange(cells, device=parent.device).view(1, 1, -1)
    root = parent == own
    first = start.flatten(2).to(conductance.dtype)
    step = torch.where(root, torch.ones_like(first), conductance.flatten(2))
    length, product = parent, step.clamp(min=LEAST_CONDUCTANCE).log()
    for _ in range(max(1, cells.bit_length())):
        further = length.gather(2, length)
        product = product + product.gather(2, length)
        if bool((further == length).all()):
            break
        length = further
    reach = product.exp() * first.gather(2, length)
    return reach.view(shape), length.view(shape)
