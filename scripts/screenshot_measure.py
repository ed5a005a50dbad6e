"""Make docs/images/measure_dock.png: the Measure dock on a synthetic loop.

xvfb-run -a -s "-screen 0 1366x768x24" python scripts/screenshot_measure.py
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("MOTIONSEG_CACHE", "off")

from figure_measure import ANCHOR, SEED, widest_branch
from napari.viewer import Viewer
from qtpy.QtTest import QTest

from napari_motionseg.contributions import cine_layer
from napari_motionseg.synthesis import SynthesisConfig, synthesize_cine
from napari_motionseg.widgets.common.open_docks import open_dock

SIZE = 1366, 768
PATIENCE_MS = 60_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    out = Path("docs/images/measure_dock.png")
    parser.add_argument("--out", type=Path, default=out)
    options = parser.parse_args()
    config = SynthesisConfig(
        frames=ANCHOR + 1, stenoses=1.0, collimator=0.0, second_tree=0.0,
        streaming=(0, 0),
    )  # fmt: skip
    made = synthesize_cine(config, seed=SEED)
    viewer = Viewer()
    viewer.window._qt_window.resize(*SIZE)
    viewer._add_layer_from_data(*cine_layer(made.cine))
    dock = open_dock(viewer, "Measure")
    dock.banner.hide()
    viewer.dims.set_current_step(0, ANCHOR)
    dock.place_button.setChecked(True)
    points = next(x for x in viewer.layers if x.name.endswith("vessel points"))
    for row, column in widest_branch(made):
        points.add([ANCHOR, row, column])
    for _ in range(PATIENCE_MS // 100):
        QTest.qWait(100)
        if dock.state.measured is not None:
            break
    else:
        raise SystemExit("the measurement did not come")
    QTest.qWait(800)
    viewer.window._qt_window.grab().save(str(options.out))
    viewer.close()


if __name__ == "__main__":
    main()
