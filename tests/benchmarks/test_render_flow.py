import json

from render_flow import sections

HERE = {"machine": "a machine", "date": "2026-01-01"}


def row(passed):
    return {"what": "w", "bar": "b", "measured": "m", "ratio": None, "passed": passed}


def test_one_table_of_bars_of_whatever_was_measured(tmp_path):
    assert sections(tmp_path) == []
    speed = {**HERE, "rows": [row(True), row(False), row(None)]}
    (tmp_path / "flow_speed.json").write_text(json.dumps(speed))
    (text,) = sections(tmp_path)
    assert "1 of 2 reached" in text
    assert text.count("| w | b | m |") == 3
    assert "`flow_speed`: a machine, 2026-01-01" in text


def test_a_measure_that_no_method_has_is_no_column(tmp_path):
    methods = {"still": {"dice_2": 0.3}, "pwcnet": {"dice_2": 0.82, "agree_1": 0.9}}
    found = {"patients": ["p9"], "loops": 1, "pairs": {"gap 2": 4}, "methods": methods}
    text = {"rows": [], **found, **HERE}
    (tmp_path / "flow_real.json").write_text(json.dumps(text))
    joined = "\n".join(sections(tmp_path))
    assert "| gap 2 | Dice, brought back |" in joined
    assert "| PWC-Net | 0.820 |" in joined
