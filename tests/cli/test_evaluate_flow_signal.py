"""`motionseg evaluate flow-signal` says how much the flow of loops can teach."""

import json
import shutil

import numpy as np

from napari_motionseg.evaluation import methods

WORDS = ["--methods", "ilk", "--pairs", "1", "--no-cache", "--device", "cpu"]


def test_masks_beside_a_loop_are_used(motionseg, loop_file, synthetic, tmp_path):
    shutil.copy(loop_file, tmp_path / "a.dcm")
    valid = np.ones(len(synthetic.masks), bool)
    np.savez(tmp_path / "a_mask.npz", mask=synthetic.masks, valid=valid)
    out = tmp_path / "signal.json"
    call = ["evaluate", "flow-signal", tmp_path / "a.dcm", *WORDS]
    answer = motionseg(*call, "--out", out)
    assert answer.code == 0, answer.err
    assert "1 pairs of 1 loops" in answer.out
    assert "nats" in answer.out
    assert "one patient" in answer.err
    assert "network" not in answer.err
    found = json.loads(out.read_text())
    assert found["methods"][0]["method"] == "ilk"
    assert 0 <= found["rows"][0]["auc_length"] <= 1
    (row,) = motionseg(*call, "--json").rows
    assert row["measures"] == found["methods"][0]["measures"]


def test_without_masks_a_network_finds_vessels(motionseg, loop_file, monkeypatch):
    def predictor(checkpoint, device):
        assert (checkpoint, device) == ("default", "cpu")
        return lambda frame: frame < np.quantile(frame, 0.1)

    monkeypatch.setattr(methods, "vessel_predictor", predictor)
    answer = motionseg("evaluate", "flow-signal", loop_file, *WORDS)
    assert answer.code == 0, answer.err
    assert "vessels of 1 loops come from the network that ships" in answer.err
    nothing = lambda *_: lambda frame: np.zeros(frame.shape, bool)  # noqa: E731
    monkeypatch.setattr(methods, "vessel_predictor", nothing)
    answer = motionseg("evaluate", "flow-signal", loop_file, *WORDS)
    assert answer.code == 2
    assert (
        "no frame shows vessels filled with contrast agent: the network marks at"
        in (answer.err)
    )


def test_options_that_do_not_fit_are_refused(motionseg, loop_file, label_file):
    call = ["evaluate", "flow-signal", loop_file, *WORDS]
    answer = motionseg(*call, "--vessels", "eyes")
    assert answer.code == 2
    assert "--vessels must be masks or network; got 'eyes'" in answer.err
    answer = motionseg(*call, "--labels", label_file, "--labels", label_file)
    assert answer.code == 2
    assert "got 2 for 1 loops" in answer.err
