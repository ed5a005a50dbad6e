import json

from render import ablations, cubes

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
