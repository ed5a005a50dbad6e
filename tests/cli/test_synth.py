"""`motionseg synth` writes loops with their truth."""

import numpy as np
from helpers.commands import refused
from pydicom import dcmread

from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine


def test_synth_writes_loops_and_their_truth(motionseg, tmp_path):
    answer = motionseg(
        "synth", tmp_path, "--cines", 2, "--frames", 4, "--size", 64,
        "--seed", 5, "--json",
    )  # fmt: skip
    assert answer.code == 0
    assert [row["seed"] for row in answer.rows] == [5, 6]
    for row in answer.rows:
        cine = read_cine(row["cine"])
        assert cine.shape == (4, 64, 64)
        with np.load(row["truth"]) as truth:
            assert truth["flow"].shape == (3, 2, 64, 64)
            assert truth["labelled"].all()
        assert read_labels(row["truth"], shape=cine.shape).labels.shape == cine.shape
    again = tmp_path / "again"
    motionseg("synth", again, "--frames", 4, "--size", 64, "--seed", 6)
    np.testing.assert_array_equal(
        np.asarray(read_cine(again / "cine_000.dcm").frames),
        np.asarray(read_cine(answer.rows[1]["cine"]).frames),
    )


def test_synth_refuses_a_size_that_cannot_be(motionseg, tmp_path):
    assert refused(motionseg("synth", tmp_path, "--size", 3), "size")


def test_synth_draws_coronary_segments_unless_asked_for_generic_vessels(
    motionseg, tmp_path
):
    size = ("--frames", 2, "--size", 64, "--seed", 6)
    for folder, options in (
        ("usual", ()),
        ("coronary", ("--anatomy", "coronary")),
        ("generic", ("--anatomy", "generic")),
    ):
        assert motionseg("synth", tmp_path / folder, *size, *options).code == 0
    usual, coronary, generic = (
        np.asarray(read_cine(tmp_path / folder / "cine_000.dcm").frames)
        for folder in ("usual", "coronary", "generic")
    )
    np.testing.assert_array_equal(usual, coronary)
    assert not np.array_equal(usual, generic)
    refusal = motionseg("synth", tmp_path / "no", *size, "--anatomy", "hepatic")
    for name in ("coronary", "cerebral", "renal", "leg", "iliac"):
        assert refused(refusal, name)


def test_synth_draws_other_arteries_with_their_presets(motionseg, tmp_path):
    size = ("--frames", 2, "--size", 64, "--seed", 6)
    for anatomy, part in (("renal", "KIDNEY"), ("cerebral", "HEAD"), ("leg", "LEG")):
        folder = tmp_path / anatomy
        assert motionseg("synth", folder, *size, "--anatomy", anatomy).code == 0
        file = folder / "cine_000.dcm"
        assert dcmread(file).BodyPartExamined == part
        usual = SynthesisConfig.preset(f"xa-{anatomy}", size=64, frames=2)
        truth = synthesize_cine(usual, 6)
        np.testing.assert_array_equal(
            np.asarray(read_cine(file).frames), truth.cine.frames
        )
        with np.load(folder / "cine_000_truth.npz") as stored:
            np.testing.assert_array_equal(stored["labels"], truth.masks)
    motionseg("synth", tmp_path / "heart", *size)
    assert "BodyPartExamined" not in dcmread(tmp_path / "heart" / "cine_000.dcm")
