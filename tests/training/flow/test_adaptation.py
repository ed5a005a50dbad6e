import numpy as np
import pytest
import torch
from helpers.painted_loops import SIDE, loop, painted

from napari_motionseg.cine import Cine
from napari_motionseg.errors import (
    CheckpointError,
    LabelError,
    MotionError,
    SettingsError,
    TrainingError,
)
from napari_motionseg.io import Labels
from napari_motionseg.jobs import STOP, run
from napari_motionseg.models import load_model, load_pwcnet
from napari_motionseg.training.engine.loop import TrainingSettings
from napari_motionseg.training.flow.adaptation import (
    adapt_flow,
    adapt_flow_job,
)
from napari_motionseg.training.flow.composed_pairs import AdaptationSettings


def settings(steps=2, **others):
    training = TrainingSettings(
        steps=steps, learning_rate=1e-4, clip_norm=10.0, device="cpu",
        precision="float32", preview_every=2,
    )  # fmt: skip
    small = {"batch": 1, "crop": 64, "largest_crop": 64, "held_out": 2}
    return AdaptationSettings(training=training, **(small | others))


EXAMPLES = [(loop(patient={"PatientName": "Doe^Jane"}), painted())]


def first_step(job):
    """Go on to the first step of training."""
    while next(job).metrics.get("loss") is None:
        pass


def test_a_network_is_adapted_written_and_resumed(tmp_path):
    out, told = tmp_path / "mine.safetensors", []
    assert run(adapt_flow_job(EXAMPLES, settings(3), out=out), told.append) == out
    assert "Cutting the vessel of frame 4 out" in told[0].message
    steps = [p for p in told if "loss" in p.metrics]
    assert [p.step for p in steps] == [1, 2, 3]
    side = 64 + 8
    assert steps[1].preview.shape == (side, 3 * side, 3)
    assert steps[1].preview.dtype == np.uint8
    assert set(told[-1].metrics) == {"epe_before", "epe_after"}

    model, card = load_model(out, kind="flow")
    facts = card.provenance
    assert card.architecture == type(load_pwcnet()).__name__
    assert facts["training"]["steps_done"] == 3
    assert len(facts["start"]["weights_sha256"]) == 64
    (source,) = facts["loops"]
    assert source["painted_frames"] == [4]
    assert source["contrast_free_frames"] == [0, 1, 2]
    assert source["pixels_sha256"] == EXAMPLES[0][0].content_hash()
    for errors in facts["held_out_epe_px"].values():
        assert errors["epe_vessel"] >= 0
    assert not any(word in repr(card) for word in ("Doe", "banded"))

    halved = tmp_path / "halved.safetensors"
    job = adapt_flow_job(EXAMPLES, settings(3), out=halved)
    first_step(job)
    job.close()
    assert not halved.exists()
    adapt_flow(EXAMPLES, settings(3), out=halved, resume=True)
    other, other_card = load_model(halved)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name]), name
    assert other_card.provenance["held_out_epe_px"] == facts["held_out_epe_px"]


def test_stop_writes_what_was_learnt(tmp_path):
    job = adapt_flow_job(EXAMPLES, settings(50), out=tmp_path / "f.safetensors")
    first_step(job)
    assert job.send(STOP).step == 1
    with pytest.raises(StopIteration) as end:
        next(job)
    _, card = load_model(end.value.value)
    assert card.provenance["training"]["stopped"]


def test_a_stop_before_the_first_step_leaves_nothing(tmp_path):
    job = adapt_flow_job(EXAMPLES, settings(), out=tmp_path / "f.safetensors")
    next(job)
    with pytest.raises(TrainingError, match="before anything was learnt"):
        job.send(STOP)
    assert list(tmp_path.iterdir()) == []


def test_what_was_guessed_is_kept_in_the_card(tmp_path):
    bright = [(loop((0.4, 0.4)), painted(2, (1,)))]
    out = adapt_flow(bright, settings(1), out=tmp_path / "f.safetensors")
    _, card = load_model(out)
    assert "from the first frame on" in card.provenance["notes"][0]


def test_another_loop_or_other_labels_are_not_resumed(tmp_path):
    out = tmp_path / "f.safetensors"
    adapt_flow(EXAMPLES, settings(1), out=out)
    other = [(EXAMPLES[0][0], painted(frames=(4, 5)))]
    with pytest.raises(TrainingError, match="loops was"):
        adapt_flow(other, settings(1), out=out, resume=True)


def test_bad_input_is_told_before_anything_is_written(tmp_path):
    out = tmp_path / "f.safetensors"
    with pytest.raises(SettingsError, match="no loop was given to adapt to"):
        adapt_flow([], settings(), out=out)
    still = Cine.from_array(np.full((1, SIDE, SIDE), 0.5), name="still")
    one = Labels.from_painted(painted().labels[4:5])
    with pytest.raises(MotionError, match="still: has only one frame"):
        adapt_flow([(still, one)], settings(), out=out)
    with pytest.raises(LabelError, match="no vessel is painted"):
        adapt_flow([(loop(), painted(value=1, mode="scribbles"))], settings(), out=out)
    with pytest.raises(CheckpointError, match=r"nowhere\.safetensors"):
        adapt_flow(EXAMPLES, settings(), out=out, start="nowhere.safetensors")
    assert list(tmp_path.iterdir()) == []
