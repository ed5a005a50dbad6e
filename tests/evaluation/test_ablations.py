"""Variants of pretraining that differ in one thing."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from napari_motionseg.cine import Cine
from napari_motionseg.cli import evaluate as command
from napari_motionseg.cli.app import app
from napari_motionseg.errors import SettingsError, TrainingError
from napari_motionseg.evaluation import FewShotSettings, ReferenceLoop
from napari_motionseg.evaluation.ablations import (
    ABLATIONS,
    Variant,
    variants_job,
    variants_of,
)
from napari_motionseg.jobs import run
from napari_motionseg.models import UNetConfig, load_model, read_card
from napari_motionseg.motion import ESTIMATORS, FlowSettings
from napari_motionseg.training import PretrainSettings, TrainingSettings

SIDE = 48
ILK = {"a": Variant(flow="ilk"), "b, c": Variant("cross-pixel", flow="ilk")}


def base(steps=2):
    return PretrainSettings(
        steps=steps,
        batch=1,
        crop=32,
        points=20,
        network=UNetConfig(width=4, depth=2, embedding_dim=6),
        flow=FlowSettings(method="ilk"),
        training=TrainingSettings(steps=steps, device="cpu", precision="float32"),
    )


def loop(name, seed=0, frames=4):
    """A dark bar that moves by 2 px a frame over a texture that stands still."""
    rng = np.random.default_rng(seed)
    texture = rng.normal(150, 20, (SIDE, SIDE))
    masks = np.zeros((frames, SIDE, SIDE), bool)
    for t in range(frames):
        masks[t, :, 10 + 2 * t : 18 + 2 * t] = True
    pixels = np.clip(np.where(masks, 60, texture), 0, 255).astype(np.uint8)
    valid = np.ones(frames, bool)
    return ReferenceLoop(name, name[:2], Cine.from_array(pixels), masks, valid)


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_variant_is_one_that_can_be_trained(name):
    whole = PretrainSettings()
    made = [variant.of(whole) for variant in variants_of(name).values()]
    for settings in made:
        assert settings.make_objective() is not None
        assert settings.flow.method in ESTIMATORS
    keys = [(str(s.objective), str(s.options), s.flow.method) for s in made]
    assert len(set(keys)) == len(made)
    assert all(s.steps == whole.steps and s.training == whole.training for s in made)


def test_the_papers_own_choices_are_among_them():
    guided = variants_of("guidance")["K 81, G 200"].of(PretrainSettings())
    objective = guided.make_objective()
    assert (objective.nms_kernel, objective.grid_stride) == (81, 200)
    nets = variants_of("nets")["1, 2, 4"].of(PretrainSettings())
    assert nets.make_objective().strides == (1, 2, 4)


def test_the_nearest_name_is_offered():
    with pytest.raises(SettingsError, match="did you mean 'kernel'"):
        variants_of("kernels")


def test_each_variant_leaves_a_checkpoint_and_goes_on(tmp_path):
    cines = [loop("p1_a").cine, loop("p1_b", 1).cine]
    told = []
    found = run(variants_job(ILK, cines, base(), tmp_path), told.append)
    assert {name: path.name for name, path in found.items()} == {
        "a": "a.safetensors",
        "b, c": "b-c.safetensors",
    }
    said = [p.message for p in told if not p.metrics]
    assert said[0].startswith("a: Flow of loop 1 of 2")
    assert any(text.startswith("b, c: ") for text in said)
    assert all(not p.message for p in told if p.metrics and p.step < p.total)
    objectives = [read_card(p).provenance["pretraining"] for p in found.values()]
    assert [o["objective"] for o in objectives] == ["flow-consistency", "cross-pixel"]
    before = load_model(found["a"])[0].state_dict()
    again = run(variants_job(ILK, cines, base(), tmp_path))
    after = load_model(again["a"])[0].state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_folder_of_other_loops_is_refused(tmp_path):
    run(variants_job(ILK, [loop("p1_a").cine], base(), tmp_path))
    with pytest.raises(TrainingError):
        run(variants_job(ILK, [loop("p1_b", 1).cine], base(), tmp_path))


def test_the_command_compares_variants_with_scratch(tmp_path, monkeypatch):
    given = [loop("p1_a"), loop("p1_b", 1)], [loop("p2_a", 2)]
    for one in (*given[0], *given[1]):
        monkeypatch.setattr(type(one), "shown", property(lambda _: np.arange(4)))
    monkeypatch.setattr(command, "_loops", lambda *words: given)
    monkeypatch.setattr(command, "_pretraining", lambda *words: base())
    networks = command._networks
    monkeypatch.setattr(
        command, "_networks", lambda starts, *_: networks(starts, "tuned", 2, "cpu")
    )
    words = ["evaluate", "ablation", "flow", "--only", "ilk", "--seeds", "1"]
    out = tmp_path / "rows"
    words += ["--out", str(out), "--no-cache", "--device", "cpu"]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    assert "| scratch | 1 |" in answer.output
    assert "| ilk | 1 |" in answer.output
    assert (out / "ilk.safetensors").exists()
    rows = (out / "rows.jsonl").read_text().splitlines()
    assert len(rows) == 2 * 4
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 0, again.output
    assert (out / "rows.jsonl").read_text().splitlines() == rows


def test_a_variant_that_is_none_is_refused(tmp_path):
    words = ["evaluate", "ablation", "flow", "--only", "pwcnets", "--out"]
    answer = CliRunner().invoke(app, [*words, str(tmp_path / "x")])
    assert answer.exit_code != 0
    assert not (tmp_path / "x").exists()


def test_both_commands_build_the_protocol_in_one_way():
    loops = [loop("p1_a")]
    across = command._protocol("0,1", loops, seeds=2, stride=3)
    assert across == FewShotSettings((0, 1), 2, "across", 3)
    within = command._protocol("0,1", loops, seeds=2, stride=3, within=True)
    assert within == FewShotSettings((0, 1), 2, "within", 3)


def test_all_labels_are_as_many_as_there_are():
    loops = [loop("p1_a"), loop("p1_b", frames=3)]
    shown = sum(len(one.shown) for one in loops)
    assert shown > 0
    assert command._counts("1, all", loops) == (1, shown)
    with pytest.raises(SettingsError, match="or all; got '1,some'"):
        command._counts("1,some", loops)
    with pytest.raises(SettingsError, match="needs loops to learn from"):
        command._counts("all", [])
