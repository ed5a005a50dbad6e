"""Settings of propagation training, and the paper's numbers in them."""

import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.propagation_network import ConditionalPropagationNet
from napari_motionseg.objectives.guidance import guidance_mask
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.synthesis.part_stills import part_stills
from napari_motionseg.training.propagation.settings import (
    PropagationTrainingSettings,
)


def test_the_recipe_of_the_paper_has_its_layout_and_numbers():
    settings = PropagationTrainingSettings.recipe("paper")
    assert settings.network == "resnet50"
    assert settings.labels == "nearest"
    assert settings.crop == 384
    assert settings.training.steps == 42_000
    model = ConditionalPropagationNet()
    assert model.encoder.config.blocks == (3, 4, 6, 3)
    assert model.encoder.config.output_stride == 8
    assert model.head.config.strides == (1, 2, 4)
    assert model.head.config.image_channels == 256
    assert model.head.config.motion_channels == 16


def test_guidance_has_about_as_many_points_as_in_the_paper():
    # 13.5 on average in 384 x 384 px with K = 81 and G = 200, of which 4 on the grid
    stills = part_stills(6, 384, 5, SynthesisConfig.preset("generic-layers"))
    generator = torch.Generator().manual_seed(0)
    mask = guidance_mask(stills.flow, nms_kernel=81, grid_stride=200,
                         generator=generator)  # fmt: skip
    points = mask.sum(dim=(1, 2)).float()
    assert 6 < float(points.mean()) < 20
    grid = guidance_mask(stills.flow, nms_kernel=0, grid_stride=200,
                         generator=generator)  # fmt: skip
    assert (grid.sum(dim=(1, 2)) == 4).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"click_share": 0.8}, "must be at most 1; got 0.8 \\+ 0.3"),
        ({"crop": 100}, "crop must be a multiple of 16"),
        ({"crop": 16}, "at least 32"),
        ({"crop": 384}, r"largest zoom \(384 x 2\)"),
        ({"zoom": (2.0, 1.0)}, "zoom must be 0 < low <= high"),
        ({"network": "resnet"}, "did you mean 'resnet50'"),
        ({"labels": "soft"}, "choices: shared, nearest"),
        ({"motions": 0}, "motions must be at least 1"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        PropagationTrainingSettings(**changes)


def test_an_unknown_recipe_is_answered_with_those_there_are():
    with pytest.raises(SettingsError, match="choices: clicks, paper"):
        PropagationTrainingSettings.recipe("click")
