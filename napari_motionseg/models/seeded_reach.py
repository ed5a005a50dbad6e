"""Let guided points claim the cells that they reach most easily.

Each cell has a conductance in (0, 1). The reach of a point at a cell is the product of
the conductances along the best way from the point to the cell, as in a geodesic
distance whose cost is the negative logarithm of the conductance. A cell belongs to the
point with the largest reach. The conductances are learnt, because the reach has a
gradient along the best way.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def seeded_reach(
    conductance: Tensor, seeds: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """Return the largest reach at each cell, and the cell of the point that has it.

    Parameters
    ----------
    conductance
        Conductance ``(B, K, h, w)`` of each cell, for K kinds of ways.
    seeds
        Mask ``(B, h, w)`` bool of the cells with a guided point.
    steps
        Number of steps to a neighbour, also a diagonal one, that a way may have.

    Returns
    -------
    Tensor
        Reach ``(B, K, h, w)`` in [0, 1]: 1 at the points, 0 where no way leads.
    Tensor
        Index ``(B, K, h, w)`` int64 of the cell of the nearest point, counted row by
        row; without meaning where the reach is 0.
    """
    count, kinds, height, width = conductance.shape
    reach = seeds[:, None].to(conductance.dtype).expand_as(conductance)
    own = torch.arange(height * width, device=seeds.device).view(1, 1, height, width)
    source = own.expand(count, kinds, height, width)
    for _ in range(steps):
        best, place = functional.max_pool2d(
            reach, 3, stride=1, padding=1, return_indices=True
        )
        offered = conductance * best
        better = offered > reach
        if not bool(better.any()):
            break
        theirs = source.flatten(2).gather(2, place.flatten(2)).view_as(source)
        source = torch.where(better, theirs, source)
        reach = torch.where(better, offered, reach)
    return reach, source
