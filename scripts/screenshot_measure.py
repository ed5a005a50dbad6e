"""Make docs/images/measure_dock.png and measure_followed.png: the Measure dock.

xvfb-run -a -s "-screen 0 1366x768x24" python scripts/screenshot_measure.py

A synthetic loop with its exact flow: two vessels are measured, and one is followed.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("MOTIONSEG_CACHE", "off")

from figure_measure import ANCHOR, FRAMES, SEED, exact_flow, wide_branches
from napari.viewer import Viewer
from qtpy.QtTest import QTest

from napari_motionseg.contributions import cine_layer
from napari_motionseg.jobs import run
from napari_motionseg.measurement import follow_vessel_job
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.widgets.common.open_docks import open_dock

SIZE = 1366, 768
PATIENCE_MS = 60_000
SHOWN_FRAME = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    config = SynthesisConfig(
        frames=FRAMES, stenoses=1.0, collimator=0.0, second_tree=0.0, streaming=(0, 0)
    )
    made = synthesize_cine(config, seed=SEED)
    viewer = Viewer()
    window = viewer.window._qt_window
    window.resize(*SIZE)
    viewer._add_layer_from_data(*cine_layer(made.cine))
    dock = open_dock(viewer, "Measure")
    dock.banner.hide()
    viewer.dims.set_current_step(0, ANCHOR)
    for number, points in enumerate(wide_branches(made)[:2], 1):
        dock.new_button.click()
        dock.place_button.setChecked(True)
        layer = next(x for x in viewer.layers if x.name.endswith("vessel points"))
        for row, column in points:
            layer.add([ANCHOR, row, column])
        wait(lambda number=number: len(dock.state.all_measured()) == number)
    dock.state.vessels.show(1)
    wait(lambda: dock.state.measured is not None)
    QTest.qWait(800)
    window.grab().save(str(options.out / "measure_dock.png"))
    profile = dock.state.measured.profile
    job = follow_vessel_job(made.cine, exact_flow(made), ANCHOR, profile.line)
    dock.state.follow(run(job), profile)
    dock.following.pictures.clicked.emit(SHOWN_FRAME, len(profile.line) // 2)
    QTest.qWait(800)
    dock.ensureWidgetVisible(dock.following.words)
    QTest.qWait(800)
    window.grab().save(str(options.out / "measure_followed.png"))
    viewer.close()


def wait(done: Callable[[], bool]) -> None:
    """Wait until something has come."""
    for _ in range(PATIENCE_MS // 100):
        QTest.qWait(100)
        if done():
            return
    raise SystemExit("the measurement did not come")


if __name__ == "__main__":
    main()
