"""The table of bars says what was reached and what was not."""

import numpy as np
from render_interactive import bars, interactive, window


def row(**values):
    return {"zero_shot": 0.7, "loop": "a", "group": "a", **values}


def test_bars_are_judged():
    found = bars(
        [
            row(live_same=0.71, live_others=0.6, strokes=0.8, forest=0.7,
                strokes_first_preview_s=4.0, strokes_train_s=70.0,
                strokes_frame_s=0.5),
            row(live_same=0.71, live_others=0.6, strokes=0.8, forest=0.7,
                strokes_first_preview_s=5.0, strokes_train_s=70.0,
                strokes_frame_s=0.5),
        ]
    )  # fmt: skip
    verdicts = {what: verdict for what, _, _, verdict in found}
    assert list(verdicts.values()) == [
        "reached", "missed", "reached", "reached", "reached", "reached",
    ]  # fmt: skip
    assert "4.5" in [measured for _, _, measured, _ in found]


def test_carried_labels_help_only_with_their_whole_interval():
    gains = [0.01, 0.02, 0.015]
    (line,) = [x for x in bars([row(dense=0.8, carried=0.8 + g) for g in gains])
               if "carried" in x[0]]  # fmt: skip
    assert line[3] == "helps"
    gains = [0.01, -0.02, 0.015]
    (line,) = [x for x in bars([row(dense=0.8, carried=0.8 + g) for g in gains])
               if "carried" in x[0]]  # fmt: skip
    assert line[3] == "off unless asked for"


def test_nothing_measured_is_no_section(tmp_path):
    assert interactive(tmp_path) == []


def test_the_window_s_worst_counts():
    found = {"stroke_ms": [100.0] * 9 + [500.0], "blocked_ms": 80.0,
             "machine": "m", "date": "d"}  # fmt: skip
    text = window(found)
    assert text.count("| reached |") == 2
    assert "2 of 3 targets are reached" in text
    assert text.count("missed") == 1
    assert np.isfinite(found["blocked_ms"])
