"""Flow without a signal, and objectives that do not fit, are refused early."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError, SettingsError, TrainingError
from napari_motionseg.jobs import STOP, run
from napari_motionseg.models import UNet, UNetConfig
from napari_motionseg.motion import FlowSequence, FlowSettings
from napari_motionseg.objectives import OBJECTIVES
from napari_motionseg.training.engine.settings import TrainingSettings
from napari_motionseg.training.pretrain import motion_data, signal
from napari_motionseg.training.pretrain.job import pretrain, pretrain_job
from napari_motionseg.training.pretrain.motion_task import Learner
from napari_motionseg.training.pretrain.settings import PretrainSettings
from napari_motionseg.training.pretrain.signal import (
    check_objective,
    require_signal,
    signal_job,
)

SIDE = 96
TINY = UNetConfig(width=4, depth=2, embedding_dim=6)


def loop(name="loop", patient=""):
    pixels = np.random.default_rng(0).integers(0, 256, (6, SIDE, SIDE))
    patient = {"PatientID": patient} if patient else {}
    return Cine.from_array(pixels.astype(np.uint8), name=name, patient=patient)


def field(kind):
    """Flow of a table that moves, with or without a square that moves apart."""
    flow = np.zeros((5, 2, SIDE, SIDE), np.float32)
    flow[:, 0] = 3.0
    if kind == "square":
        flow[:, :, 20:60, 20:60] += np.array([-6.0, 4.0])[:, None, None]
    return flow


@pytest.fixture
def flow(monkeypatch):
    """Choose the flow of all loops; return how often all of it was estimated."""
    known = SimpleNamespace(kind="square", estimated=0)

    def lazy_flow(cine, settings, cache=None):
        if cine.name == "broken":
            raise MotionError("broken: has one frame")
        return FlowSequence(field(known.kind), None, 1, settings.method)

    def flow_job(cine, settings, cache=None):
        yield from ()
        known.estimated += 1
        return FlowSequence(field(known.kind), None, 1, settings.method)

    monkeypatch.setattr(signal, "lazy_flow", lazy_flow)
    monkeypatch.setattr(motion_data, "estimate_flow_job", flow_job)
    return known


def settings(**others):
    values = {
        "steps": 1, "batch": 1, "crop": 64, "network": TINY,
        "flow": FlowSettings(method="ilk"),
        "training": TrainingSettings(steps=1, device="cpu", precision="float32"),
    }  # fmt: skip
    return PretrainSettings(**(values | others))


def learner(how):
    return Learner(UNet(how.network), how.make_objective())


ALONE = [name for name in OBJECTIVES if name != "temporal-consistency"]


@pytest.mark.parametrize("name", ALONE)
def test_a_table_that_moves_teaches_nothing_to_any_objective(flow, name):
    how = settings(objective=name)
    model = learner(how)
    clear = run(signal_job([loop()], model, how))
    assert clear[name] > how.least_information()[name]
    require_signal(clear, how)
    flow.kind = "table"
    silent = run(signal_job([loop()], model, how))
    assert silent[name] < how.least_information()[name]
    with pytest.raises(TrainingError, match=rf"no signal.*{name}: .*--anyway"):
        require_signal(silent, how)


def test_pretraining_refuses_before_all_flow_is_estimated(flow, tmp_path):
    flow.kind = "table"
    out = tmp_path / "e.safetensors"
    with pytest.raises(TrainingError, match="has no signal to learn from"):
        pretrain([loop(), loop()], settings(), out=out)
    assert flow.estimated == 0
    assert not out.exists()
    assert pretrain([loop()], settings(), out=out, anyway=True).exists()
    # what has begun may go on
    pretrain([loop()], settings(), out=out, resume=True)


def test_one_of_several_objectives_with_a_signal_is_enough(flow):
    both = settings(objective={"flow-consistency": 1.0, "moving-apart": 1.0})
    found = run(signal_job([loop()], learner(both), both))
    assert list(found) == ["flow-consistency", "moving-apart"]
    require_signal(found | {"moving-apart": 0.0}, both)
    with pytest.raises(TrainingError, match="flow-consistency: 0,.*; moving-apart: 0"):
        require_signal(dict.fromkeys(found, 0.0), both)
    require_signal({}, both)  # nothing could be measured; loops are named later


def test_a_loop_that_fails_is_left_to_the_job_that_names_it(flow):
    how = settings()
    assert run(signal_job([loop("broken")], learner(how), how)) == {}
    found = run(signal_job([loop("broken"), loop()], learner(how), how))
    assert found["flow-consistency"] > 0


def test_stop_while_the_signal_is_measured(flow):
    how = settings()
    job = signal_job([loop()], learner(how), how)
    next(job)
    with pytest.raises(TrainingError, match="before anything was learnt"):
        job.send(STOP)


def test_measuring_changes_no_weight(flow):
    options = {"nms_kernel": 5, "grid_stride": 16, "cell": 4, "width": 4}
    how = settings(objective="conditional-propagation", options=options)
    model = learner(how)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run(signal_job([loop()], model, how))
    assert all(value.equal(before[n]) for n, value in model.state_dict().items())
    assert model.training


@pytest.mark.parametrize(
    ("changes", "dim", "words"),
    [
        ({"objective": "grouping"}, 1, r"grouping does not fit.*_dim=1: .*D >= 2"),
        (
            {"options": {"dilation": 40}},
            6,
            r"flow-consistency does not fit.*dilation must be at most half",
        ),
    ],
)
def test_objectives_that_do_not_fit_the_network_are_refused_at_once(
    flow, tmp_path, changes, dim, words
):
    network = dataclasses.replace(TINY, embedding_dim=dim)
    how = settings(network=network, **changes)
    with pytest.raises(SettingsError, match=words):
        pretrain([loop()], how, out=tmp_path / "e.safetensors")
    assert flow.estimated == 0


@pytest.mark.parametrize("head", ["decoder", "hypercolumn"])
@pytest.mark.parametrize("name", ALONE)
def test_every_objective_fits_every_head(name, head):
    how = settings(objective=name, network=dataclasses.replace(TINY, head=head))
    check_objective(learner(how), how)
    whole = dataclasses.replace(how, crop=None)
    check_objective(learner(whole), whole)


def test_loops_of_one_patient_are_told(flow, tmp_path):
    told = []
    loops = [loop(patient="Doe"), loop(patient="Doe")]
    job = pretrain_job(loops, settings(), out=tmp_path / "e.safetensors")
    run(job, told.append)
    notes = [p for p in told if "All loops are of one patient" in p.message]
    assert len(notes) == 1
    assert "Doe" not in notes[0].message
    told.clear()
    others = [loop(patient="Doe"), loop(patient="Roe")]
    run(pretrain_job(others, settings(), out=tmp_path / "f.safetensors"), told.append)
    assert not any("one patient" in p.message for p in told)
