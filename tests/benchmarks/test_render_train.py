"""The section on training and segmenting in seconds."""

import json

from render_train import train


def row(what, loop="synthetic-1", labels="strokes", setting="avx2", **values):
    where = {"machine": "a machine", "processor": "a processor", "date": "a day"}
    keys = {"setting": setting, "what": what, "loop": loop, "labels": labels}
    return keys | where | values


def trained(what, dice, took, **others):
    values = {"dice": dice, "before": 0.5, "train_s": took, "first_preview_s": 2.0}
    return row(what, **values, disobeyed=[7, 0], **others)


def section(tmp_path, *rows):
    (tmp_path / "train.json").write_text(json.dumps({"rows": rows}))
    (text,) = train(tmp_path)
    return text


def test_no_run_no_section(tmp_path):
    assert train(tmp_path) == []


def test_times_stand_beside_their_targets(tmp_path):
    text = section(
        tmp_path,
        row("segment", loop="60 frames", labels="none", whole_s=13.0, first_s=1.2),
        trained("quick", 0.8, 30.0),
        trained("tuned", 0.7, 120.0),
    )
    assert "| 60 frames of 512 px segmented, s | avx2 | 12 | 13.0 | missed |" in text
    assert "| first of them, s | avx2 | 1.5 | 1.2 | reached |" in text
    assert "| quick training, slowest, s | avx2 | 40 | 30.0 | reached |" in text
    assert "| times faster than all layers, median of 1 | avx2 |  | 4.0 |  |" in text
    assert "5 of 6 targets are reached" in text
    assert "is +0.100 on 1 of 8 draws, too few to judge" in text


def test_a_gpu_has_targets_of_its_own(tmp_path):
    text = section(
        tmp_path,
        row("segment", setting="cuda", loop="60 frames", whole_s=1.1, first_s=0.2),
        trained("quick", 0.8, 5.0, setting="cuda"),
    )
    assert "| 60 frames of 512 px segmented, s | cuda | 1 | 1.1 | missed |" in text
    assert "| quick training, slowest, s | cuda | 6 | 5.0 | reached |" in text


def test_only_draws_of_both_recipes_are_compared(tmp_path):
    rows = []
    for number in range(8):
        loop = f"p{number}"
        rows += [trained("quick", 0.6, 9.0, loop=loop)]
        rows += [trained("tuned", 0.58 + 0.03 * (number < 4), 9.0, loop=loop)]
    text = section(
        tmp_path,
        *rows,
        trained("quick", 0.10, 9.0, labels="dense"),
        trained("tuned", 0.90, 9.0, labels="dense", setting="native"),
    )
    assert "quick minus all layers is +0.005 (" in text
    assert "8 draws)" in text
    assert "| p7 | strokes | 0.500 | 0.600 | 0.580 | +0.020 | 7, 0 |" in text
    assert "0.900" not in text
    assert "silver standard" in text


def test_a_worse_dice_misses_its_target(tmp_path):
    pairs = [
        trained(what, value, 9.0, loop=f"synthetic-{number}")
        for number in range(8)
        for what, value in (("quick", 0.7), ("tuned", 0.71))
    ]
    assert "4 of 5 targets" in section(tmp_path, *pairs)


def test_strokes_are_compared_with_no_label(tmp_path):
    text = section(
        tmp_path,
        trained("quick", 0.63, 9.0, loop="synthetic-1"),
        trained("quick", 0.48, 9.0, loop="synthetic-2"),
        trained("quick", 0.90, 9.0, loop="synthetic-3", labels="dense"),
        trained("tuned", 0.90, 9.0, loop="synthetic-4"),
        trained("quick", 0.49, 9.0, loop="cimat40-5"),
    )
    first = "| Dice by ten strokes minus no label, "
    assert f"{first}synthetic loops, mean of 2 | avx2 | +0.05 | +0.055 | re" in text
    assert f"{first}synthetic loops, worst of 2 | avx2 | -0.01 | -0.020 | miss" in text
    assert f"{first}cimat40, other pictures, mean of 1 | avx2 |  | -0.010 |  |" in text


def strokes_on_real_loops(gains, labels):
    return [
        trained("quick", 0.5 + gain, 9.0, loop=f"p{k}", labels=labels)
        for k, gain in enumerate(gains)
    ]


def test_eight_real_loops_must_gain_by_strokes_and_by_corrections(tmp_path):
    text = section(
        tmp_path,
        *strokes_on_real_loops([0.02, 0.01] * 4, "strokes"),
        *strokes_on_real_loops([0.02, -0.03] * 4, "corrections"),
    )
    assert (
        "| Dice by ten strokes minus no label, real loops, mean of 8 | avx2 "
        "| interval above 0 | +0.015 (" in text
    )
    (corrected,) = (
        line
        for line in text.splitlines()
        if "corrections minus" in line and "mean" in line
    )
    assert corrected.endswith("| missed |")
    assert "| -0.005 (" in corrected
    assert "real loops, worst of 8 | avx2 |  | -0.030 |  |" in text


def test_two_real_loops_are_too_few_for_a_verdict(tmp_path):
    text = section(tmp_path, *strokes_on_real_loops([0.02, 0.01], "strokes"))
    assert "real loops, mean of 2 | avx2 |  | +0.015 |  |" in text
