import json

import pytest
from render_motion import motion

REPORT = {
    "data": "synthetic", "schedule": "tuned", "labels": 1, "draws": "9-24",
    "pretraining_steps": 3600, "loops_sha256": "0123456789abcdef",
    "processor": "a processor", "date": "a day",
}  # fmt: skip


def row(method: str, dice: float, labels: int = 1, gain: float | None = None) -> dict:
    found = {"method": method, "labels": labels, "dice": dice, "draws": 16}
    if gain is not None:
        found |= {"gain": gain, "gain_low": gain - 0.02, "gain_high": gain + 0.02}
    return found


def against(labels: int, gain: float) -> dict:
    """Return what *scratch* and *x* reach, as `motion.py` writes it."""
    start, taught = row("scratch", 0.5, labels), row("x", 0.5 + gain, labels, gain)
    return {"scratch": [start, taught]}


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a report, and one that returns the sections."""

    def write(**changes) -> None:
        found = {**REPORT, **changes}
        name = "_".join(f"{found[k]}" for k in ("labels", "pretraining_steps"))
        (tmp_path / f"motion_{name}.json").write_text(json.dumps(found))

    return write, lambda: motion(tmp_path)


def test_numbers_of_labels_share_a_section_in_their_order(written):
    write, sections = written
    write(labels=10, against=against(10, 0.01))
    write(labels=1, against=against(1, 0.1))
    (text,) = sections()
    assert text.index("| 1 | x | 16 | 0.600 |") < text.index("| 10 | x | 16 | 0.510 |")
    assert "Yes with one label: x reaches Dice 0.600, +0.100" in text
    assert "Not shown with 10 labels: x reaches Dice 0.510" in text


def test_shorter_trainings_have_a_section_of_their_own(written):
    write, sections = written
    write(pretraining_steps=1200, against=against(1, 0.1))
    write(against=against(1, 0.2))
    usual, shorter = sections()
    assert "## Does motion help tuned fine-tuning, synthetic loops?" in usual
    assert "synthetic loops, 1,200 steps?" in shorter


def test_a_control_that_was_not_measured_leaves_its_cells_empty(written):
    write, sections = written
    more = against(1, 0.1) | {"random": [row("random", 0.4), row("x", 0.6, 1, 0.2)]}
    write(against=more)
    write(labels=5, against=against(5, 0.1))
    (text,) = sections()
    assert "| 5 | x | 16 | 0.600 | +0.100 (+0.080 to +0.120) |  |" in text


def test_several_trainings_have_a_section_that_tells_the_least_gain(written, tmp_path):
    write, sections = written
    write(against=against(1, 0.2))
    rows = [*against(1, 0.2)["scratch"], row("x-seed1", 0.6, 1, 0.1)]
    rows.append(row("y", 0.51, 1, 0.01))
    report = REPORT | {"against": {"scratch": rows}}
    (tmp_path / "motion_seeds.json").write_text(json.dumps(report))
    usual, repeated = sections()
    assert "synthetic loops?" in usual
    assert "synthetic loops, several trainings?" in repeated
    assert "Yes with one label: 2 trainings reach Dice 0.600 to 0.700" in repeated
    assert "the least gain is that of x-seed1, +0.100 (+0.080 to +0.120)" in repeated
    assert "Not shown with one label: y reaches Dice 0.510, +0.010" in repeated
