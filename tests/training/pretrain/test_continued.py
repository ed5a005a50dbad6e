"""A pretraining that goes on from an embedding: weights, network and record."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import CheckpointError, MotionSegError
from napari_motionseg.evaluation.starts import shuffled_settings
from napari_motionseg.models import UNet, UNetConfig, load_model, read_card
from napari_motionseg.motion import FlowSettings
from napari_motionseg.training import PretrainSettings, TrainingSettings
from napari_motionseg.training.pretrain.job import pretrain
from napari_motionseg.training.pretrain.motion_data import MovingLoop
from napari_motionseg.training.pretrain.motion_task import Learner, PretrainTask
from napari_motionseg.training.pretrain.prefetch import FramePrefetcher
from napari_motionseg.training.pretrain.stored_settings import stored_settings

STARTED = UNetConfig(width=2, depth=2, embedding_dim=6)
OTHER = UNetConfig(width=4, depth=2, embedding_dim=8)


@pytest.fixture(scope="module")
def loop():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 40, 36))
    return Cine.from_array(pixels.astype(np.uint8))


def settings(network, steps=1, rate=1e-3):
    return PretrainSettings(
        objective="flow-regression", steps=steps, batch=2, crop=32, points=40,
        network=network, flow=FlowSettings(method="ilk"), held_out=0,
        training=TrainingSettings(
            steps=1, learning_rate=rate, device="cpu", precision="float32"
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def start(loop, tmp_path_factory):
    out = tmp_path_factory.mktemp("start") / "start.safetensors"
    return pretrain([loop], settings(STARTED), out=out, anyway=True)


def test_it_begins_with_the_weights_and_the_network_of_the_start(loop, start, tmp_path):
    out = tmp_path / "on.safetensors"
    still = settings(OTHER, rate=1e-9)
    pretrain([loop], still, out=out, start=start, anyway=True)
    before, after = (load_model(path, kind="embedding")[0] for path in (start, out))
    assert after.config == STARTED
    for name, weight in before.named_parameters():
        torch.testing.assert_close(after.get_parameter(name), weight, atol=1e-7, rtol=0)


def test_the_card_tells_the_start_and_can_be_read_back(loop, start, tmp_path):
    out = pretrain(
        [loop],
        settings(OTHER),
        out=tmp_path / "on.safetensors",
        start=start,
        anyway=True,
    )
    card = read_card(out)
    told = card.provenance["pretraining"]["start"]
    assert told["kind"] == "embedding"
    assert len(told["weights_sha256"]) == 64
    assert "start" not in read_card(start).provenance["pretraining"]
    assert stored_settings(card, out)[0].network == STARTED


def test_a_resume_needs_the_same_start(loop, start, tmp_path):
    out = tmp_path / "on.safetensors"
    pretrain([loop], settings(STARTED), out=out, start=start, anyway=True)
    longer = settings(STARTED, steps=2)
    with pytest.raises(MotionSegError, match="start"):
        pretrain([loop], longer, out=out, resume=True, anyway=True)
    pretrain([loop], longer, out=out, start=start, resume=True, anyway=True)
    assert read_card(out).provenance["training"]["steps_done"] == 2


def test_masks_are_no_start(loop, tmp_path):
    with pytest.raises(CheckpointError, match="segmentation"):
        pretrain(
            [loop], settings(OTHER), out=tmp_path / "e.safetensors", start="default",
            anyway=True,
        )  # fmt: skip


def test_the_control_of_a_continued_embedding_is_not_trained_from_random_weights(
    loop, start, tmp_path
):
    out = tmp_path / "on.safetensors"
    pretrain([loop], settings(OTHER), out=out, start=start, anyway=True)
    assert shuffled_settings(str(start))[0].shuffled
    with pytest.raises(MotionSegError, match="--shuffled-flow"):
        shuffled_settings(str(out))


def test_windows_show_what_the_working_size_of_the_start_would(loop, tmp_path):
    """A loop of 40 px is seen as one of 20 px: a window of 16 px covers 32."""
    small = UNetConfig(width=2, depth=2, embedding_dim=6, largest_side=20)
    how = replace(settings(small), crop=16, points=20, mirror=False, batch=3)
    flow = np.zeros((3, 2, 40, 36), np.float16)
    flow[:, 0] = 4.0
    learner = Learner(UNet(small), how.make_objective())
    with closing(FramePrefetcher([moving := MovingLoop(loop, flow, 1)], 0)) as frames:
        task = PretrainTask(learner, [moving], how, frames)
        task.loss(0, torch.Generator().manual_seed(0), torch.device("cpu"))
        windows = list(task._last)
        for window in windows:
            assert window.place.rows.stop - window.place.rows.start == 32
            assert window.place.columns.stop - window.place.columns.start == 32
            assert window.place.pose.size == (16, 16)
            lengths = task._motion(window).norm(dim=0)
            torch.testing.assert_close(lengths, torch.full((16, 16), 2.0))
        assert task.preview().shape == (40, 3 * 36, 3)
