import json

from render_explorer import explorer

FOUND = {
    "size": 512, "machine": "a machine", "date": "a day",
    "rows": [
        {"what": "a map", "bar": "2 passes", "measured": "1.5", "passed": True},
        {"what": "a move", "bar": "40 ms", "measured": "50 ms", "passed": False},
    ],
}  # fmt: skip


def test_bars_that_are_missed_are_seen(tmp_path):
    assert explorer(tmp_path) == []
    (tmp_path / "explorer.json").write_text(json.dumps(FOUND))
    (text,) = explorer(tmp_path)
    assert "| a map | 2 passes | 1.5 | yes |" in text
    assert "| a move | 40 ms | 50 ms | **no** |" in text
    assert "a machine, a day" in text
    assert "**It reaches 1 of 2 targets.**" in text
