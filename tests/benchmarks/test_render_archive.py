"""The sections on archives say what was measured, and whether targets are reached."""

import json

import pytest
from render_archive import archive

HERE = {"processor": "a processor", "date": "2026-11-29"}


def written(tmp_path, **parts):
    (tmp_path / "archive.json").write_text(json.dumps({**HERE, **parts}))
    return archive(tmp_path)


def test_without_results_there_is_no_section(tmp_path):
    assert archive(tmp_path) == []


@pytest.mark.parametrize(("batch_s", "word"), [(1.04, "reached"), (1.2, "missed")])
def test_cost_of_records_and_gain_of_workers(tmp_path, batch_s, word):
    workers = {"1": 1.1, "2": 0.5}
    said = {"loops": 9, "sample": 3, "bare_s": 1.0, "batch_s": batch_s,
            "workers_s": workers}  # fmt: skip
    (section,) = written(tmp_path, cost=said)
    assert (
        f"Records add {batch_s - 1:.1%} to the prediction (target 5%, {word})"
        in section
    )
    assert "two workers are 2.20 times as fast as one (target 1.85, reached)" in section


def test_growth(tmp_path):
    def size(loops, mib):
        run = {"seconds": 2.0, "mib": mib}
        return {"loops": loops, "first": run, "second": {**run, "seconds": 4.6}}

    (section,) = written(tmp_path, many=[size(100, 200.0), size(10_000, 210.0)])
    assert "Memory grows by 5.0% from 100 to 10,000 loops" in section
    assert "nothing to do takes 4.6 s" in section


def test_a_run_that_lost_something_is_not_counted(tmp_path):
    good = {"killed": "worker", "at": 3, "equal": True, "failed": 2, "left_in_work": 0}
    rows = [good, {**good, "equal": False}, {**good, "failed": 1},
            {**good, "left_in_work": 1}]  # fmt: skip
    said = {"loops": 40, "damaged": 2, "results": 38, "rows": rows}
    (section,) = written(tmp_path, kills=said)
    assert "in 1 of 4 runs" in section
    assert "**no**" in section
