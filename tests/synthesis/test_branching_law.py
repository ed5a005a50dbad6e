"""Radii and angles of daughters, against slow minimisation and the law itself."""

import math

import numpy as np
import pytest
import torch

from napari_motionseg.synthesis.branching_law import (
    EXPONENT,
    fork_shares,
    left_over,
    thinned,
    turning_angle,
)


def test_what_is_left_and_the_branch_make_up_the_parent():
    share = torch.linspace(0, 0.95, 12)
    total = share**EXPONENT + left_over(share) ** EXPONENT
    torch.testing.assert_close(total, torch.ones(12))


def test_daughters_of_each_fork_make_up_their_parent():
    weights = torch.tensor([1.0, 0.8, 1.0, 1.0, 0.5])
    fork = torch.tensor([0, 0, 2, 2, 2])
    shares = fork_shares(weights, fork, 3)
    for number in (0, 2):
        own = shares[fork == number]
        assert float((own**EXPONENT).sum()) == pytest.approx(1, rel=1e-5)
        torch.testing.assert_close(
            own / own[0], weights[fork == number] / weights[fork == number][0]
        )


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_the_angle_is_that_of_least_volume(share):
    """Move the fork about until the three tubes to fixed ends have the least volume."""
    rest = float(left_over(torch.tensor(share)))
    angle = float(turning_angle(torch.tensor(share)))
    # ends far away, seen under the angles of the law from a fork at the origin
    other = math.acos((1 + rest**4 - share**4) / (2 * rest**2))
    ends = np.array(
        [
            (-100, 0),
            (100 * math.cos(angle), 100 * math.sin(angle)),
            (100 * math.cos(other), -100 * math.sin(other)),
        ]
    )
    areas = np.array([1, share**2, rest**2])

    def volume(x, y):
        return float((areas * np.hypot(ends[:, 0] - x, ends[:, 1] - y)).sum())

    here = volume(0, 0)
    for turn in np.linspace(0, 2 * math.pi, 16):
        assert volume(math.cos(turn), math.sin(turn)) > here


def test_parents_become_thinner_behind_their_branches_only():
    way = torch.linspace(0, 300, 301).repeat(2, 1)
    radii = torch.full_like(way, 5.0)
    parent = torch.tensor([1, 1])
    share = torch.tensor([0.5, 0.4])
    thin = thinned(radii, way, parent, torch.tensor([1 / 3, 2 / 3]), left_over(share))
    torch.testing.assert_close(thin[0], radii[0])
    torch.testing.assert_close(thin[1, :101], radii[1, :101])
    behind = 5 * left_over(share)
    torch.testing.assert_close(thin[1, 121], behind[0])
    torch.testing.assert_close(thin[1, -1], 5 * left_over(share).prod())
    assert float(thin.diff(dim=1).max()) <= 1e-6
