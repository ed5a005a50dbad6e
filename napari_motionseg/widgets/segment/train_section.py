"""Training: on all that is painted, from the model that ships or the last one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSpinBox, QWidget

from napari_motionseg.errors import LabelError
from napari_motionseg.jobs import Progress
from napari_motionseg.models import checkpoint_path
from napari_motionseg.models.checkpoints import DEFAULT
from napari_motionseg.segmentation import finetune_job
from napari_motionseg.segmentation.dataset import require_classes
from napari_motionseg.segmentation.flow_propagation import CarrySettings
from napari_motionseg.viewmodel.preview_settings import finetune_settings
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.choosers import ModelChooser
from napari_motionseg.widgets.common.dock_layout import button
from napari_motionseg.widgets.common.endings import LEARNING
from napari_motionseg.widgets.common.viewers import errors_shown, frame_shown, is_loop
from napari_motionseg.widgets.segment.classes import painting_of
from napari_motionseg.widgets.segment.painted_labels import painted_labels

if TYPE_CHECKING:
    from napari_motionseg.widgets.segment.dock import SegmentDock

RECIPES = {"Tuned": "tuned", "Ma et al. 2019": "paper"}
SCRATCH = "scratch: no pretraining"
KEPT_CHOICE = ""  # of no kind: what ships stays chosen when something else is learnt


class TrainSection(QObject):
    """Start, recipe, and the buttons; what is learnt becomes the dock's model."""

    def __init__(self, dock: SegmentDock) -> None:
        super().__init__(dock)
        self._dock = dock
        self.viewer, self.session = dock.viewer, dock.session
        self._trained_on: Layer | None = None
        self._masks_before = False
        self._last: Path | None = None
        self.start = ModelChooser(
            self.session, ("embedding", "segmentation"), SCRATCH,
            "What a new training starts from: the model that ships, an embedding "
            "learnt from motion, an earlier segmentation, or nothing", KEPT_CHOICE,
        )  # fmt: skip
        self.start.choose(checkpoint_path(DEFAULT))
        self.recipe = QComboBox()
        self.recipe.addItems(RECIPES)
        self.recipe.setToolTip(
            "Tuned: cross entropy and Dice, falling rate, ends by itself. Ma et al.: "
            "as published"
        )
        self.steps = QSpinBox()
        self.steps.setRange(0, 100_000)
        self.steps.setSpecialValueText("as the recipe says")
        self.steps.setToolTip("Optimizer steps at most")
        self.carry = QCheckBox("Carry labels to neighbouring frames")
        self.carry.setToolTip(
            "Painted labels travel along the flow to the frames around them, where "
            "there and back agree, and are believed the less the farther they come"
        )
        self.train_button = button("Train", "Learn from all that is painted (Alt+T)")
        self.train_button.clicked.connect(self.train)
        self.over_button = button(
            "Start over", "Forget the last training, and begin at the start above"
        )
        self.over_button.clicked.connect(self.start_over)
        self._build(dock)

    def _build(self, dock: SegmentDock) -> None:
        form = dock.section("2  Train")
        form.addRow("Start", self.start)
        form.addRow("Recipe", self.recipe)
        form.addRow("Steps", self.steps)
        form.addRow(self.carry)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.train_button)
        layout.addWidget(self.over_button)
        form.addRow(row)

    def enable(self, idle: bool) -> None:
        """Say what can be pressed."""
        ready = idle and None not in (
            self._dock.paint.image.layer, self._dock.paint.painting.layer,
        )  # fmt: skip
        self.train_button.setEnabled(ready)
        self.train_button.setText("Train" if self._last is None else "Train on")
        self.over_button.setEnabled(ready and self._last is not None)

    def train(self) -> None:
        """Train from the last model, or from the start if there is none."""
        chosen = self.start.chosen
        first = "scratch" if chosen is None else chosen.path
        self._train(first if self._last is None else self._last)

    def start_over(self) -> None:
        """Forget what was learnt last, and train."""
        self._last = None
        self.train()

    def _train(self, start: str | Path) -> None:
        image = self._dock.paint.image.layer
        with errors_shown():
            if image is None:
                return
            examples = self.examples()
            require_classes(examples)
            settings = finetune_settings(
                RECIPES[self.recipe.currentText()], self.steps.value() or None
            )
            if self.carry.isChecked():
                settings = dataclasses.replace(settings, carry=CarrySettings())
            cine = self.session.loop(image).cine
            shown = cine.normalized(frame_shown(self.viewer, image))
            out = self.session.new_path("vessel")
            self._dock.panel.start(
                "Training", _finetune, examples, settings, start, out, shown,
                done=self._learnt, endings=LEARNING,
            )  # fmt: skip
            self._trained_on = image
            self._dock.live.set_aside()  # what is learnt shows itself there
            self._masks_before = self._dock.layers.masks_shown
            self._dock.layers.show_masks(False)
            self._dock.tell()

    def examples(self) -> list[tuple[Any, Any]]:
        """Return every loop that something is painted on, with its labels.

        Raises
        ------
        LabelError
            If nothing is painted, or the shown loop's labels do not fit it.
        """
        paint = self._dock.paint
        chosen, painting = paint.image.layer, paint.painting.layer
        if chosen is None or painting is None:
            raise LabelError("nothing to learn from: choose a loop and paint on it")
        mode = paint.mode.currentText()
        pairs = [
            (loop, painting_of(self.viewer, loop))
            for loop in self.viewer.layers
            if loop is not chosen and is_loop(loop)
        ]
        others = [(x, p) for x, p in pairs if p is not None and np.any(p.data)]
        found = []
        if np.any(painting.data) or not others:
            found.append(
                painted_labels(self.viewer, self.session, chosen, painting, mode)
            )
        for loop, labels in others:
            found.append(painted_labels(self.viewer, self.session, loop, labels, mode))
        return found

    def live(self, progress: Progress) -> None:
        """Show what the network makes of the frame while it learns."""
        if isinstance(progress.preview, np.ndarray) and self._trained_on is not None:
            self._dock.layers.show_probability(self._trained_on, progress.preview)

    def ended(self, state: str) -> None:
        """Show what was learnt in the preview; masks of before where nothing was."""
        loop, self._trained_on = self._trained_on, None
        if loop is None:
            return
        learnt = state == "finished"
        if not learnt:
            self._dock.layers.hide_probability(loop)
        if self._masks_before and not learnt:
            self._dock.layers.show_masks()
        else:  # what was learnt stays in sight until the preview has it
            self._dock.live.take_up()

    def _learnt(self, path: Path) -> None:
        self._last = path
        self.session.add_model(Model(path, "segmentation", path.stem))
        self._dock.apply.result.choose(path)


def _finetune(
    examples: Any, settings: Any, start: Any, out: Path, shown: Any
) -> Iterator[Any]:
    return (
        yield from finetune_job(examples, settings, start=start, out=out, shown=shown)
    )
