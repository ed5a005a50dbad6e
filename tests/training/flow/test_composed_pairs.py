import dataclasses

import numpy as np
import pytest
import torch
from helpers.painted_loops import loop, painted

from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import run
from napari_motionseg.models import PWCNet
from napari_motionseg.motion.cutout import cut_out_job
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.flow.composed_pairs import (
    AdaptationSettings,
    ComposedPairs,
)
from napari_motionseg.training.flow.flow_task import FlowTask


@pytest.fixture(scope="module")
def layers():
    bright = run(cut_out_job(loop(), painted()))
    dark = dataclasses.replace(bright, backgrounds=bright.backgrounds * 0.1)
    return [bright, dark]


def test_a_pair_is_a_function_of_seed_step_and_index(layers):
    """So a resumed run sees the very pairs that an undisturbed one sees."""
    pool = ComposedPairs(layers, 64, AdaptationSettings())
    again = ComposedPairs(layers, 64, AdaptationSettings())
    for part, same in zip(pool.pair(3, 17), again.pair(3, 17), strict=True):
        assert torch.equal(part, same)
    training = dataclasses.replace(AdaptationSettings().training, seed=1)
    other_seed = ComposedPairs(layers, 64, AdaptationSettings(training=training))
    others = [pool.pair(4, 17), pool.pair(3, 18), other_seed.pair(3, 17)]
    for pictures, _, _ in others:
        assert not torch.equal(pictures, pool.pair(3, 17)[0])


def test_pairs_are_of_all_loops(layers):
    pool = ComposedPairs(layers, 64, AdaptationSettings())
    means = [float(pool.pair(0, index)[0].mean()) for index in range(12)]
    dark = sum(mean < 0.15 for mean in means)
    assert 0 < dark < 12


def test_held_out_pairs_are_no_pairs_of_a_step(layers):
    pool = ComposedPairs(layers, 64, AdaptationSettings())
    held_out = pool.held_out(3)
    assert held_out.pictures.shape == held_out.flow.shape == (3, 2, 64, 64)
    assert held_out.vessel.shape == (3, 64, 64)
    assert held_out.vessel.any(dim=(1, 2)).any()
    assert not torch.equal(held_out.pictures[0], pool.pair(0, 0)[0].half())


def test_the_task_draws_batches_of_them(layers):
    settings = AdaptationSettings(batch=2, crop=64, largest_crop=64)
    how = settings.for_side(128)
    pool = ComposedPairs(layers, how.pair_size, settings)
    task = FlowTask(PWCNet(1), pool, pool.held_out(1), how)
    pictures, flow, vessel = task.batch(0, step_generator(0, 0))
    assert pictures.shape == flow.shape == (2, 2, 64, 64)
    assert vessel.shape == (2, 64, 64)
    again = task.batch(0, step_generator(0, 0))
    assert torch.equal(pictures, again[0])
    assert np.isfinite(pictures.numpy()).all()


@pytest.mark.parametrize(
    ("side", "crops"), [(512, (192, 384)), (300, (192, 256)), (96, (64, 64))]
)
def test_windows_are_cut_down_to_the_loop(side, crops):
    how = AdaptationSettings().for_side(side)
    assert (how.crops[0], how.crops[-1]) == crops
    assert how.pair_size == crops[-1] + how.shift


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"held_out": 0}, "held_out must be at least 1; got 0"),
        ({"batch": 0}, "batch must be at least 1; got 0"),
        ({"crop": 100}, "crop must be a multiple of 64 pixels; got 100"),
        ({"largest_crop": 200}, "largest_crop must be a multiple of 64 pixels"),
        ({"largest_crop": 128}, r"largest_crop must be at least crop \(192\)"),
        ({"penalty": "l1"}, "unknown penalty 'l1'"),
    ],
)
def test_settings_that_cannot_be(wrong, words):
    with pytest.raises(SettingsError, match=words):
        AdaptationSettings(**wrong)
