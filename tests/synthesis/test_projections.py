"""Usual views: how they are chosen, and what they show of a patient."""

import pytest
import torch

from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.centrelines import LEFT, RIGHT
from napari_motionseg.synthesis.coronary_territory import CORONARY, PROJECTIONS
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.projections import draw_usual_views

MANY = 600


def views(tree, seed=0, **changes):
    which = torch.full((MANY,), tree)
    draws = Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))
    return draw_usual_views(CORONARY, SynthesisConfig(**changes), which, draws)


@pytest.mark.parametrize("tree", [LEFT, RIGHT])
def test_views_are_used_as_often_as_the_table_says(tree):
    angles = views(tree).angles
    usual = torch.tensor([(p.primary, p.secondary) for p in PROJECTIONS])
    nearest = torch.cdist(angles, usual.float()).argmin(dim=1)
    often = torch.tensor([(p.left, p.right)[tree] for p in PROJECTIONS])
    counted = torch.bincount(nearest, minlength=len(PROJECTIONS)) / MANY
    # neighbours overlap a little
    torch.testing.assert_close(counted, often / often.sum(), atol=0.06, rtol=0)


def test_the_right_tree_has_no_caudal_views():
    angles = views(RIGHT).angles
    assert float((angles[:, 1] < -22).float().mean()) < 0.01
    assert float((views(LEFT).angles[:, 1] < -22).float().mean()) > 0.2


def test_a_view_from_the_front_shows_the_apex_below_and_to_the_right():
    cameras = views(LEFT, view=False)
    assert bool((cameras.angles == 0).all())
    apex = cameras.rotation @ torch.tensor([0.0, 0.0, 1.0])
    mean = apex.mean(dim=0)
    # the patient's left is the right of the picture; the source is behind the patient
    assert float(mean[0]) > 0.4
    assert float(mean[1]) > 0.2
    assert float(mean[2]) < -0.4
    inferior = (cameras.rotation @ torch.tensor([0.0, 1.0, 0.0])).mean(dim=0)
    assert float(inferior[1]) > 0.7


def test_obliques_and_tilts_turn_the_right_way():
    """In LAO the back moves to the right of the picture; in cranial views it rises."""
    cameras = views(LEFT)
    plain = views(LEFT, view=False)  # the same hearts, seen from the front
    turn = cameras.rotation @ plain.rotation.mT
    back = turn @ torch.tensor([0.0, 0.0, 1.0])
    primary, secondary = cameras.angles.unbind(dim=1)
    assert bool((back[primary > 20, 0] > 0.2).all())
    assert bool((back[primary < -12, 0] < 0).all())
    frontal = primary.abs() < 60
    assert bool((back[frontal & (secondary > 15), 1] < -0.1).all())
    assert bool((back[frontal & (secondary < -15), 1] > 0.1).all())
    identity = torch.eye(3).expand(MANY, 3, 3)
    product = cameras.rotation @ cameras.rotation.mT
    torch.testing.assert_close(product, identity, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(cameras.rotation), torch.ones(MANY))
