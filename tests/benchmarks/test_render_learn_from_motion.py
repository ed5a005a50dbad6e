"""The section on what *Learn from motion* shows of its loop."""

import json

from render_learn_from_motion import learn_from_motion

WHERE = {"processor": "P", "machine": "M", "date": "D"}


def _row(loop, start, auc):
    steps = 400 if start in ("button", "consistency") else 0
    group = loop.partition("_")[0]
    return {"loop": loop, "group": group, "start": start, "auc": auc, "steps": steps}


def test_nothing_is_said_where_nothing_was_measured(tmp_path):
    assert learn_from_motion(tmp_path) == []


def test_means_of_each_start_beside_the_button_on_the_same_loops(tmp_path):
    rows = [
        _row("p5_c1", "button", 0.9), _row("p6_c1", "button", 0.7),
        _row("p5_c1", "random", 0.6), _row("p6_c1", "random", 0.5),
        _row("p5_c1", "motion-xa", 0.95), _row("p5_c1", "default", 0.85),
        _row("p5_c1", "consistency", 0.65), _row("p1_c1", "button", 0.99),
    ]  # fmt: skip
    report = {"rows": [row | WHERE for row in rows]}
    (tmp_path / "learn_from_motion.json").write_text(json.dumps(report))
    (section,) = learn_from_motion(tmp_path)
    assert "AUC of 0.80; untrained weights have 0.55, `motion-xa` 0.95" in section
    assert "| p5 and p6 | *Learn from motion* | 2 | 0.800 |  |" in section
    # the paper's settings were tried on one loop, where the button has .9
    named = "| p5 and p6 | flow consistency with the settings of Ma et al. | 1 "
    assert f"{named}| 0.650 | 0.900 |" in section
    assert "| p1 to p4, to choose | *Learn from motion* | 1 | 0.990 |" in section
    assert "take 400 steps" in section
