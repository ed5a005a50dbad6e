"""The sections on the window say what was measured, and what was missed."""

import json

from render_window import window

TRIES = [
    {"clicks": 6, "seconds": 9.0, "dice": 0.61},
    {"clicks": 12, "seconds": 20.0, "dice": 0.82},
    {"clicks": 18, "seconds": 31.0, "dice": 0.84},
]
OURS = {
    "launch_s": 7.2, "load": 3.0, "rounds": TRIES,
    "all_frames": {"clicks": 5, "seconds": 60.0, "dice": 0.55},
    "trained": {"clicks": 20, "seconds": 90.0, "dice": 0.9},
    "buttons": [
        {"button": "quick", "block_ms": 350.0, "bare_ms": 260.0, "layers": 1},
        {"button": "slow", "block_ms": 361.0, "bare_ms": 260.0, "layers": 1},
    ],
}  # fmt: skip
FOUND = {
    "motionseg": OURS, "frames": 16, "size": 512, "window": [1366, 768],
    "strokes": [2, 2], "machine": "a machine", "date": "2026-01-01",
}  # fmt: skip


def sections_of(folder, found):
    (folder / "window.json").write_text(json.dumps(found))
    return window(folder)


def test_nothing_measured_is_no_section(tmp_path):
    assert window(tmp_path) == []


def test_the_first_round_that_is_good_enough_counts(tmp_path):
    tasks, _ = sections_of(tmp_path, FOUND)
    assert "| this program | 7 | 5 | 60 | 0.55 | 12 | 20 | 0.82 | 3 |" in tasks
    assert "| micro-sam, Annotator Tracking |" in tasks
    assert "convpaint 1" not in tasks


def test_without_a_good_round_the_best_one_is_shown(tmp_path):
    peer = {
        "version": "1.2.0", "features": "filters", "launch_s": 4.0, "load": 2.0,
        "rounds": TRIES[:1], "all_frames": OURS["all_frames"] | {"clicks": 21},
    }  # fmt: skip
    tasks, _ = sections_of(tmp_path, {**FOUND, "convpaint": peer})
    assert (
        "| napari-convpaint 1.2.0, filters | 4 | 21 | 60 | 0.55 | 6 | 9 | 0.61 |"
        in tasks
    )
    assert "this program 5 and napari-convpaint 1.2.0 21" in tasks


def test_a_button_that_blocks_longer_is_named(tmp_path):
    _, buttons = sections_of(tmp_path, FOUND)
    assert "**1 of 2 buttons block it by at most 100 ms more" in buttons
    assert "| quick | 1 | 350 | 260 | yes |" in buttons
    assert "| slow | 1 | 361 | 260 | **no** |" in buttons
