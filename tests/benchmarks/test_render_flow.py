import json

import pytest
from render_flow import leaders, misleading, sections

HERE = {"machine": "a machine", "date": "2026-01-01"}


def row(passed):
    return {"what": "w", "bar": "b", "measured": "m", "ratio": None, "passed": passed}


def test_one_table_of_bars_of_whatever_was_measured(tmp_path):
    assert sections(tmp_path) == []
    speed = {**HERE, "rows": [row(True), row(False), row(None)]}
    (tmp_path / "flow_speed.json").write_text(json.dumps(speed))
    (text,) = sections(tmp_path)
    assert "It reaches 1 of 2 targets." in text
    assert text.count("| w | b | m |") == 3
    assert "`flow_speed`: a machine, 2026-01-01" in text


def test_a_measure_that_no_method_has_is_no_column(tmp_path):
    methods = {"still": {"dice_2": 0.3}, "pwcnet": {"dice_2": 0.82, "agree_1": 0.9}}
    found = {"patients": ["p9"], "loops": 1, "pairs": {"gap 2": 4}, "methods": methods}
    text = {"rows": [], **found, **HERE}
    (tmp_path / "flow_real.json").write_text(json.dumps(text))
    joined = "\n".join(sections(tmp_path))
    assert "| gap 2 | Dice, warped mask |" in joined
    assert "| PWC-Net | 0.820 |" in joined


def test_the_best_method_of_each_measure_is_named():
    methods = {
        "pwcnet": {"photometric_1": 5.0, "auc_boundary_1": 0.8, "dice_1": 0.6},
        "dis": {"photometric_1": 3.0, "auc_boundary_1": 0.4},
    }
    assert leaders(methods, "1") == (
        "DIS, medium has the smallest residual; PWC-Net has the sharpest edges of the "
        "flow; PWC-Net has the best warped masks."
    )


@pytest.mark.parametrize(
    ("residual", "words"),
    [
        (3.0, "None: no method surpasses the exact flow."),
        (1.0, "The residual: there, a method surpasses the exact flow."),
    ],
)
def test_a_measure_by_which_the_truth_loses_is_named(residual, words):
    truth = {"photometric": 2.0, "dice": 0.9, "dice_visible": 0.9}
    dis = {"photometric": residual, "dice": 0.8, "dice_visible": 0.8}
    assert misleading({"truth": truth, "dis": dis}) == words
