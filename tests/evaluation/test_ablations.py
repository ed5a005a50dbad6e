"""Variants of pretraining that differ in one thing."""

import pytest
import torch
from helpers.reference_loops import moving_bar, quick_pretraining

from napari_motionseg.errors import SettingsError, TrainingError
from napari_motionseg.evaluation.ablations import (
    ABLATIONS,
    Variant,
    variants_job,
    variants_of,
)
from napari_motionseg.jobs import run
from napari_motionseg.models import load_model, read_card
from napari_motionseg.motion import ESTIMATORS
from napari_motionseg.training import PretrainSettings

ILK = {"a": Variant(flow="ilk"), "b, c": Variant("cross-pixel", flow="ilk")}


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
    cines = [moving_bar("p1_a").cine, moving_bar("p1_b", 1).cine]
    told = []
    found = run(variants_job(ILK, cines, quick_pretraining(), tmp_path), told.append)
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
    again = run(variants_job(ILK, cines, quick_pretraining(), tmp_path))
    after = load_model(again["a"])[0].state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_folder_of_other_loops_is_refused(tmp_path):
    run(variants_job(ILK, [moving_bar("p1_a").cine], quick_pretraining(), tmp_path))
    other = [moving_bar("p1_b", 1).cine]
    with pytest.raises(TrainingError):
        run(variants_job(ILK, other, quick_pretraining(), tmp_path))
