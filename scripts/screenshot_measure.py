"""Make docs/images/measure_dock.png and measure_followed.png: the Measure dock.

xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshot_measure.py

A synthetic loop with its exact flow: two vessels are measured, and one is followed.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("MOTIONSEG_CACHE", "off")

from figure_measure import ANCHOR, exact_flow, measured_loop, wide_branches
from napari.viewer import Viewer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QScrollArea, QWidget
from real_window import as_picture, use_own_state, with_few_colors

from napari_motionseg.contributions import cine_layer
from napari_motionseg.jobs import run
from napari_motionseg.measurement import follow_vessel_job
from napari_motionseg.widgets.common.dock_placing import holder_of
from napari_motionseg.widgets.common.open_docks import open_dock

SIZE = 1440, 900
DOCK_PX = 400  # all columns of the table fit
MARGIN_PX = 8
PATIENCE_MS = 60_000
SHOWN_FRAME = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    use_own_state()
    made = measured_loop()
    cine = dataclasses.replace(made.cine, name="angiogram")
    viewer = Viewer()
    viewer.theme = "dark"
    window = viewer.window._qt_window
    window.resize(*SIZE)
    viewer._add_layer_from_data(*cine_layer(cine))
    dock = open_dock(viewer, "Measure")
    dock.banner.hide()
    window.resizeDocks([holder_of(dock)], [DOCK_PX], Qt.Orientation.Horizontal)
    QTest.qWait(500)
    viewer.reset_view()  # the dock has made the picture narrower
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
    save(window, options.out / "measure_dock.png")
    profile = dock.state.measured.profile
    job = follow_vessel_job(cine, exact_flow(made), ANCHOR, profile.line)
    dock.state.follow(run(job), profile)
    dock.following.pictures.clicked.emit(SHOWN_FRAME, len(profile.line) // 2)
    QTest.qWait(800)
    scroll_to(dock, dock.following.button)
    QTest.qWait(800)
    save(window, options.out / "measure_followed.png")
    viewer.close()


def save(window: QWidget, path: Path) -> None:
    """Write a picture of a window."""
    picture = as_picture(window.grab().toImage())
    with_few_colors(picture).save(path, optimize=True)


def scroll_to(dock: QScrollArea, widget: QWidget) -> None:
    """Scroll a dock so that a widget is at its top."""
    top = widget.mapTo(dock.widget(), QPoint(0, 0)).y()
    dock.verticalScrollBar().setValue(top - MARGIN_PX)


def wait(done: Callable[[], bool]) -> None:
    """Wait until something has come."""
    for _ in range(PATIENCE_MS // 100):
        QTest.qWait(100)
        if done():
            return
    raise SystemExit("the measurement did not come")


if __name__ == "__main__":
    main()
