"""Clicks in the real window: how soon the mask follows, how long the window waits.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/clicks_window.py

Events of the mouse go to the canvas, as a person's do. The time of a click begins with
the press and ends when the mask's layer holds the mask of all clicks. A timer of the
window's thread ticks all the while: the longest pause between two ticks is how long the
window was blocked.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from machine import here_and_now
from napari.viewer import Viewer
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_motionseg.contributions import cine_layer
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.widgets.guide.dock import GuideDock

RESULTS = Path(__file__).parent / "results" / "clicks.json"
SIDES = (384, 512)
TICK_MS, PATIENCE_S = 2, 60
SEED = 9100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=12, help="on each picture")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    rows = {}
    for side in SIDES:
        row = rows[f"{side} px"] = click_times(side, options.clicks) | here_and_now()
        print(side, row, flush=True)
    if not options.dry:
        report = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        RESULTS.write_text(json.dumps(report | {"window": rows}, indent=1) + "\n")


def click_times(side: int, count: int) -> dict:
    """Return the times of clicks on vessels of one frame, each a new object."""
    made = synthesize_cine(SynthesisConfig(size=side, frames=3, bolus=False), seed=SEED)
    viewer = Viewer(title="MotionSeg", show=True)
    viewer.window._qt_window.resize(1400, 900)
    data, attributes, _ = cine_layer(made.cine)
    layer = viewer.add_image(data, **attributes)
    viewer.dims.set_current_step(0, 1)
    dock = GuideDock(viewer)
    viewer.window.add_dock_widget(dock, name="Guide")
    wait(lambda: False, 1.0)
    begun = time.perf_counter()
    dock.clicking.tool.click()
    wait(lambda: not dock.masks.busy, PATIENCE_S)
    prepared = time.perf_counter() - begun
    places = np.argwhere(made.masks[1])
    rng = np.random.default_rng(0)
    canvas = viewer.window._qt_viewer.canvas
    took, blocked = [], []
    for row, column in places[rng.permutation(len(places))[:count]].tolist():
        dock.state.drop_object()
        wait(lambda: not dock.masks.busy, PATIENCE_S)
        wait(lambda: False, 0.2)
        world = layer.data_to_world((1, row, column))
        x, y = canvas.view.scene.transform.map([world[-1], world[-2]])[:2]
        pauses = Pauses()
        begun = time.perf_counter()
        QTest.mouseClick(
            canvas.native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
            QPoint(round(x), round(y)),
        )  # fmt: skip
        wait(lambda: dock.state.scores is not None, PATIENCE_S)
        took.append(1000 * (time.perf_counter() - begun))
        blocked.append(pauses.end())
    dock.session.close()
    viewer.close()
    return {
        "prepare_s": prepared,
        "click_ms": float(np.median(took[1:])),
        "slowest_ms": float(np.max(took[1:])),
        "blocked_ms": float(np.max(blocked[1:])),
        "clicks": len(took) - 1,
    }


class Pauses:
    """Measure the longest time in which the window's thread did not tick."""

    def __init__(self) -> None:
        self._last, self._longest = time.perf_counter(), 0.0
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)

    def _tick(self) -> None:
        now = time.perf_counter()
        self._longest = max(self._longest, now - self._last)
        self._last = now

    def end(self) -> float:
        """Return the longest pause in ms."""
        self._timer.stop()
        return 1000 * self._longest


def wait(ready, seconds: float) -> None:
    """Let the window work until something is there, or for some seconds."""
    end = time.perf_counter() + seconds
    while not ready() and time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    main()
