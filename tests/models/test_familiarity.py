"""How unlike the training pictures a picture is."""

import numpy as np
import pytest
import torch

from napari_motionseg import SynthesisConfig, synthesize_cine
from napari_motionseg.errors import CheckpointError
from napari_motionseg.models import UNet, UNetConfig
from napari_motionseg.models.familiarity import (
    LEVEL,
    Familiarity,
    familiarity_of,
    mean_features,
)
from napari_motionseg.segmentation import load_segmentation


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return UNet(UNetConfig(width=4, depth=3, embedding_dim=4)).eval()


def faint(seed, side=48):
    """Noise of low contrast, which stands for the training pictures."""
    rng = np.random.default_rng(seed)
    return np.float32(0.5 + 0.05 * rng.random((side, side)))


def test_features_are_the_means_of_one_level(network):
    picture = faint(0)
    with torch.inference_mode():
        levels = network.encoder_features(torch.from_numpy(picture)[None, None])
    expected = levels[LEVEL].mean(dim=(0, 2, 3)).numpy()
    # bf16 where the machine has it
    np.testing.assert_allclose(mean_features(network, picture), expected, atol=0.02)


def test_strangeness_is_the_distance_in_standard_deviations(network):
    found = mean_features(network, faint(1))
    known = Familiarity(tuple(found + 3), (1.0,) * len(found))
    assert known.strangeness(network, faint(1)) == pytest.approx(3.0)
    far = Familiarity(tuple(found + 1e6), (1.0,) * len(found))
    assert far.strangeness(network, faint(1)) == pytest.approx(10.0)


def test_other_pictures_are_stranger_than_those_of_the_training(network):
    known = familiarity_of(network, [faint(seed) for seed in range(30)])
    own = [known.strangeness(network, faint(seed)) for seed in range(100, 110)]
    stripes = np.zeros((48, 48), np.float32)
    stripes[::8] = 1
    assert np.median(own) < 1.7
    assert known.strangeness(network, stripes) > 2 * max(own)


def test_a_card_keeps_the_statistics(network):
    known = familiarity_of(network, [faint(0), faint(1)])
    assert Familiarity.of_card({"familiar": known.for_card()}) == known
    assert Familiarity.of_card({}) is None


@pytest.mark.parametrize(
    "told",
    [
        {"mean": [1.0], "deviation": [1.0, 2.0], "limit": 2.0},
        {"mean": [float("nan")], "deviation": [1.0], "limit": 2.0},
        {"mean": [1.0]},
        "much",
        {"mean": 3, "deviation": [1.0], "limit": 2.0},
    ],
)
def test_statistics_of_a_damaged_card_are_refused(told):
    with pytest.raises(CheckpointError, match="familiar features"):
        Familiarity.of_card({"familiar": told})


def test_the_network_that_ships_knows_angiograms_from_other_pictures():
    network = load_segmentation("default")
    made = synthesize_cine(SynthesisConfig(size=160, frames=2, bolus=False), seed=1)
    rng = np.random.default_rng(0)
    rows = np.arange(160)[:, None] // 8 % 2
    others = {
        "blank": np.full((160, 160), 0.5),
        "noise": rng.random((160, 160)),
        "stripes": np.broadcast_to(rows, (160, 160)),
        "checks": (rows + rows.T) % 2,
    }
    known = network.familiarity
    assert known.strangeness(network.embedding, made.cine.normalized(0)) < known.limit
    found = {n: known.strangeness(network.embedding, p) for n, p in others.items()}
    assert min(found.values()) > known.limit, found
