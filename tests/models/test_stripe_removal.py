"""What alternates from row to row is taken out of an embedding, and no answer moves."""

import copy
import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.models import SegmentationNet, UNetConfig, load_model
from napari_motionseg.models.stripe_removal import (
    stripe_covariance,
    stripe_directions,
    take_out_stripes,
)
from napari_motionseg.segmentation.initialization import with_classes
from napari_motionseg.synthesis import training_stills
from napari_motionseg.training.masks.settings import varied_angiograms


@pytest.fixture(scope="module")
def frames():
    return training_stills(2, 128, 1, varied_angiograms()).pictures[:, None]


def what_ships():
    """The network that ships, as it sees frames that are not blurred before it."""
    model, _ = load_model("default")
    config = dataclasses.replace(model.embedding.config, familiar_noise=None)
    model.embedding.config = config
    return model


@pytest.fixture
def striped(frames):
    """What ships, and one direction of its features that the head cannot see."""
    model = with_classes(what_ships(), 3)
    directions = stripe_directions(model, frames)
    assert directions.shape == (16, 1)
    head = model.head.weight[:, :, 0, 0].detach().double().numpy()
    unseen = np.linalg.svd(head)[2][-1]  # of 64 dimensions, none of the head's
    added = torch.from_numpy(np.outer(unseen, directions[:, 0])).float()
    with torch.no_grad():
        model.embedding.last.weight += added[..., None, None]
    return model


def alternating(model, frames):
    """Mean square of what changes sign from row to row, by the letter."""
    with torch.no_grad():
        e = model.embedding(frames).numpy()[..., 12:-12, 12:-12]
    rows = (2 * e[..., 1:-1, :] - e[..., :-2, :] - e[..., 2:, :]) / 4
    smooth = (2 * rows[..., 1:-1] + rows[..., :-2] + rows[..., 2:]) / 4
    return float((smooth**2).sum(axis=1).mean())


def test_stripes_go_and_answers_stay(striped, frames):
    before = copy.deepcopy(striped)
    assert take_out_stripes(striped, frames) == 1
    with torch.no_grad():
        torch.testing.assert_close(
            striped(frames), before(frames), atol=1e-3, rtol=1e-4
        )
    was, now, shipped = (
        alternating(net, frames) for net in (before, striped, what_ships())
    )
    assert now < 0.1 * was
    assert now == pytest.approx(shipped, rel=0.3)
    after = striped.state_dict()
    changed = {
        name for name, v in before.state_dict().items() if (v != after[name]).any()
    }
    assert changed == {"embedding.last.weight"}


def test_twice_is_once(striped, frames):
    take_out_stripes(striped, frames)
    once = striped.embedding.last.weight.detach().clone()
    take_out_stripes(striped, frames)
    torch.testing.assert_close(striped.embedding.last.weight.detach(), once)


def test_the_direction_is_the_one_that_alternates():
    rows = torch.arange(40)
    features = torch.zeros(3, 40, 50, dtype=torch.float64)
    features[0] = rows[:, None] / 40  # smooth
    features[1] = 2.0 * (-1.0) ** rows[:, None]
    features[2] = (-1.0) ** torch.arange(50)
    moments = stripe_covariance(features, torch.ones(40, 50, dtype=torch.bool))
    np.testing.assert_allclose(moments, np.diag([0.0, 4.0, 1.0]), atol=1e-6)


def test_what_is_near_a_vessel_does_not_count():
    features = torch.zeros(1, 60, 60, dtype=torch.float64)
    features[0, :30] = (-1.0) ** torch.arange(30)[:, None]
    vessel = torch.zeros(60, 60, dtype=torch.bool)
    vessel[:22] = True
    assert stripe_covariance(features, ~vessel)[0, 0] == 0
    assert stripe_covariance(features, torch.zeros_like(vessel))[0, 0] > 0.4


def test_nothing_is_taken_where_nothing_alternates():
    torch.manual_seed(0)
    config = UNetConfig(width=6, depth=2, embedding_dim=9, enlarging="bilinear")
    model = SegmentationNet(config, 2)
    with torch.no_grad():
        model.head.bias.fill_(-9.0)  # background everywhere, but for the frame's edge
    smooth = torch.linspace(0, 1, 64)[None, None, :, None].expand(1, 1, 64, 72)
    before = model.embedding.last.weight.detach().clone()
    assert take_out_stripes(model, smooth) == 0
    torch.testing.assert_close(model.embedding.last.weight.detach(), before)


def test_a_hypercolumn_has_none(frames):
    model = SegmentationNet(UNetConfig(width=4, depth=2, head="hypercolumn"), 2)
    assert take_out_stripes(model, frames) == 0
