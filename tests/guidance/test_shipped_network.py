"""The network that ships answers clicks and arrows on synthetic frames."""

import numpy as np
import pytest

from napari_motionseg.evaluation.simulated_clicks import inmost_pixel
from napari_motionseg.guidance import (
    Arrow,
    Clicks,
    click_mask,
    guided_flow,
    load_propagator,
)
from napari_motionseg.models import read_card
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.models.propagation_models import DEFAULT_PROPAGATION
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.part_stills import part_stills

SEED = 4


@pytest.fixture(scope="module")
def still():
    config = SynthesisConfig.preset("xa-coronary", bolus=False)
    made = part_stills(1, 256, SEED, config)
    return made.pictures[0].numpy(), made.parts[0].numpy(), made.vessels[0].numpy()


@pytest.fixture(scope="module")
def propagator():
    return load_propagator(device="cpu")


def widest(parts, vessels):
    """Return a place in the widest branch, and the mask of the branch."""
    sizes = np.bincount((parts * vessels).ravel())
    sizes[0] = 0
    branch = (parts == sizes.argmax()) & vessels
    return inmost_pixel(branch), branch


def test_one_click_finds_the_tree_and_another_the_branch(still, propagator):
    frame, parts, vessels = still
    place, branch = widest(parts, vessels)
    prepared = propagator.prepare(frame)
    tree = click_mask(propagator, prepared, Clicks((place,)), extent="tree")
    assert dice(tree.mask, vessels) > 0.4
    assert tree.mask[place]
    assert not tree.note
    part = click_mask(propagator, prepared, Clicks((place,)), threshold=0.2)
    assert part.mask.any()
    inside = (part.mask & branch).sum() / part.mask.sum()
    assert inside > (tree.mask & branch).sum() / tree.mask.sum()


def test_an_arrow_moves_the_vessel_and_not_the_background(still, propagator):
    frame, parts, vessels = still
    place, _ = widest(parts, vessels)
    found = guided_flow(propagator, propagator.prepare(frame), [Arrow(*place, 0, 6)])
    right = found.flow[0]
    assert right[place] > 2
    assert right[vessels].mean() > 3 * abs(right[~vessels].mean())


def test_its_card_says_what_it_was_trained_on():
    card = read_card(DEFAULT_PROPAGATION)
    assert card.kind == "propagation"
    assert card.provenance["training"]["steps_done"] > 0
    assert card.provenance["settings"]["synthesis"]
