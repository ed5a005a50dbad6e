"""`motionseg pretrain` learns an embedding, resumes and refuses bad input."""

import pytest
from helpers.commands import SMALL, refused

from napari_motionseg.models import read_card


def test_pretraining_goes_on_where_it_was(motionseg, loop_file, embedding, tmp_path):
    card = read_card(embedding)
    assert card.kind == "embedding"
    out = tmp_path / "e.safetensors"
    words = (
        "pretrain", loop_file, "--recipe", "paper", "--width", 4, "--points", 30,
        "--flow-method", "ilk", "--out", out, *SMALL,
    )  # fmt: skip
    assert motionseg(*words, "--steps", 2).code == 0
    answer = motionseg(*words, "--steps", 3, "--workers", 1, "--resume", "--json")
    assert answer.code == 0, answer.err
    (row,) = answer.rows
    assert row["kind"] == "embedding"
    assert "Resumed after step 2" in answer.err


def test_pretrain_refuses_an_unknown_objective(motionseg, loop_file, tmp_path):
    words = ("--objective", "luck", "--out", tmp_path / "e.safetensors")
    assert refused(motionseg("pretrain", loop_file, *words), "luck")


def test_several_objectives_on_a_hypercolumn(motionseg, loop_file, tmp_path):
    out = tmp_path / "e.safetensors"
    answer = motionseg(
        "pretrain", loop_file, "--objective", "cross-pixel", "--objective",
        "temporal-consistency=0.5", "--option", "cross-pixel.sigma=0.2", "--points", 20,
        "--head", "hypercolumn", "--steps", 2, "--width", 4, "--flow-method", "ilk",
        "--look-every", 1, "--out", out, *SMALL, "--batch", 2, "--parts", 2,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    facts = read_card(out).provenance
    expected = {"cross-pixel": 1.0, "temporal-consistency": 0.5}
    assert facts["pretraining"]["objective"] == expected
    assert facts["training"]["micro_batches"] == 2
    log = sorted(path.name for path in (tmp_path / "e.log").iterdir())
    assert log == ["curves.csv", "step-000001.png", "step-000002.png"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--objective", "grouping=much"), "NAME=WEIGHT; got 'grouping=much'"),
        (("--objective", "grouping", "--objective", "grouping=2"), "given twice"),
        (("--objective", "temporal-consistency"), "cannot be used alone"),
        (("--head", "foot"), "unknown head 'foot'"),
        (("--start", "motion-xa", "--width", "8"), "--start brings its own"),
        (("--start", "none.safetensors"), "none.safetensors"),
        (("--batch", "2", "--parts", "3", "--flow-method", "ilk"), "cannot be divided"),
    ],
)
def test_pretrain_refuses(motionseg, loop_file, tmp_path, words, told):
    out = tmp_path / "e.safetensors"
    assert refused(motionseg("pretrain", loop_file, "--out", out, *words), told)
    assert not out.exists()


def test_pretraining_from_exact_flow_and_its_control(motionseg, tmp_path):
    out = tmp_path / "e.safetensors"
    words = ("pretrain", "synthetic", "--recipe", "exact", "--width", 4, *SMALL)
    answer = motionseg(
        *words,
        "--steps",
        1,
        "--points",
        30,
        "--shuffled-flow",
        "--pool",
        4,
        "--out",
        out,
    )
    assert answer.code == 0, answer.err
    facts = read_card(out).provenance["pretraining"]
    assert facts["shuffled"] is True
    assert facts["pairs"]["estimated"] is False
    assert facts["objective"] == {"flow-regression": 1.0, "moving-apart": 1.0}


@pytest.mark.parametrize(
    ("objective", "words", "options"),
    [
        ("flow-regression", ("--points", 30), {}),
        # it has no points, of which the recipe has a number
        ("conditional-propagation", ("--option", "bins=5"), {"bins": 5}),
    ],
)
def test_options_of_a_recipe_do_not_reach_another_objective(
    motionseg, tmp_path, objective, words, options
):
    out = tmp_path / "e.safetensors"
    answer = motionseg(
        "pretrain", "synthetic", "--recipe", "exact", "--width", 4, *SMALL,
        "--steps", 1, "--objective", objective, *words, "--pool", 2, "--out", out,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    facts = read_card(out).provenance["pretraining"]
    assert facts["objective"] == objective
    assert facts["options"] == options


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--recipe", "exact"), "give the word synthetic"),
        (("--estimated-flow",), "--estimated-flow, --pool and --anatomy need"),
        (("--pool", "4"), "--estimated-flow, --pool and --anatomy need"),
    ],
)
def test_exact_flow_is_only_known_of_synthetic_pairs(
    motionseg, loop_file, tmp_path, words, told
):
    out = tmp_path / "e.safetensors"
    assert refused(motionseg("pretrain", loop_file, "--out", out, *words), told)
    assert not out.exists()
