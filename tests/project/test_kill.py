"""Killed at any moment: what was called kept is there, and every target is whole.

The full test, of forty moments each, is ``scripts/kill_anywhere.py``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "kill_anywhere.py"
ACTS = {"autosave", "export", "checkpoint", "cache", "training"}
BROKEN = ("lost", "mixed", "foreign", "leftovers")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")
def test_two_kills_of_each_act(tmp_path):
    words = ["--moments", "2", "--seed", "1", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, SCRIPT, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "kill.json").read_text())["acts"]
    assert rows.keys() == ACTS
    for act, row in rows.items():
        assert row["kills"] == 2
        assert row["acknowledged"] > 0, act
        assert [row[name] for name in BROKEN] == [0, 0, 0, 0], act
