"""The section on learning from the motion of the loop to segment."""

import json

from render_in_loop import in_loop

WHERE = {"machine": "a machine", "processor": "a processor", "date": "a day"}


def row(loop, start, dice, labels="dense", steps=200, **more):
    group = loop if loop.startswith("synthetic") else loop.split("_")[0]
    keys = {"loop": loop, "group": group, "start": start, "labels": labels}
    return keys | WHERE | {"dice": dice, "steps": steps, "rate": 0.001} | more


def section(tmp_path, *rows):
    (tmp_path / "in_loop.json").write_text(json.dumps({"rows": rows}))
    (text,) = in_loop(tmp_path)
    return text


def test_no_run_no_section(tmp_path):
    assert in_loop(tmp_path) == []


def test_gains_are_those_on_the_same_loop(tmp_path):
    text = section(
        tmp_path,
        row("synthetic-1", "default", 0.5),
        row("synthetic-2", "default", 0.6),
        row("synthetic-3", "default", 0.9),
        row("synthetic-1", "regression", 0.7),
        row("synthetic-2", "regression", 0.7),
        row("synthetic-1", "regression-shuffled", 0.6),
    )
    place = "| synthetic, exact masks | one frame |"
    assert f"{place} default | 3 | 0.667 |  |  | -0.100 (" in text
    assert f"{place} regression | 2 | 0.700 | +0.150 (+0.100 to +0.200) |  |" in text
    assert "**Yes: regression minus default is +0.150 (+0.100 to +0.200) on" in text


def test_patients_that_chose_a_variant_have_no_part_in_the_answer(tmp_path):
    rows = [
        row(loop, start, dice, "none", best=dice)
        for loop in ("p1_c1", "p2_c1")
        for start, dice in (("default", 0.5), ("regression", 0.9))
    ]
    others = [
        row(loop, start, dice, "none", best=dice)
        for loop in ("p5_c1", "p5_c2", "p6_c1")
        for start, dice in (("default", 0.8), ("regression", 0.6))
    ]
    text = section(tmp_path, *rows, *others)
    assert "| p1 to p4, to choose | none | regression | 2 | 0.900 | +0.400 (" in text
    assert "**No: regression minus default is -0.200 (-0.200 to -0.200) on" in text
    assert "silver standard" in text


def test_help_and_harm_are_both_said(tmp_path):
    rows = [row(f"synthetic-{k}", "default", 0.5) for k in (1, 2)]
    rows += [row(f"synthetic-{k}", "regression", 0.6) for k in (1, 2)]
    rows += [row(f"p5_c{k}", "default", 0.5) for k in (1, 2)]
    rows += [row(f"p5_c{k}", "regression", 0.4) for k in (1, 2)]
    assert "**It helps some loops and harms others: reg" in section(tmp_path, *rows)


def test_marking_more_is_no_gain_at_the_best_threshold(tmp_path):
    text = section(
        tmp_path,
        row("synthetic-1", "default", 0.5, "none", best=0.8),
        row("synthetic-2", "default", 0.5, "none", best=0.7),
        row("synthetic-1", "regression", 0.7, "none", best=0.75),
        row("synthetic-2", "regression", 0.7, "none", best=0.65),
    )
    assert "| +0.200 (+0.200 to +0.200) | -0.050 (-0.050 to -0.050) |" in text
    assert "**No: regression minus default is -0.050" in text
    assert "with no label, at the best thresholds" in text
