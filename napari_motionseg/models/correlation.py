"""The cost volume of PWC-Net (Sun et al. 2018, equation 3)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


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

    Notes
    -----
    Shifted products are as fast as anything torch offers on a CPU; the correlation is
    two to three percent of the network's time.
    """
    height, width = first.shape[-2:]
    padded = functional.pad(second, (reach,) * 4)
    steps = range(2 * reach + 1)
    costs = [
        (first * padded[..., dy : dy + height, dx : dx + width]).mean(dim=1)
        for dy in steps
        for dx in steps
    ]
    return torch.stack(costs, dim=1)
