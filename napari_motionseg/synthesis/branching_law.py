"""Relate the radii and angles of a vessel's branches to each other."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.synthesis.vessel_courses import smoothstep

# Huo and Kassab, J. R. Soc. Interface 2012;9:190: the sum of the daughters' radii to
# this power is the parent's; Murray's law (1926) has 3
EXPONENT = 7 / 3
THINNING_RADII = 4.0  # radii of the parent over which it becomes thinner at a branch


def left_over(share: Tensor) -> Tensor:
    """Return what is left of a radius behind a branch of a share of that radius."""
    left: Tensor = (1 - share.clamp(0, 0.98) ** EXPONENT) ** (1 / EXPONENT)
    return left


def fork_shares(weights: Tensor, fork: Tensor, forks: int) -> Tensor:
    """Return the radii ``(N,)`` of daughters as shares of the parent that ends there.

    Parameters
    ----------
    weights
        Relative radius ``(N,)`` of each daughter.
    fork
        Index ``(N,)`` of the fork that a daughter belongs to.
    forks
        Number of forks.
    """
    power = weights**EXPONENT
    total = torch.zeros(forks, device=power.device).index_add_(0, fork, power)
    shares: Tensor = (power / total[fork]) ** (1 / EXPONENT)
    return shares


def turning_angle(share: Tensor) -> Tensor:
    """Return the angle in radians to the parent at which a branch leaves it.

    It is the angle of least volume of blood (Murray, J. Gen. Physiol. 1926;9:835), for
    a branch of a share of the parent's radius.
    """
    rest = left_over(share)
    cosine = (1 + share**4 - rest**4) / (2 * share**2)
    return torch.arccos(cosine.clamp(-1, 1))


def thinned(
    radii: Tensor, way: Tensor, parent: Tensor, leaves_at: Tensor, left: Tensor
) -> Tensor:
    """Return the radii ``(N, K)`` of parents, thinner behind each of their branches.

    Parameters
    ----------
    radii, way
        Radius, and distance from the start, ``(N, K)`` in px of the parents.
    parent
        Index ``(M,)`` of the parent of each branch.
    leaves_at
        Share ``(M,)`` of the parent's length at which the branch leaves.
    left
        Radius ``(M,)`` behind the branch divided by that before it.
    """
    width = THINNING_RADII * radii[parent, 0]
    place = leaves_at * way[parent, -1]
    share = smoothstep((way[parent] - place[:, None]) / width[:, None])
    steps = torch.log(1 - (1 - left[:, None]) * share)
    total = torch.zeros_like(radii).index_add_(0, parent, steps)
    return radii * total.exp()
