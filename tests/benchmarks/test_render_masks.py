"""The table of masks without any label."""

import json

from render_masks import masks


def row(**changes):
    value = {"mean": 0.5, "low": 0.4, "high": 0.6}
    return {
        "pictures": 7,
        "measures": {"dice": value, "cldice": value, "marked": value},
        "best_threshold": 0.3,
        "best_dice": 0.55,
        "calibration_error": 0.1,
        "machine": "a machine",
        "date": "a day",
    } | changes


def test_no_run_no_table(tmp_path):
    assert masks(tmp_path) == []


def test_every_set_is_a_row_with_its_bar_and_interval(tmp_path):
    rows = {"drawn: cimat40_dev": row(), "synthetic: empty": row(frozen=True)}
    (tmp_path / "masks.json").write_text(json.dumps({"rows": rows}))
    (text,) = masks(tmp_path)
    assert "| drawn: cimat40_dev | 7 | 0.500 (0.400 to 0.600) | .79 | 0.500 |" in text
    assert "| synthetic: empty |" in text
    assert "50.00" in text
    assert "between 0.500 (drawn: cimat40_dev) and 0.500" in text
    assert "Other pixels" not in text


def test_a_set_of_other_pixels_is_named(tmp_path):
    rows = {"synthetic: exact": row(frozen=False)}
    (tmp_path / "masks.json").write_text(json.dumps({"rows": rows}))
    assert "Other pixels than the frozen ones: synthetic: exact." in masks(tmp_path)[0]


def test_the_class_catheter_does_not_count_among_vessels(tmp_path):
    low = {"mean": 0.1, "low": 0.0, "high": 0.2}
    part = row(called_vessel=low)
    part["measures"] = part["measures"] | {"dice": low}
    rows = {"synthetic: exact": row(), "synthetic: catheters": part}
    (tmp_path / "masks.json").write_text(json.dumps({"rows": rows}))
    (text,) = masks(tmp_path)
    assert "between 0.500 (synthetic: exact) and 0.500" in text
    assert "Of the pixels of catheters, 10.0 %" in text
