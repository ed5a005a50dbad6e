import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.errors import CheckpointError, SettingsError, TrainingError
from napari_motionseg.jobs import STOP, run
from napari_motionseg.models import (
    LayeredPWCNet,
    ModelCard,
    PWCNet,
    UNet,
    UNetConfig,
    load_model,
    save_model,
)
from napari_motionseg.synthesis import PairBatch
from napari_motionseg.training.engine.loop import TrainingSettings
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.flow import job as flow_training
from napari_motionseg.training.flow.flow_task import FlowTask, end_point_errors
from napari_motionseg.training.flow.job import (
    initial_network,
    train_flow,
    train_flow_job,
)
from napari_motionseg.training.flow.pairs import PairPool, Pairs
from napari_motionseg.training.flow.settings import FlowTrainingSettings


def shifted_pairs(count, size, seed, config=None, device="cpu"):
    """Smooth noise that moves as a whole by whole pixels."""
    rng = np.random.default_rng(seed)
    first = np.empty((count, size, size), np.float32)
    second, flow = first.copy(), np.empty((count, 2, size, size), np.float16)
    for i in range(count):
        noise = np.kron(rng.random((size // 8 + 2,) * 2), np.ones((8, 8)))
        x, y = rng.integers(-3, 4, 2)
        first[i] = noise[4 : 4 + size, 4 : 4 + size]
        second[i] = noise[4 - y : 4 - y + size, 4 - x : 4 - x + size]
        flow[i, 0], flow[i, 1] = x, y
    arrays = first, second, flow, first > 0.8
    return PairBatch(*(torch.from_numpy(array) for array in arrays))


@pytest.fixture(autouse=True)
def _cheap_pairs(monkeypatch):
    monkeypatch.setattr(flow_training, "training_pairs", shifted_pairs)


def settings(steps=2, **others):
    training = TrainingSettings(
        steps=steps, device="cpu", precision="float32", clip_norm=10.0, preview_every=2
    )
    small = {
        "batch": 1, "crop": 64, "pair_size": 72, "pool_size": 3, "block": 2,
        "held_out": 1, "refresh_every": 2, "shift": 2, "training": training,
    }  # fmt: skip
    return FlowTrainingSettings(**(small | others))


def make_task(how):
    pool = PairPool(
        lambda count, seed: Pairs.of(shifted_pairs(count, how.pair_size, seed)),
        blocks=2, block=2, refresh_every=0, seed=0,
    )  # fmt: skip
    model, _ = initial_network(None, how)
    return FlowTask(model, pool, Pairs.of(shifted_pairs(2, 72, 9)), how)


def test_batches_are_turned_mirrored_and_cropped_with_their_flow():
    """The second picture is the first moved by the flow, however they were changed."""
    task = make_task(settings(batch=24, jitter=0.0))
    pictures, flow, vessel = task.batch(0, step_generator(0, 0))
    assert pictures.shape == (24, 2, 64, 64)
    assert flow.shape == (24, 2, 64, 64)
    assert vessel.shape == (24, 64, 64)
    for (first, second), vectors, mask in zip(pictures, flow, vessel, strict=True):
        x, y = vectors[:, 0, 0].int().tolist()
        assert (vectors == torch.tensor([[[x]], [[y]]])).all()
        carried = torch.roll(first, (y, x), (0, 1))
        torch.testing.assert_close(carried[4:-4, 4:-4], second[4:-4, 4:-4])
        assert torch.equal(mask, first > 0.8)
    assert len({tuple(f[:, 0, 0].tolist()) for f in flow}) > 6


def test_windows_of_all_sizes_are_drawn_with_about_as_many_pixels():
    task = make_task(settings(batch=4, largest_crop=128, pair_size=136))
    shapes = {
        tuple(task.batch(0, step_generator(0, step))[0].shape) for step in range(20)
    }
    assert shapes == {(4, 2, 64, 64), (1, 2, 128, 128)}


def test_jitter_changes_both_pictures_nearly_alike():
    task = make_task(settings(batch=8, jitter=1.0))
    plain = make_task(settings(batch=8, jitter=0.0))
    found, flow, _ = task.batch(0, step_generator(0, 0))
    expected, same_flow, _ = plain.batch(0, step_generator(0, 0))
    assert torch.equal(flow, same_flow)
    change = (found - expected).mean(dim=(2, 3))
    assert change.abs().max() > 0.02
    assert (change[:, 0] - change[:, 1]).abs().max() < 0.5 * change.abs().max()


@pytest.mark.parametrize("network", ["layered", "published"])
def test_the_loss_is_of_all_levels_and_its_gradient_reaches_every_weight(network):
    task = make_task(settings(batch=2, network=network))
    loss, metrics = task.loss(0, step_generator(0, 0), torch.device("cpu"))
    loss.backward()
    assert metrics["epe"] > 0
    without = [n for n, p in task.model.named_parameters() if p.grad is None]
    assert not without


def test_a_network_is_trained_written_and_resumed(tmp_path):
    out, told = tmp_path / "flow.safetensors", []
    assert run(train_flow_job(settings(4), out=out), told.append) == out
    making = [p for p in told if "pairs" in p.message]
    assert [(p.step, p.total) for p in making] == [(2, 4), (4, 4)]
    steps = [p for p in told if "loss" in p.metrics]
    assert [p.step for p in steps] == [1, 2, 3, 4]
    assert steps[-1].preview.shape == (72, 144, 3)
    assert steps[-1].preview.dtype == np.uint8

    model, card = load_model(out, kind="flow")
    assert isinstance(model, LayeredPWCNet)
    assert card.provenance["training"]["steps_done"] == 4
    assert card.provenance["held_out_epe_px"]["epe_all"] >= 0
    assert "measures" not in card.provenance

    halved = tmp_path / "halved.safetensors"
    job = train_flow_job(settings(4), out=halved)
    while next(job).metrics.get("loss") is None:
        pass
    next(job)
    job.close()
    assert not halved.exists()
    train_flow(settings(4), out=halved, resume=True)
    other, _ = load_model(halved)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name]), name


def test_stop_writes_what_was_learnt(tmp_path):
    job = train_flow_job(settings(50), out=tmp_path / "flow.safetensors")
    while next(job).metrics.get("loss") is None:
        pass
    final = job.send(STOP)
    assert final.step == 1
    with pytest.raises(StopIteration) as end:
        next(job)
    _, card = load_model(end.value.value)
    assert card.provenance["training"]["stopped"]


def test_training_goes_on_from_a_checkpoint(tmp_path):
    first = train_flow(settings(1), out=tmp_path / "a.safetensors")
    model, origin = initial_network(first, settings())
    assert isinstance(model, LayeredPWCNet)
    assert len(origin["weights_sha256"]) == 64
    second = train_flow(settings(1), out=tmp_path / "b.safetensors", start=first)
    _, card = load_model(second)
    assert card.provenance["start"] == origin
    with pytest.raises(TrainingError, match=r"start\.kind was 'flow', is 'scratch'"):
        train_flow(settings(1), out=second, resume=True)


def test_of_another_flow_network_the_pyramid_is_taken_over(tmp_path):
    path = tmp_path / "published.safetensors"
    old = PWCNet(1, normalized=True)
    configuration = {"in_channels": 1, "normalized": True}
    save_model(path, old, ModelCard("flow", "PWCNet", configuration, {}))
    model, origin = initial_network(path, settings())
    assert isinstance(model, LayeredPWCNet)
    assert origin["fresh"]
    for name, weight in old.features.state_dict().items():
        assert torch.equal(weight, model.features.state_dict()[name])
    out = train_flow(settings(1), out=tmp_path / "new.safetensors", start=path)
    assert isinstance(load_model(out)[0], LayeredPWCNet)


def test_another_network_is_no_start(tmp_path):
    path = tmp_path / "unet.safetensors"
    config = UNetConfig(width=4, depth=2, embedding_dim=4)
    card = ModelCard("embedding", "UNet", dataclasses.asdict(config), {})
    save_model(path, UNet(config), card)
    with pytest.raises(CheckpointError, match=r"unet\.safetensors"):
        initial_network(path, settings())


def test_end_point_errors_of_a_network_that_says_nothing_moves():
    class Still(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, first, second):
            return torch.zeros((len(first), 2, *first.shape[-2:]))

    arrays = shifted_pairs(3, 64, 1)
    arrays.flow[:, 0], arrays.flow[:, 1] = 3, -4
    errors = end_point_errors(Still(), Pairs.of(arrays))
    assert errors == {
        "epe_all": 5.0,
        "epe_vessel": 5.0,
        "zero_flow_all": 5.0,
        "zero_flow_vessel": 5.0,
    }


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"crop": 100}, "crop must be a multiple of 64 pixels; got 100"),
        ({"crop": 0}, "crop must be a multiple of 64 pixels; got 0"),
        ({"largest_crop": 100}, "largest_crop must be a multiple of 64 pixels"),
        ({"crop": 128, "largest_crop": 64}, "largest_crop must be at least crop"),
        (
            {"crop": 128},
            r"pair_size must be at least crop \+ shift \(128 \+ 2\); got 72",
        ),
        ({"batch": 0}, "batch must be at least 1; got 0"),
        ({"pool_size": 0}, "pool_size must be at least 1"),
        ({"penalty": "l1"}, "unknown penalty 'l1'"),
        ({"jitter": -1.0}, "jitter must be at least 0"),
        ({"vessel_weight": float("nan")}, "vessel_weight must be at least 0; got nan"),
    ],
)
def test_settings_that_cannot_be(wrong, words):
    with pytest.raises(SettingsError, match=words):
        settings(**wrong)
