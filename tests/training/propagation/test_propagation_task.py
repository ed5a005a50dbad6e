"""Batches of pictures with several motions each."""

import pytest
import torch

from napari_motionseg.models import UNetConfig
from napari_motionseg.models.light_propagation import LightPropagationNet
from napari_motionseg.models.light_propagation_config import LightPropagationConfig
from napari_motionseg.synthesis.part_stills import PartStills
from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.propagation.propagation_task import PropagationTask
from napari_motionseg.training.propagation.settings import (
    PropagationTrainingSettings,
)


@pytest.fixture
def stills():
    generator = torch.Generator().manual_seed(0)
    parts = torch.zeros(2, 80, 80, dtype=torch.int16)
    parts[:, 20:40], parts[:, 60:64] = 1, 2
    pictures = torch.where(parts > 0, 0.3, 0.7)
    flow = torch.randn(2, 2, 1, 1, generator=generator).expand(2, 2, 80, 80)
    return PartStills(pictures, parts, parts, flow, parts > 0)


def task(stills, **changes):
    small = {
        "crop": 32, "still_size": 80, "zoom": (1.0, 2.0), "batch": 3, "motions": 4,
        "pixels": 100, "held_out": 1, "pool_size": 2, "block": 2,
    }  # fmt: skip
    settings = PropagationTrainingSettings(**(small | changes))
    torch.manual_seed(0)
    model = LightPropagationNet(
        LightPropagationConfig(width=4, fine=4, rounds=1, encoder=UNetConfig(width=2))
    )
    pool = ExamplePool(
        lambda count, seed: stills, blocks=1, block=2, refresh_every=0, seed=0
    )
    return PropagationTask(model, pool, stills, settings)


def test_guidance_is_the_flow_at_its_points(stills):
    batch = task(stills).batch(0, torch.Generator().manual_seed(1))
    assert batch.pictures.shape == (3, 1, 32, 32)
    assert batch.flow.shape == (12, 2, 32, 32)
    mask = batch.sparse[:, 2:] > 0
    torch.testing.assert_close(batch.sparse[:, :2], batch.flow * mask)
    assert mask.any()
    assert (batch.weight >= 1).all()
    assert batch.weight.max() == 8


def test_the_scene_flow_shrinks_with_the_window(stills):
    one = task(stills, click_share=0.0, scene_share=1.0, zoom=(2.0, 2.0), motions=1)
    batch = one.batch(0, torch.Generator().manual_seed(2))
    speeds = batch.flow.norm(dim=1).amax(dim=(1, 2))
    largest = stills.flow.norm(dim=1).max() / 2
    assert (speeds <= 2.5 * largest + 1e-5).all()
    assert (speeds > 0).all()


def test_the_same_step_has_the_same_batch_and_loss(stills):
    losses = [
        task(stills).loss(3, torch.Generator().manual_seed(4), torch.device("cpu"))
        for _ in range(2)
    ]
    assert losses[0][0].item() == losses[1][0].item()
    assert losses[0][1]["error_px"] > 0
    losses[0][0].backward()


def test_the_preview_shows_frame_and_speed(stills):
    shown = task(stills).preview()
    assert shown.shape == (80, 160)
