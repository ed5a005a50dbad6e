import json

from render import ablations, best_by_labels, cubes, gains

SUMMARY = [
    {"method": "scratch", "labels": 1, "dice": 0.5, "spread": 0.1, "cldice": 0.6,
     "hd95_px": 9.0},
    {"method": "dis", "labels": 1, "dice": 0.6, "spread": 0.1, "cldice": 0.6,
     "hd95_px": 9.0, "gain": 0.1, "gain_low": 0.05, "gain_high": 0.2},
]  # fmt: skip
HERE = {"machine": "a machine", "date": "a day"}


def test_an_ablation_that_was_run_has_a_table(tmp_path):
    assert ablations(tmp_path) == []
    found = {"name": "flow", "question": "why", "words": ["--steps", "3"], "rows": 2}
    found |= {"summary": SUMMARY} | HERE
    (tmp_path / "ablation_flow.json").write_text(json.dumps(found))
    (text,) = ablations(tmp_path)
    assert "| dis | 1 | 0.600 | 0.100 |" in text
    assert "+0.100 (+0.050 to +0.200)" in text
    assert "silver" not in text
    assert "**`dis` improves on random weights.**" in text
    found["words"] += ["--train", "p1"]
    (tmp_path / "ablation_flow.json").write_text(json.dumps(found))
    assert "silver" in ablations(tmp_path)[0]


def test_faces_that_were_found_have_a_table(tmp_path):
    assert cubes(tmp_path) == []
    found = {
        "settings": {"steps": 7}, "training_cpu_seconds": 3.2,
        "sets": {"unseen": {"rand": {"network": {"picture": 0.9, "cube": 0.8}}}},
    } | HERE  # fmt: skip
    (tmp_path / "cube_grouping_affine.json").write_text(json.dumps(found))
    (text,) = cubes(tmp_path)
    assert "| unseen | network | 0.900 | 0.800 |" in text


def test_a_gain_counts_only_with_its_whole_interval():
    start = {"method": "a", "gain": 0.1, "gain_low": -0.01, "gain_high": 0.2}
    worse = {"method": "b", "gain": -0.1, "gain_low": -0.2, "gain_high": -0.1}
    assert gains([start]) == "No start improves on random weights."
    words = "No start improves on random weights; `b` falls below them."
    assert gains([start, worse]) == words


def test_the_best_method_is_named_for_each_number_of_labels():
    found = best_by_labels([*SUMMARY, {"method": "x", "labels": 5, "dice": 0.7}])
    assert found.startswith("The best Dice is 0.600 by `dis` with 1 label and 0.700 ")
    assert found.endswith("by `x` with 5 labels.")
