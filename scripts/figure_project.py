"""Picture of the Project dock: `xvfb-run -a -s "-screen 0 1600x1000x24" python
scripts/figure_project.py`.

A synthetic loop, segmented by the network that ships, a stroke painted, judged against
the loop's truth.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from coronary_loop import coronary_loop
from napari.viewer import Viewer
from PIL import Image
from qtpy.QtWidgets import QApplication
from real_window import with_few_colors

from napari_motionseg.contributions import VESSEL, cine_layer, geometry
from napari_motionseg.models.model_card import checkpoint_path
from napari_motionseg.segmentation import segment
from napari_motionseg.synthesis import synthesize_cine
from napari_motionseg.widgets.project.dock import ProjectDock

SIZE = (1440, 900)
SEED, FRAMES = 2, 12
PATIENCE_S = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images/project.png"))
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MOTIONSEG_STATE"] = str(Path(folder) / "state")
        picture(out, Path(folder) / "angiograms.motionseg")


def picture(out: Path, project: Path) -> None:
    made = synthesize_cine(coronary_loop(frames=FRAMES, tree="left"), seed=SEED)
    cine = dataclasses.replace(made.cine, name="angiogram")
    viewer = Viewer(title="MotionSeg")
    viewer.theme = "dark"
    viewer.window._qt_window.resize(*SIZE)
    data, attributes, _ = cine_layer(cine)
    viewer.add_image(data, **attributes)
    dock = ProjectDock(viewer)
    holder = viewer.window.add_dock_widget(dock, name="Project")
    holder.setWindowTitle("Project")
    settle(0.5)
    viewer.reset_view()  # the dock has made the picture narrower
    layers = add_labels(viewer, cine, made.masks.astype(np.uint8))
    frame = int(made.masks.sum(axis=(1, 2)).argmax())
    viewer.dims.set_point(0, frame)
    paint(layers["labels"], made.masks[frame], frame)
    dock.controller.save_as(project)
    wait(lambda: not dock.controller.busy and dock.controller.status.state == "saved")
    dock.agreement.reference.choose(layers["truth"])
    wait(lambda: dock.agreement.answer is not None and dock.agreement.answer.complete)
    viewer.layers.selection.active = layers["masks"]
    settle(1.5)
    shot = viewer.window.screenshot(canvas_only=False, flash=False)
    with_few_colors(Image.fromarray(shot[..., :3])).save(out, optimize=True)
    dock.controller.close()
    viewer.close()


def add_labels(viewer: Viewer, cine, truth: np.ndarray) -> dict:
    masks = segment(cine, checkpoint_path("default")).masks
    looks = {
        "truth": {"visible": False},
        "labels": {},
        "masks": {"opacity": 0.6, "metadata": {"motionseg": "masks"}},
    }
    pixels = {"truth": truth, "labels": np.zeros_like(truth), "masks": masks}
    return {
        what: viewer.add_labels(
            pixels[what], name=f"angiogram {what}", **geometry(cine), **looks[what],
            colormap={0: "transparent", 1: VESSEL, None: "gold"},
        )
        for what in looks
    }  # fmt: skip


def paint(layer, mask: np.ndarray, frame: int) -> None:
    rows, columns = np.nonzero(mask)
    layer.data_setitem((np.full(len(rows), frame), rows, columns), 1)
    layer.visible = False  # a hidden layer cannot be painted on


def wait(done: Callable[[], bool]) -> None:
    begun = time.perf_counter()
    while not done():
        settle(0.05)
        if time.perf_counter() - begun > PATIENCE_S:
            raise TimeoutError("the window did not get there")


def settle(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        QApplication.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    main()
