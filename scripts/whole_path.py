"""The whole path through the window, as moments to look at: from a file to exports.

Every step is done by mouse in the real window; what a person would type into a file
dialog is given instead of it. `walk_path.py` keeps a picture of each moment,
`path_gif.py` makes an animation of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from PIL import Image
from qtpy.QtWidgets import QFileDialog
from real_window import RealWindow
from stroke_routes import background_routes, vessel_routes

from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.widgets.common.open_docks import open_docks
from napari_motionseg.widgets.common.viewers import frame_shown, is_loop

VESSEL, BACKGROUND = 1, 0  # numbers of the brushes


@dataclass(frozen=True)
class Moment:
    """Something to look at.

    Parameters
    ----------
    name
        Of the step, for a file.
    words
        What a person does, in a line.
    key
        Whether it ends a step: a picture of it tells the step.
    picture
        What was seen, where it is gone by now.
    """

    name: str
    words: str
    key: bool = False
    picture: Image.Image | None = None


@dataclass(frozen=True)
class PathOptions:
    """What is walked with.

    Parameters
    ----------
    loop
        A file.
    truth
        Masks of the loop, which lead the hand that paints and judge the result; None:
        the first guess leads it, and nothing is judged.
    frame
        The frame to paint; the one with most vessel if None.
    folder
        Where the project and the exports go.
    strokes
        Of each class.
    steps
        Training steps at most; 0: as the recipe says.
    enough
        Frames after which *Stop & keep* is pressed; 0: all are segmented.
    short
        Whether only what everyone needs is done: no first guess, one training.
    """

    loop: Path
    folder: Path
    truth: Path | None = None
    frame: int | None = None
    strokes: int = 4
    steps: int = 0
    enough: int = 0
    short: bool = False


class WholePath(RealWindow):
    """The path; `moments` walks it."""

    def __init__(self, options: PathOptions, size: tuple[int, int]) -> None:
        super().__init__(size)
        self.options = options
        cine = read_cine(options.loop)
        self.truth = self.frame = None
        if options.truth is not None:
            self.truth = read_labels(options.truth, shape=cine.shape).labels > 0
            filled = self.truth.sum(axis=(1, 2))
            self.frame = int(filled.argmax())
        if options.frame is not None:
            self.frame = options.frame
        self.docks = open_docks(self.viewer)
        self.settle(1.0)

    @property
    def segment(self) -> Any:
        return self.docks["Segment"]

    @property
    def masks(self) -> Labels:
        return self.segment.state.masks.layer

    def moments(self) -> Iterator[Moment]:
        """Walk the whole path."""
        steps = [
            self.open_loop, self.first_guess, self.paint, self.train, self.segment_all,
            self.scrub, self.threshold, self.next_frame, self.correct, self.train_on,
            self.name_project, self.judge, self.export,
        ]  # fmt: skip
        if self.options.short:
            steps = [
                self.open_loop, self.paint, self.train, self.segment_all, self.scrub,
                self.threshold, self.judge, self.export,
            ]  # fmt: skip
        for step in steps:
            yield from step()

    def open_loop(self) -> Iterator[Moment]:
        self.front("Segment")
        yield Moment("start", "napari with the docks of this plugin")
        asked = self.drop(self.options.loop)
        if asked:
            yield Moment("reader", "napari asks for a reader", True, asked[0])
        self.wait(lambda: self.segment.state.loop is not None)
        self.home()
        self.show(len(self.loop.data) // 2 if self.frame is None else self.frame)
        self.settle(0.5)
        yield Moment("open", "Drop a loop into the window", key=True)

    def first_guess(self) -> Iterator[Moment]:
        yield from self.run_job(
            self.segment.apply.guess_button, "guess",
            "First guess: the model that ships, without a label",
        )  # fmt: skip
        if self.frame is None:
            counts = np.asarray(self.masks.data).sum(axis=(1, 2))
            self.frame = int(counts.argmax())
            self.show(self.frame)
        yield Moment("guess", "First guess: no label, no training", key=True)

    def guide(self) -> np.ndarray:
        """Return where the vessel is on the shown frame, to lead the hand."""
        if self.truth is not None:
            return self.truth[self.frame]
        t = frame_shown(self.viewer, self.loop)
        return self.segment.state.masks.probabilities[t] > 0.7

    def paint(self) -> Iterator[Moment]:
        words = "Paint a few strokes: the preview follows each of them"
        count = self.options.strokes
        mask = self.guide()
        pairs = zip(
            vessel_routes(mask, count), background_routes(mask, count), strict=False
        )
        for number, (vessel, ground) in enumerate(pairs):
            for brush, route in ((VESSEL, vessel), (BACKGROUND, ground)):
                yield from self.stroke(brush, route, words, often=number == 0)
        yield Moment("paint", words, key=True)

    def stroke(
        self, brush: int, route: np.ndarray, words: str, often: bool = False
    ) -> Iterator[Moment]:
        """Paint a line, with the preview after it; tell of it on the way if `often`."""
        dock = self.segment
        self.click(dock.paint.brushes[brush])
        canvas = dock.state.canvas
        before = np.array(canvas.data)
        seen = 0.0
        for share in self.drag(route):
            if often and share - seen > 0.3:
                seen = share
                yield Moment("stroke", words)
        if np.array_equal(before, canvas.data):
            raise RuntimeError("the brush has left no trace")
        self.wait(lambda: not dock.live.latest.busy)
        self.settle(0.2)
        yield Moment("stroke", words)

    def train(self, again: bool = False) -> Iterator[Moment]:
        dock = self.segment
        dock.train.steps.setValue(self.options.steps)
        words = "Train: watch it learn, go on painting, stop when it is good enough"
        name = "train_on" if again else "train"
        yield from self.run_job(dock.train.train_button, name, words, every=20)
        yield Moment(name, words, key=True)

    def segment_all(self) -> Iterator[Moment]:
        dock = self.segment
        words = "Segment all frames: the shown one first, then outward"
        yield from self.run_job(dock.apply.apply_button, "apply", words)
        dock.state.painting.visible = False
        self.settle(0.3)
        yield Moment("apply", words, key=True)

    def run_job(
        self, button: Any, name: str, words: str, every: int = 0
    ) -> Iterator[Moment]:
        """Press a button that starts a job; tell of it every so many steps."""
        panel = self.segment.panel
        self.click(button)
        if not panel.running:
            raise RuntimeError(f"nothing runs after {button.text()!r}")
        last = 0
        while panel.running:
            self.settle(0.05)
            step = panel.bar.value()
            if self.options.enough and not every and step >= self.options.enough:
                self.click(panel.stop_button)
                self.wait(lambda: not panel.running)
            if every and step >= last + every:
                last = step
                self.bring_into_view(panel)
                yield Moment(f"{name}_running", words)
        self.settle(0.5)

    def scrub(self) -> Iterator[Moment]:
        words = "Scrub: a mask on every frame"
        last = len(self.loop.data) - 1
        for t in np.unique(np.linspace(last // 4, last, 7).astype(int)):
            self.show(int(t))
            yield Moment("scrub", words)
        self.show(self.frame)

    def threshold(self) -> Iterator[Moment]:
        words = "Threshold: live on all frames, nothing is computed anew"
        values = (30, 10, 4, 30, 75, 97, 50)
        for value in self.slide(self.segment.apply.threshold, values):
            self.wait(lambda: not self.segment.apply.layers.busy)
            self.settle(0.1)
            yield Moment(f"threshold_{value}", words, key=value in (4, 97))

    def next_frame(self) -> Iterator[Moment]:
        dock = self.segment
        self.click(dock.correct.next_button)
        self.click(dock.correct.doubt)
        self.bring_into_view(dock.correct.reason)
        self.settle(0.5)
        yield Moment("next", "Next frame to label: where it is unsure, and why", True)
        self.click(dock.correct.doubt)

    def correct(self) -> Iterator[Moment]:
        """Rub out a piece of the mask with the brush, as a person does."""
        words = "Correct the mask with the brush: the frame joins the labels"
        t = frame_shown(self.viewer, self.loop)
        mask = self.masks.data[t] > 0
        self.viewer.layers.selection.active = self.masks
        self.masks.mode = "erase"
        self.masks.brush_size = 12
        self.settle(0.2)
        for _ in self.drag(vessel_routes(mask, 2, 60)[-1]):
            pass
        self.settle(0.5)
        yield Moment("correct", words, key=True)
        self.masks.mode = "pan_zoom"

    def train_on(self) -> Iterator[Moment]:
        yield from self.train(again=True)
        yield from self.segment_all()

    def name_project(self) -> Iterator[Moment]:
        dock = self.front("Project")
        self.answer_dialog(self.options.folder / "study.motionseg")
        self.click(dock.panel.save_button)
        self.wait(
            lambda: not dock.controller.busy and dock.controller.status.state == "saved"
        )
        dock.panel.refresh()
        self.settle(0.7)
        yield Moment("project", "Every stroke is kept; the project has a name", True)

    def judge(self) -> Iterator[Moment]:
        if self.truth is None:
            return
        dock = self.front("Project")
        truth = self.viewer.add_labels(
            self.truth.astype(np.uint8), name="truth", visible=False,
            scale=self.masks.scale, units=self.masks.units,
            axis_labels=self.masks.axis_labels,
        )  # fmt: skip
        dock.agreement.reference.choose(truth)
        judge = dock.agreement
        self.wait(lambda: judge.answer is not None and judge.answer.complete)
        self.show(self.frame)
        yield Moment("judge", "Judge: agreement with a reference, per frame", True)

    def export(self) -> Iterator[Moment]:
        export = self.front("Project").export
        folder, stem = self.options.folder, self.loop.name
        for what, file in (
            ("Masks…", f"{stem}_masks.nii.gz"), ("Overlay…", f"{stem}_overlay.mp4"),
            ("Report…", f"{stem}_report.html"),
        ):  # fmt: skip
            self.answer_dialog(folder / file)
            self.click(export.buttons[what])
            self.wait(lambda: not export.panel.running)
            self.settle(0.3)
            if not (folder / file).exists():
                raise RuntimeError(export.panel.status.text())
            self.bring_into_view(export.panel)
            kind = what.rstrip("…").lower()
            yield Moment(f"export_{kind}", f"Export: {kind}", key=True)

    @staticmethod
    def answer_dialog(path: Path) -> None:
        """Have the next question where to save answered."""
        QFileDialog.getSaveFileName = staticmethod(lambda *_, **__: (str(path), ""))

    def others_hidden(self) -> list[Any]:
        """Return the layers that are no loop."""
        return [layer for layer in self.viewer.layers if not is_loop(layer)]
