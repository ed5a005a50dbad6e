"""Make docs/images/guide_dock.png and guide_arrows.png: the Guide dock in use.

xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshot_guide.py
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

os.environ.setdefault("MOTIONSEG_CACHE", "off")

import numpy as np
from coronary_loop import coronary_loop, moving_point
from figure_measure import exact_flow
from napari.viewer import Viewer
from PIL import Image
from qtpy.QtTest import QTest
from real_window import as_picture, use_own_state, with_few_colors

from napari_motionseg.contributions import cine_layer
from napari_motionseg.demo import liveliest_frame, thickest_point
from napari_motionseg.guidance import Arrow
from napari_motionseg.synthesis import synthesize_cine
from napari_motionseg.widgets.common.open_docks import open_dock

SIZE = 1440, 900
SEED, FRAMES = 20, 8
PATIENCE_MS = 120_000
LEVEL = 4  # gray values between two levels that are told apart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    use_own_state()
    config = coronary_loop(tree="left", frames=FRAMES, bolus=False)
    made = synthesize_cine(config, seed=SEED)
    flow = exact_flow(made).forward
    frame = liveliest_frame(flow, made.masks)
    cine = dataclasses.replace(made.cine, name="angiogram")
    viewer = Viewer()
    viewer.theme = "dark"
    viewer.window._qt_window.resize(*SIZE)
    viewer._add_layer_from_data(*cine_layer(cine))
    dock = open_dock(viewer, "Guide")
    dock.banner.hide()
    viewer.dims.set_current_step(0, frame)
    dock.clicking.tool.setChecked(True)
    dock.clicking.extent.setCurrentText("the whole tree")
    dock.state.click(thickest_point(made.masks[frame]), True)
    wait(lambda: dock.state.mask is not None)
    save(viewer, options.out / "guide_dock.png")
    dock.state.drop_object()
    dock.guiding.tool.setChecked(True)
    dock.guiding.views.boxes["measured flow"].setChecked(True)
    row, column = moving_point(flow[frame], made.masks[frame])
    right, down = flow[frame, :, row, column]
    dock.state.add_arrow(Arrow(row, column, float(down), float(right)))
    wait(lambda: dock.state.guided is not None)
    wait(lambda: dock.state.guided.measured is not None)
    layers = dock.guiding.views.layers
    wait(lambda: "difference" in layers.known and not layers.busy)
    save(viewer, options.out / "guide_arrows.png", with_rounded_colors)
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


def with_rounded_colors(picture: Image.Image) -> Image.Image:
    """Return a picture of 64 levels: flow has more colours than a palette can hold."""
    levels = np.round(np.asarray(picture) / LEVEL) * LEVEL
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def save(viewer, path: Path, reduced=with_few_colors) -> None:
    """Write a picture of the window when it has come to rest."""
    QTest.qWait(1500)
    picture = as_picture(viewer.window._qt_window.grab().toImage())
    reduced(picture).save(path, optimize=True)


if __name__ == "__main__":
    main()
