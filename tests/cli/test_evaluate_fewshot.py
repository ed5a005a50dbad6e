"""`motionseg evaluate fewshot` compares starts, controls and probes."""

import numpy as np
import pytest
from helpers.reference_loops import moving_bar

from napari_motionseg.cli import evaluate_fewshot as command


@pytest.fixture
def patients(monkeypatch):
    """Three patients with a loop each; two to learn from, one to test."""
    loops = [moving_bar(f"p{n}_a", n) for n in (1, 2, 3)]
    monkeypatch.setattr(
        type(loops[0]), "shown", property(lambda loop: np.arange(len(loop.masks)))
    )
    monkeypatch.setattr(command, "reference_loops", lambda *_: (loops[:2], loops[2:]))
    return loops


WORDS = ["--labels", "1", "--peers", "", "--device", "cpu", "--no-cache"]


def test_probes_leave_each_patient_out(motionseg, patients, embedding, tmp_path):
    starts = f"scratch,encoder:{embedding}"
    call = ["evaluate", "fewshot", "--probe", "--leave-one-out", "--seeds", "1"]
    call += ["--starts", starts, "--out", tmp_path / "rows", *WORDS]
    answer = motionseg(*call, "--json")
    assert answer.code == 0, answer.err
    scratch, encoder = answer.rows
    assert scratch["method"] == "probe:scratch"
    assert encoder["method"] == f"probe:encoder:{embedding.stem}"
    # the tested loops are those of --test; the others are learnt from
    assert (scratch["patients"], scratch["draws"]) == (1, 1)
    assert 0 <= scratch["auc"] <= 1
    assert encoder["gain_low"] <= encoder["gain"] <= encoder["gain_high"]
    assert "1 draws give a lead" in answer.err


def test_best_epochs_of_whitened_random_weights(motionseg, patients, tmp_path):
    call = ["evaluate", "fewshot", "--starts", "scratch,whitened:scratch", *WORDS]
    call += ["--draws", "2-2", "--steps", "2", "--snapshot-every", "1"]
    answer = motionseg(*call, "--no-early-stopping", "--out", tmp_path / "r")
    assert answer.code == 0, answer.err
    assert "| whitened:scratch | 1 |" in answer.out
    assert "| best epoch | gain at best |" in answer.out


def test_options_that_exclude_each_other(motionseg, patients, tmp_path):
    call = ["evaluate", "fewshot", "--within", "--leave-one-out", "--out", tmp_path]
    answer = motionseg(*call)
    assert answer.code == 2
    assert "--within and --leave-one-out exclude each other" in answer.err
