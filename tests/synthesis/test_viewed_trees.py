"""The anatomy chooses trees and views; the generic one draws what it always drew."""

import pytest
import torch

from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.centrelines import UNNAMED
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.scenes import draw_scenes
from napari_motionseg.synthesis.viewed_trees import draw_viewed_trees


def draws(seed):
    return Draws(torch.Generator().manual_seed(seed), torch.device("cpu"))


def test_generic_scenes_are_those_that_the_shipped_weights_learnt_from():
    """Numbers of commit 582490e; a draw more or less would change all of them.

    The pixels are compared by hash in benchmarks/masks.py, because processors differ in
    the last digits.
    """
    config = SynthesisConfig(
        size=64, bolus=False, second_tree=0.5, stenoses=1.0, noise=0.0
    )
    scenes = draw_scenes(config, 3, draws(11))
    trees = scenes.trees
    assert trees.points.mean(dim=0).tolist() == pytest.approx(
        [-17.557, 37.346, -9.709], abs=0.1
    )
    assert float(trees.radii.mean()) == pytest.approx(1.8267, abs=2e-3)
    assert float(trees.path.mean()) == pytest.approx(517.27, abs=0.5)
    assert len(trees.points) == pytest.approx(4645, abs=3)
    angles = torch.tensor([[18.904, 1.946], [-19.873, -28.051], [33.592, -28.204]])
    torch.testing.assert_close(scenes.cameras.angles, angles, atol=2e-3, rtol=0)
    moment = scenes.at(torch.tensor([0.2, 0.5, 0.8]))
    frames = moment.frames(torch.Generator().manual_seed(0))
    quarters = torch.nn.functional.avg_pool2d(frames[:, None], 32).flatten(1)
    known = [
        [0.537, 0.544, 0.495, 0.522],
        [0.563, 0.498, 0.540, 0.483],
        [0.639, 0.616, 0.621, 0.607],
    ]
    torch.testing.assert_close(quarters, torch.tensor(known), atol=2e-3, rtol=0)
    share = moment.masks.float().mean(dim=(1, 2))
    assert share.tolist() == pytest.approx([0.0789, 0.2485, 0.209], abs=2e-3)


def test_the_default_is_generic_and_has_no_names():
    assert SynthesisConfig().anatomy == "generic"
    trees, _, _ = draw_viewed_trees(SynthesisConfig(), 2, draws(0))
    assert trees.segment.unique().tolist() == [UNNAMED]
    named, ostia, cameras = draw_viewed_trees(
        SynthesisConfig(anatomy="coronary"), 2, draws(0)
    )
    assert int(named.segment.min()) >= 0
    assert named.path[ostia].tolist() == [0, 0]
    assert cameras.angles.shape == (2, 2)
