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
STEPS_AT_ONCE = 8  # steps after which it is checked whether anything has changed


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
    """Return the largest reach ``(B, K, h, w)``, by relaxation from cell to cell.

    A way has a hundred steps, and each call of torch lets another thread interrupt this
    one. A step therefore has six calls, all into the same memory.
    """
    reach = functional.pad(start.to(conductance.dtype), (1, 1, 1, 1))
    above, row, below = reach[..., :-2, :], reach[..., 1:-1, :], reach[..., 2:, :]
    rows, best = torch.empty_like(row), torch.empty_like(conductance)
    left, middle, right = rows[..., :-2], rows[..., 1:-1], rows[..., 2:]
    own = row[..., 1:-1]
    while steps > 0:
        before = own.clone()
        for _ in range(min(steps, STEPS_AT_ONCE)):
            torch.maximum(above, below, out=rows)
            torch.maximum(rows, row, out=rows)
            torch.maximum(left, right, out=best)
            torch.maximum(best, middle, out=best)
            best.mul_(conductance)
            torch.maximum(own, best, out=own)
        steps -= STEPS_AT_ONCE
        if bool((own == before).all()):
            break
    return own


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
