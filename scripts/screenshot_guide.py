"""Make docs/images/guide_dock.png and guide_arrows.png: the Guide dock in use.

xvfb-run -a -s "-screen 0 1366x768x24" python scripts/screenshot_guide.py
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("MOTIONSEG_CACHE", "off")

from figure_measure import ANCHOR, SEED, widest_branch
from napari.viewer import Viewer
from qtpy.QtTest import QTest
from real_window import use_own_state

from napari_motionseg.contributions import cine_layer
from napari_motionseg.guidance import Arrow
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.widgets.common.open_docks import open_dock

SIZE = 1366, 768
PATIENCE_MS = 120_000
ARROW = (-2, 5)  # rows and columns in px


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    use_own_state()
    config = SynthesisConfig(
        frames=ANCHOR + 2, collimator=0.0, second_tree=0.0, streaming=(0, 0)
    )
    made = synthesize_cine(config, seed=SEED)
    viewer = Viewer()
    viewer.window._qt_window.resize(*SIZE)
    viewer._add_layer_from_data(*cine_layer(made.cine))
    dock = open_dock(viewer, "Guide")
    dock.banner.hide()
    viewer.dims.set_current_step(0, ANCHOR)
    points = [(round(row), round(column)) for row, column in widest_branch(made)]
    middle = points[len(points) // 2]
    dock.clicking.tool.setChecked(True)
    dock.clicking.extent.setCurrentText("the whole tree")
    dock.state.click(middle, True)
    wait(lambda: dock.state.mask is not None)
    save(viewer, options.out / "guide_dock.png")
    dock.state.drop_object()
    dock.guiding.tool.setChecked(True)
    dock.guiding.views.boxes["measured flow"].setChecked(True)
    dock.state.add_arrow(Arrow(*middle, *ARROW))
    wait(lambda: dock.state.guided is not None)
    wait(lambda: dock.state.guided.measured is not None)
    wait(lambda: "difference" in dock.guiding.views.layers.known)
    save(viewer, options.out / "guide_arrows.png")
    viewer.close()


def wait(ready) -> None:
    """Wait until something is there.

    Raises
    ------
    SystemExit
        If it does not come in time.
    """
    for _ in range(PATIENCE_MS // 50):
        QTest.qWait(50)
        if ready():
            return
    raise SystemExit("the answer did not come")


def save(viewer, path: Path) -> None:
    QTest.qWait(1500)
    viewer.window._qt_window.grab().save(str(path))


if __name__ == "__main__":
    main()
