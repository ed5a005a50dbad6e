"""What is held out of a pretraining, and what is measured on it."""

import csv

import numpy as np
import pytest
import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import run
from napari_motionseg.models import UNet, UNetConfig, load_model
from napari_motionseg.motion import FlowSequence, FlowSettings
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.engine.settings import TrainingSettings
from napari_motionseg.training.pretrain import motion_data
from napari_motionseg.training.pretrain.held_out import held_out_check, split_loops
from napari_motionseg.training.pretrain.job import pretrain_job
from napari_motionseg.training.pretrain.motion_data import MovingLoop
from napari_motionseg.training.pretrain.motion_task import Learner, PretrainTask
from napari_motionseg.training.pretrain.settings import PretrainSettings

pytestmark = pytest.mark.usefixtures("no_signal_check")
SIDE = 40


def squares(seed=0, frames=20, **others):
    """A bright square wanders over a dark ground."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(40, 70, (frames, SIDE, SIDE))
    for t in range(frames):
        row, column = rng.integers(0, SIDE - 16, 2)
        pixels[t, row : row + 14, column : column + 14] += 150
    return Cine.from_array(pixels.astype(np.uint8), **others)


def flow_of(cine, gap=1):
    """The square moves right, the ground left: a picture tells its flow."""
    bright = np.stack([cine.frames[t] > 128 for t in range(len(cine) - gap)])
    flow = np.zeros((len(bright), 2, SIDE, SIDE), np.float16)
    flow[:, 0] = np.where(bright, 4, -4)
    return flow


def moving(seed=0, frames=20, patient=None, gap=1):
    cine = squares(seed, frames, patient={"PatientID": patient} if patient else {})
    return MovingLoop(cine, flow_of(cine, gap), gap)


def settings(steps=2, **others):
    return PretrainSettings(
        **({
            "steps": steps,
            "batch": 3,
            "crop": 32,
            "network": UNetConfig(width=4, depth=2, embedding_dim=8),
            "flow": FlowSettings(method="ilk"),
            "training": TrainingSettings(
                steps=1, learning_rate=1e-2, device="cpu", precision="float32"
            ),
        } | others)
    )  # fmt: skip


@pytest.mark.parametrize("gap", [1, 3])
def test_frames_of_few_loops_are_held_out_and_no_frame_serves_both(gap):
    loops = [moving(0, 40, gap=gap), moving(1, 7, gap=gap)]
    split = split_loops(loops, 0.1)
    assert not split.whole
    assert split.train[1] is loops[1]  # too short to give a frame away
    (held,) = split.held_out
    assert len(held.entries) == (40 - gap) // 10
    assert 10 < held.entries[0] < held.entries[-1] < 30
    used, kept = (
        {t for one in part.entries for t in (one, one + gap)}
        for part in (split.train[0], held)
    )
    assert not used & kept
    assert len(used) > 25


def test_the_patient_with_the_fitting_number_of_loops_is_held_out():
    patients = ["a"] * 2 + ["b"] * 7 + ["c"] * 5 + [None] * 1 + ["d"] * 6
    loops = [moving(n, 3, one) for n, one in enumerate(patients)]
    split = split_loops(loops, 0.1)
    assert split.whole
    assert split.held_out == loops[:2]
    assert split.train == loops[2:]
    assert split_loops(loops, 0.25).held_out == loops[9:14]
    strangers = [moving(n, 3) for n in range(8)]
    assert split_loops(strangers, 0.1).held_out == strangers[-1:]
    # two patients: no patient can be spared, so frames are held out
    pair = [moving(n, 30, one) for n, one in enumerate("aabb")]
    assert not split_loops(pair, 0.1).whole
    assert split_loops(pair, 0.0).held_out == []


def test_shuffled_is_that_of_other_windows():
    loops = [moving(seed) for seed in range(3)]
    learner = Learner(UNet(settings().network), settings().make_objective())
    tasks = [
        PretrainTask(learner, loops, settings(jitter=0.0, batch=20, shuffled=on))
        for on in (False, True)
    ]
    batches = [task.batch(step_generator(0, 0)) for task in tasks]
    assert torch.equal(batches[0][0], batches[1][0])
    told = []
    for pictures, flow in batches:
        assert torch.equal(flow[:, 0].abs(), torch.full_like(flow[:, 0], 4))
        # 1 or -1 in a whole window that has its own flow, which may be mirrored
        sign = torch.where(pictures[:, 0] > 0.5, 1.0, -1.0) * flow[:, 0].sign()
        told.append(sign.mean(dim=(1, 2)).abs())
    assert torch.equal(told[0], torch.ones(20))
    assert told[1].mean() < 0.9


def test_only_an_embedding_that_tells_the_flow_explains_it():
    """Brightness tells the flow of a picture, and nothing about that of others."""

    class Bright(torch.nn.Module):
        config = UNetConfig(embedding_dim=2)

        def forward(self, pictures):
            sign = torch.where(pictures > 0.5, 1.0, -1.0)
            return torch.cat((sign, 0.01 * torch.ones_like(sign)), dim=1)

    how = settings(held_out=0.1)
    learner = Learner(Bright(), how.make_objective())
    check = held_out_check([moving(5)], learner, how)
    learner.train()
    metrics = check.measure(torch.device("cpu"))
    assert learner.training
    assert metrics["held_out_explained"] > 0.9
    assert metrics["shuffled_explained"] < 0.1
    assert metrics["held_out_information"] > 0.01
    assert metrics == check.measure(torch.device("cpu"))
    assert held_out_check([], learner, how).measure(torch.device("cpu")) == {}


def test_curves_and_card_tell_what_is_explained(tmp_path, monkeypatch):
    def flow_job(cine, settings, cache=None):
        yield from ()
        return FlowSequence(flow_of(cine).astype(np.float32), None, 1, "truth")

    monkeypatch.setattr(motion_data, "estimate_flow_job", flow_job)
    loops = [squares(seed, 6) for seed in range(5)]
    out, told = tmp_path / "e.safetensors", []
    how = settings(60, points=60, check_every=20)
    run(pretrain_job(loops, how, out=out), told.append)
    steps = [p for p in told if "loss" in p.metrics]
    assert all("explained" in p.metrics for p in steps)
    measured = {p.step: p.metrics for p in steps if "held_out_explained" in p.metrics}
    assert list(measured) == [1, 21, 41]
    card = load_model(out)[1].provenance["explained"]
    assert card["held_out"] == "loops of a patient"
    assert card["held_out_explained"] > measured[1]["held_out_explained"] + 0.3
    assert card["held_out_explained"] > card["shuffled_explained"] + 0.3
    with (tmp_path / "e.log" / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [bool(row["held_out_explained"]) for row in rows[:21]] == (
        [True] + 19 * [False] + [True]
    )


@pytest.mark.parametrize(
    ("field", "value"), [("held_out", 1.0), ("held_out", -0.1), ("check_every", 0)]
)
def test_settings_out_of_range_are_refused(field, value):
    with pytest.raises(SettingsError, match=f"{field} must be .*got {value}"):
        settings(**{field: value})
