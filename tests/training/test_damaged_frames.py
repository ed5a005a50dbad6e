"""Pretraining draws no pair of which one frame is damaged."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.cine.frame_stack import FrameStack
from napari_motionseg.errors import TrainingError
from napari_motionseg.jobs import run
from napari_motionseg.models import UNet, UNetConfig
from napari_motionseg.motion import FlowSettings
from napari_motionseg.training import PretrainSettings
from napari_motionseg.training.pretrain.motion_data import MovingLoop, moving_loops_job
from napari_motionseg.training.pretrain.motion_task import Learner, PretrainTask

QUICK = FlowSettings(gap=1, method="ilk")


@pytest.fixture
def blank(small_cine):
    pixels = np.array(small_cine.frames)
    pixels[[2, 5]] = 0
    frames = FrameStack.from_array(pixels, damaged=[2, 5])
    return dataclasses.replace(small_cine, frames=frames)


def test_a_moving_loop_knows_its_good_pairs(blank, small_cine):
    loops = run(moving_loops_job([blank, small_cine], QUICK))
    assert loops[0].entries == (0, 3, 6)
    assert loops[1].entries == tuple(range(7))


def test_a_loop_without_a_good_frame_does_not_end_the_others(
    tmp_path, small_cine, write_damaged
):
    from napari_motionseg.io import read_cine

    bad = read_cine(write_damaged(tmp_path / "bad.dcm", small_cine, range(8)))
    (loop,) = run(moving_loops_job([bad, small_cine], QUICK))
    assert loop.cine is small_cine
    with pytest.raises(TrainingError, match="no frame of this loop can be decoded"):
        run(moving_loops_job([bad], QUICK))


def test_training_draws_good_pairs_alone(blank):
    flow = np.ones((7, 2, 96, 96), np.float16)
    missing = frozenset({1, 2, 4, 5})
    settings = PretrainSettings(batch=8, crop=32, steps=1)
    network = UNet(UNetConfig(width=4, depth=2, embedding_dim=6))
    learner = Learner(network, settings.make_objective())
    task = PretrainTask(learner, [MovingLoop(blank, flow, 1, missing)], settings)
    generator = torch.Generator().manual_seed(0)
    drawn = {task._draw(generator).t for _ in range(64)}
    assert drawn == {0, 3, 6}
    pictures, _ = task.batch(generator)
    assert all(float(p.max()) > 0 for p in pictures)
    assert task.preview().shape == (96, 3 * 96, 3)
