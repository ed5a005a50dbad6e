"""What kills and long sessions have left is told in two tables."""

import json

from render_safety import safety

HERE = {"machine": "a processor, 2 cores", "date": "2026-11-28"}
KILLS = {
    "acts": {
        "autosave": {"kills": 40, "acknowledged": 1620, "lost": 0, "mixed": 1,
                     "foreign": 2, "leftovers": 3, "oldest_lost_s": 0.7},
        "training": {"kills": 9, "acknowledged": 5, "lost": 4, "mixed": 0,
                     "foreign": 0, "leftovers": 0, "oldest_lost_s": 0.0},
    },
    **HERE,
}  # fmt: skip
LOOP = {"mib": 700.4, "threads": 12, "handles": 15, "temporary_files": 0, "children": 1}


def test_only_what_was_measured_is_told(tmp_path):
    assert safety(tmp_path) == []
    (tmp_path / "kill.json").write_text(json.dumps(KILLS))
    (text,) = safety(tmp_path)
    rows = [row for row in text.splitlines() if row.startswith("| ")]
    assert rows[2].endswith("| 40 | 1620 | 0 | 1 | 2 | 3 |")
    assert rows[3].endswith("| 9 | 5 | 4 | 0 | 0 | 0 |")
    assert "**Yes: after 49 kills at random moments, 5 acknowledged" in text
    assert "was 0.7 s old. a processor, 2 cores, 2026-11-28." in text


def test_a_soak_shows_some_of_its_loops(tmp_path):
    loops = [{"loop": n, "job": n % 5 == 0, **LOOP} for n in range(1, 21)]
    found = {"loops": loops, "size": 128, "frames": 12, "settled_after": 10,
             "mib_a_loop": 0.25, "napari_mib_a_loop": 0.2, **HERE}  # fmt: skip
    (tmp_path / "soak_window.json").write_text(json.dumps(found))
    (text,) = safety(tmp_path)
    rows = [row.split(" | ") for row in text.splitlines() if row.startswith("| ")]
    assert [row[0].strip("| ") for row in rows[2:]] == ["1", "5", "10", "20"]
    assert rows[2][1:5] == ["700", "12", "15", "0"]
    assert "with 4 of them a job runs too" in text
    assert "It grows by 0.25 MiB for each loop; napari alone grows by 0.20 MiB." in text
