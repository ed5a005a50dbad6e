"""The section *Train*: fine-tune on everything that is painted, in all loops."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFormLayout

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.io import Labels
from napari_motionseg.jobs import Progress
from napari_motionseg.models import checkpoint_path
from napari_motionseg.models.model_card import DEFAULT
from napari_motionseg.segmentation.labelled_classes import require_classes
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.viewmodel.segment_status import next_step
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.viewmodel.training_choices import TrainingChoices
from napari_motionseg.viewmodel.training_jobs import finetune_layer_job
from napari_motionseg.widgets.common.accents import accent
from napari_motionseg.widgets.common.choosers import ModelChooser
from napari_motionseg.widgets.common.dock_layout import button, button_row
from napari_motionseg.widgets.common.endings import LEARNING
from napari_motionseg.widgets.common.form_rows import Choice, Number, Switch
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.later_removal import removal_of
from napari_motionseg.widgets.common.number_box import Special
from napari_motionseg.widgets.common.painted_labels import painted_labels
from napari_motionseg.widgets.common.settings_form import SettingsForm
from napari_motionseg.widgets.common.viewers import (
    errors_shown,
    frame_shown,
    has_paint,
    is_loop,
    lay_over,
    move_below,
)
from napari_motionseg.widgets.segment.label_layers import painting_of
from napari_motionseg.widgets.segment.shortcuts import key_words

ROWS = {
    "recipe": Choice(
        label="Recipe",
        tooltip="Quick: train the last layers, in seconds. Thorough: train all layers, "
        "in minutes. Ma et al. 2019: as published",
        items={"Quick": "quick", "Thorough": "tuned", "Ma et al. 2019": "paper"},
    ),
    "steps": Number(
        label="Steps",
        tooltip="Optimizer steps at most",
        minimum=1,
        maximum=100_000,
        special=Special(None, "as the recipe says"),
    ),
    "carry": Switch(
        tooltip="Propagate painted labels along the flow to neighbouring frames, where "
        "forward and backward flow agree; distant frames count less",
        text="Carry labels to neighbouring frames",
    ),
}
SCRATCH = "scratch: no pretraining"
KEPT_CHOICE = ""  # an empty kind: do not choose new models automatically
TRAINING = "training"  # suffix of the name of the layer that shows the progress


class TrainSection(QObject):
    """Section that trains on painted labels; the result becomes the dock's model.

    Parameters
    ----------
    form
        The form that the rows are added to.
    advanced
        The form of rows that are seldom needed.
    state
        The state of the dock.
    viewer
        The viewer.
    panel
        The panel that runs the jobs of the dock.
    """

    def __init__(
        self,
        form: QFormLayout,
        advanced: QFormLayout,
        state: SegmentState,
        viewer: Viewer,
        panel: JobPanel,
    ) -> None:
        super().__init__(form)
        self._state = state
        self._viewer = viewer
        self._panel = panel
        self._former = removal_of(viewer)
        self._build_settings(advanced)
        self._build_buttons(form)
        self._connect()

    def _build_settings(self, form: QFormLayout) -> None:
        self.start = ModelChooser(
            self._state.session, ("embedding", "segmentation"), SCRATCH,
            "What a new training starts from: the model that ships, an embedding "
            "learned from motion, an earlier segmentation, or nothing", KEPT_CHOICE,
        )  # fmt: skip
        self.start.choose(checkpoint_path(DEFAULT))
        self.choices = SettingsForm(TrainingChoices(), ROWS)
        self.recipe = self.choices.native("recipe")
        self.steps = self.choices.native("steps")
        self.carry = self.choices.native("carry")
        form.addRow("Start", self.start)
        self.choices.add_to(form)

    def _build_buttons(self, form: QFormLayout) -> None:
        self.train_button = button(
            "Train", f"Learn from all that is painted ({key_words('train')})"
        )
        self.over_button = button(
            "Start over",
            "Forget the last training, and begin at the start chosen under Advanced",
        )
        form.addRow(button_row(self.train_button, self.over_button))

    def _connect(self) -> None:
        self.train_button.clicked.connect(self.train)
        self.over_button.clicked.connect(self.start_over)
        self._panel.progressed.connect(self._show_progress)
        self._panel.ended.connect(self._ended)
        self._state.previewed.connect(self._previewed)
        self._state.events.masks.connect(self._masks_changed)
        self._state.events.connect(self._enable)
        self._enable()

    def _enable(self) -> None:
        state = self._state
        ready = state.idle and state.loop is not None
        self.train_button.setEnabled(ready)
        self.train_button.setText("Train" if state.trained is None else "Train on")
        self.over_button.setEnabled(ready and state.trained is not None)
        accent(self.train_button, next_step(state) == "train")

    def train(self) -> None:
        """Train from the last model, or from the start if there is none."""
        chosen = self.start.chosen
        first = "scratch" if chosen is None else chosen.path
        self._train(first if self._state.trained is None else self._state.trained)

    def start_over(self) -> None:
        """Train from the start, without the result of the last training."""
        self._state.trained = None
        self.train()

    def _train(self, start: str | Path) -> None:
        image, session = self._state.loop, self._state.session
        with errors_shown():
            if image is None:
                return
            examples = self.examples()
            require_classes(examples)
            shown = session.loop(image).cine.normalized(
                frame_shown(self._viewer, image)
            )
            out = session.new_path("vessel")
            job = partial(finetune_layer_job, start=start, out=out, shown=shown)
            self._panel.start(
                "Training", job, examples, self.choices(), session.device,
                done=self._learned, endings=LEARNING,
            )  # fmt: skip
            self._state.begin_training(image)

    def examples(self) -> list[tuple[Cine, Labels]]:
        """Return every loop with painted labels, and the labels.

        Raises
        ------
        LabelError
            If nothing is painted, or the shown loop's labels do not fit it.
        """
        state = self._state
        if state.loop is None or state.painting is None:
            raise LabelError("nothing to learn from: choose a loop and paint on it")
        pairs = [
            (loop, painting_of(self._viewer, loop))
            for loop in self._viewer.layers
            if loop is not state.loop and is_loop(loop)
        ]
        others = [(x, p) for x, p in pairs if p is not None and has_paint(p)]
        if has_paint(state.painting) or not others:
            others.insert(0, (state.loop, state.painting))
        return [
            painted_labels(
                self._viewer, state.session, loop, painting, state.label_mode
            )
            for loop, painting in others
        ]

    def _show_progress(self, progress: Progress) -> None:
        loop = self._state.training_on
        if isinstance(progress.preview, np.ndarray) and loop is not None:
            name = f"{loop.name} {TRAINING}"
            if name not in self._viewer.layers:
                self._state.set_preview_aside()
                self._state.masks_visible = False
            lay_over(
                self._viewer, loop, TRAINING, progress.preview.astype(np.float32),
                colormap="magma", contrast_limits=(0, 1), blending="additive",
                opacity=0.7,
            )  # fmt: skip
            move_below(self._viewer, name, [painting_of(self._viewer, loop)])

    def _hide_progress(self, loop: Layer) -> None:
        self._former.remove_named(f"{loop.name} {TRAINING}")

    def _previewed(self, loop: Layer) -> None:
        # the last picture stays visible until the preview of the new model is ready
        if self._state.idle:
            self._hide_progress(loop)

    def _masks_changed(self) -> None:
        if self._state.masks is not None:
            self._hide_progress(self._state.masks.loop)

    def _ended(self, state: str) -> None:
        loop = self._state.training_on
        if loop is not None:
            learned = state == "finished"
            if not learned:
                self._hide_progress(loop)
            self._state.end_training(learned)

    def _learned(self, path: Path) -> None:
        model = Model(path, "segmentation", path.stem)
        self._state.trained = path
        self._state.session.add_model(model)
        self._state.model = model
