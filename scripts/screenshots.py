"""Walk through the window by clicks, as a user does, and take the documentation's
pictures: `xvfb-run -a -s "-screen 0 1600x1000x24" python scripts/screenshots.py`.

With ``--loop FILE --labels FILE --frame N`` the walk is on a loop of your own; its
pictures go to ``--out`` and nowhere else.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from qtpy.QtWidgets import QWidget
from real_window import RealWindow
from stroke_routes import vessel_routes

from napari_motionseg.contributions import synthetic_angiogram
from napari_motionseg.demo import liveliest_frame, thickest_point
from napari_motionseg.evaluation.simulated_strokes import (
    StrokeSettings,
    simulated_strokes,
)
from napari_motionseg.io import read_labels
from napari_motionseg.widgets.common.open_docks import PLUGIN, open_docks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--loop", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--frame", type=int)
    parser.add_argument("--method", default="pwcnet")
    parser.add_argument("--pretrain-steps", type=int, default=120)
    parser.add_argument("--train-steps", type=int, default=150)
    parser.add_argument("--without-motion", action="store_true", help="leave it out")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    Walk(options).go()


class Walk(RealWindow):
    """The path through the window, dock by dock."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.options = options
        self.truth, self.frame = self.open_loop()
        self.docks = open_docks(self.viewer)
        self.settle(1.0)
        self.home()  # the docks have made the picture narrower

    def open_loop(self) -> tuple[np.ndarray, int]:
        """Show the loop; return its masks and the frame that will be painted."""
        options = self.options
        if options.loop is None:
            (data, attributes, _), (truth, _, _) = synthetic_angiogram()
            self.viewer.add_image(data, **attributes)
            masks = np.asarray(truth)
        else:
            (layer,) = self.viewer.open(options.loop, plugin=PLUGIN)
            masks = read_labels(options.labels, shape=layer.data.shape).labels
        filled = masks.reshape(len(masks), -1).sum(axis=1)
        frame = int(filled.argmax()) if options.frame is None else options.frame
        return masks, frame

    def go(self) -> None:
        """Use one dock after the other."""
        self.step(self.use_cine, "cine")
        if self.options.without_motion:
            self.click(self.docks["Cine"].play_button)
        else:
            self.step(self.use_motion, "motion")
        self.step(self.use_embedding, "embedding")
        self.step(self.use_segment, "paint")
        self.step(self.train_and_apply, "segment")
        self.step(self.correct, "correct")
        self.viewer.close()

    def step(self, use: Callable[[], None], name: str) -> None:
        use()
        self.shoot(self.options.out / f"{name}.png")

    def use_cine(self) -> None:
        dock = self.front("Cine")
        self.viewer.dims.set_point(0, self.frame)
        self.click(dock.play_button)
        self.settle(2.5)
        # the picture is taken while it plays

    def use_motion(self) -> None:
        self.click(self.docks["Cine"].play_button)
        dock = self.front("Motion")
        self.viewer.dims.set_point(0, self.frame)
        dock.method.setCurrentText(self.options.method)
        dock.backward.setChecked(True)
        self.click(dock.run_button)
        self.wait(lambda: not dock.panel.running)
        flow = dock.session.loop(self.loop).flow.forward
        self.viewer.dims.set_point(0, liveliest_frame(flow, self.truth > 0))
        dock.views.every.setValue(24)  # a person can count them in a small picture
        dock.views.length.setValue(6)
        self.wait(lambda: not (dock.views.pictures.busy or dock.views.layers.busy))

    def use_embedding(self) -> None:
        motion = self.docks["Motion"].views
        for box in motion.boxes.values():
            if box.isChecked():
                self.click(box)
        self.wait(lambda: not (motion.pictures.busy or motion.layers.busy))
        self.hide_all_but_loop()
        dock = self.front("Embedding")
        self.viewer.dims.set_point(0, self.frame)
        dock.learning.steps.setValue(self.options.pretrain_steps)
        self.click(dock.learning.button)
        self.wait(lambda: not dock.learning.panel.running)
        explorer = dock.explorer
        self.wait(lambda: explorer.found is not None and not explorer.layers.busy)
        self.click_pixel(*thickest_point(self.truth[self.frame] > 0))
        self.wait(lambda: not (explorer.pictures.busy or explorer.layers.busy))

    def use_segment(self) -> None:
        embedding = self.docks["Embedding"]
        self.click(embedding.explorer.controls.on)
        self.hide_all_but_loop()
        dock = self.front("Segment")
        self.viewer.dims.set_point(0, self.frame)
        self.paint(dock)
        self.wait(lambda: not dock.live.latest.busy)

    def train_and_apply(self) -> None:
        dock = self.front("Segment")
        dock.train.steps.setValue(self.options.train_steps)
        self.click(dock.train.train_button)
        self.wait(lambda: not dock.panel.running)
        self.click(dock.apply.apply_button)
        self.wait(lambda: not dock.panel.running)
        dock.state.painting.visible = False
        self.viewer.dims.set_point(0, self.frame + 2)

    def correct(self) -> None:
        dock = self.front("Segment")
        self.click(dock.correct.next_button)
        self.click(dock.correct.doubt)
        dock.verticalScrollBar().setValue(dock.verticalScrollBar().maximum())

    def paint(self, dock: QWidget) -> None:
        """Draw a stroke with the brush, then as a person would draw the others."""
        self.click(dock.paint.brushes[1])
        layer = dock.state.painting
        for _ in self.drag(vessel_routes(self.truth[self.frame] > 0, 1)[0]):
            pass
        if not layer.data[self.frame].any():
            raise RuntimeError("the brush has left no trace")
        layer.undo()
        mask = self.truth[self.frame] > 0
        for stroke in simulated_strokes(mask, StrokeSettings(), 0):
            where = np.nonzero(stroke)
            frames = np.full(len(where[0]), self.frame)
            number = int(stroke.max()) - 1  # strokes are numbered as in files
            layer.data_setitem((frames, *where), dock.state.label_of(number))

    def hide_all_but_loop(self) -> None:
        for layer in self.viewer.layers[1:]:
            layer.visible = False


if __name__ == "__main__":
    main()
