"""Strokes in the real window: how soon the preview follows, how long the window waits.

    xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/interactive_window.py

A stroke is painted into the labels layer as the brush does; its time ends when the
preview's pixels have changed. A timer of the window's thread ticks all the while: the
longest pause between two ticks is how long the window was blocked.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from machine import here_and_now
from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_motionseg.contributions import cine_layer
from napari_motionseg.evaluation.simulated_strokes import (
    StrokeSettings,
    simulated_strokes,
)
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.widgets.segment.dock import SegmentDock

RESULTS = Path(__file__).parent / "results"
TICK_MS = 2
PATIENCE_S = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strokes", type=int, default=100)
    parser.add_argument("--dry", action="store_true", help="write nothing")
    options = parser.parse_args()
    config = SynthesisConfig(size=512, frames=6, bolus=False)
    synthetic = synthesize_cine(config, seed=9100)
    viewer = Viewer(title="MotionSeg", show=True)
    data, attributes, _ = cine_layer(synthetic.cine)
    viewer.add_image(data, **attributes)
    dock = SegmentDock(viewer)
    viewer.window.add_dock_widget(dock, name="Segment")
    found = stroke_times(viewer, dock, synthetic.masks[0], options.strokes)
    print(
        f"median {np.median(found['stroke_ms']):.0f} ms, worst "
        f"{np.max(found['stroke_ms']):.0f} ms, window blocked {found['blocked_ms']:.0f}"
    )
    if not options.dry:
        text = json.dumps(found | here_and_now(), indent=1) + "\n"
        (RESULTS / "interactive_window.json").write_text(text)
    dock.session.close()
    viewer.close()


def stroke_times(viewer: Viewer, dock: SegmentDock, mask, count: int) -> dict:
    """Paint strokes one by one; return their times and the longest pause."""
    wait(lambda: dock.state.loop is not None)
    dock.paint.take_brush(1)
    viewer.dims.set_point(0, 0)
    painting, seen = dock.state.painting, []
    dock.state.previewed.connect(seen.append)
    half = count  # some repaint what is painted, and change nothing
    settings = StrokeSettings(vessel=half, background=half, length=30)
    strokes = simulated_strokes(np.asarray(mask) > 0, settings, 0)
    times, pauses = [], []
    for stroke in strokes:
        label = dock.state.label_of(int(stroke.max()) - 1)  # numbered as in files
        if (painting.data[0][stroke > 0] == label).all():
            continue
        painted, longest = paint(dock, painting, (stroke, label), seen)
        times.append(painted)
        pauses.append(longest)
        if len(times) == count + 2:
            break
    # the first ones wait for the embedding of the frame
    return {"stroke_ms": times[2:], "blocked_ms": float(np.max(pauses[2:]))}


def paint(dock, painting, stroke, seen) -> tuple[float, float]:
    """Paint a stroke; return ms until the preview changes, and the longest pause."""
    pixels, label = stroke
    known = len(seen)
    ticks = []
    timer = QTimer()
    timer.setInterval(TICK_MS)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start()
    rows, columns = np.nonzero(pixels)
    where = (np.zeros(len(rows), int), rows, columns)
    begun = time.perf_counter()
    painting.data_setitem(where, label)
    wait(lambda: len(seen) > known)
    ended = time.perf_counter()
    wait(lambda: not dock.live.latest.busy)
    timer.stop()
    moments = [begun, *ticks]
    return 1e3 * (ended - begun), 1e3 * float(np.diff(moments).max(initial=0))


def wait(done) -> None:
    begun = time.perf_counter()
    while not done():
        QApplication.processEvents()
        if time.perf_counter() - begun > PATIENCE_S:
            raise TimeoutError("the window does not answer")


if __name__ == "__main__":
    main()
