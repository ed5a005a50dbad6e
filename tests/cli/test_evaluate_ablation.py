"""`motionseg evaluate ablation` trains variants and compares them with scratch."""

import numpy as np
from helpers.reference_loops import moving_bar, quick_pretraining

from napari_motionseg.cli import evaluate_ablation as command


def test_the_command_compares_variants_with_scratch(motionseg, tmp_path, monkeypatch):
    given = [moving_bar("p1_a"), moving_bar("p1_b", 1)], [moving_bar("p2_a", 2)]
    for one in (*given[0], *given[1]):
        monkeypatch.setattr(type(one), "shown", property(lambda _: np.arange(4)))
    monkeypatch.setattr(command, "reference_loops", lambda *words: given)
    monkeypatch.setattr(command, "pretrain_settings", lambda *_: quick_pretraining())
    networks = command.network_methods
    monkeypatch.setattr(
        command,
        "network_methods",
        lambda starts, tuning, _: networks(starts, tuning.with_steps(2), "cpu"),
    )
    words = ["evaluate", "ablation", "flow", "--only", "ilk", "--seeds", "1"]
    out = tmp_path / "rows"
    words += ["--out", str(out), "--no-cache", "--device", "cpu"]
    answer = motionseg(*words)
    assert answer.code == 0, answer.err
    assert "| scratch | 1 |" in answer.out
    assert "| ilk | 1 |" in answer.out
    assert (out / "ilk.safetensors").exists()
    rows = (out / "rows.jsonl").read_text().splitlines()
    assert len(rows) == 2 * 4
    again = motionseg(*words)
    assert again.code == 0, again.err
    assert (out / "rows.jsonl").read_text().splitlines() == rows


def test_an_unknown_variant_is_refused(motionseg, tmp_path):
    words = ["evaluate", "ablation", "flow", "--only", "pwcnets", "--out"]
    answer = motionseg(*words, tmp_path / "x")
    assert answer.code == 2
    assert "unknown variant 'pwcnets' (did you mean 'pwcnet'?)" in answer.err
    assert not (tmp_path / "x").exists()
