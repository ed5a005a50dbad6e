"""Killed at any moment: the project opens, and nothing older than two seconds is lost.

The full test, in a real window that trains and segments, is scripts/kill_project.py.
"""

import subprocess
import sys
import time
from pathlib import Path

import kill_child
import numpy as np
import pytest

from napari_motionseg.project import Project
from napari_motionseg.project.folder import was_killed

CHILD = Path(__file__).with_name("kill_child.py")
OLD_S = 2.0


def strokes(log):
    """Number and time of each stroke that was noted whole."""
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    pairs = (line.split() for line in lines if line.endswith("\n"))
    return [(int(number), float(when)) for number, when in pairs]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_kill_loses_nothing_older_than_two_seconds(tmp_path, seed):
    place, log = tmp_path / "work.motionseg", tmp_path / "log"
    child = subprocess.Popen([sys.executable, CHILD, place, log])
    try:
        patience = time.monotonic() + 120
        while not strokes(log):
            assert child.poll() is None
            assert time.monotonic() < patience
            time.sleep(0.05)
        time.sleep(float(np.random.default_rng(seed).uniform(2.2, 3.4)))
    finally:
        child.kill()
        killed = time.time()
        child.wait()
    assert was_killed(place)
    project = Project.open(place)
    pixels = {layer.name: project.read_layers()[layer.number]
              for layer in project.manifest.layers}  # fmt: skip
    old = [number for number, when in strokes(log) if when < killed - OLD_S]
    assert old
    for number in old:
        where, label = kill_child.cell(number)
        assert (pixels["labels"][where] == label).all(), number
    assert pixels["masks"].any()
    project.close()
