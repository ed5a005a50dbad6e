"""Draw stenoses: short, smooth narrowings of vessels."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.synthesis.draws import Draws


def stenoses(way: Tensor, expected: float, draws: Draws) -> Tensor:
    """Return a factor on the radius that is below 1 in a stenosis.

    Parameters
    ----------
    way
        Distance ``(N, K)`` in px from the start of each branch.
    expected
        Expected number of stenoses of a branch.
    draws
        Source of the random numbers.
    """
    n, length = len(way), way[:, -1:]
    factor = torch.ones_like(way)
    for share in (0.8, 0.2):  # a second stenosis is rarer
        there = draws.happens((n, 1), min(1.0, share * expected))
        centre = draws.uniform((n, 1), 0.1, 0.9) * length
        width = draws.uniform((n, 1), 4, 14)
        depth = draws.uniform((n, 1), 0.2, 0.65) * there
        factor = factor * (1 - depth * torch.exp(-(((way - centre) / width) ** 2)))
    return factor
