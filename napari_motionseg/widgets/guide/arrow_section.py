"""The section *Guide*: arrows move the frame, which is played and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout

from napari_motionseg.guidance.guided_loop import (
    FRAMES,
    RATE,
    moved_frames,
    write_guided_movie,
)
from napari_motionseg.viewmodel.guide_engine import ArrowAnswer
from napari_motionseg.viewmodel.guide_state import GuideState
from napari_motionseg.viewmodel.guided_pictures import MOVED
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.dock_layout import Dock, button, button_row
from napari_motionseg.widgets.common.viewers import errors_shown
from napari_motionseg.widgets.guide.guide_keys import key_of
from napari_motionseg.widgets.guide.guided_views import GuidedViews

PLAY, STOP = "Play", "Stop"
MOVIES = "Movie (*.mp4);;Animation (*.gif)"


class ArrowSection(QObject):
    """Section in which arrows move the frame.

    Parameters
    ----------
    dock
        The dock.
    form
        The form that the rows are added to.
    state
        The state of the dock.

    Signals
    -------
    wanted
        Emitted with whether the tool for arrows is wanted.
    """

    wanted = Signal(bool)

    def __init__(self, dock: Dock, form: QFormLayout, state: GuideState) -> None:
        super().__init__(dock)
        self._dock, self._state = dock, state
        self._answer: ArrowAnswer | None = None
        self._frames: list[np.ndarray] = []
        self._place = 0
        self._saving: Path | None = None
        self._build(form)
        self.views = GuidedViews(dock, form, state.compare)
        self._build_loop(form)
        self.latest = Latest(dock, self._made)
        self.writing = Latest(dock, self._written)
        self._timer = QTimer(dock)
        self._timer.setInterval(round(1000 / RATE))
        self._timer.timeout.connect(self._step)
        self.show_state()

    def _build(self, form: QFormLayout) -> None:
        self.tool = button(
            "Draw arrows",
            "Drag to give a point its motion; a click sets a point that stays still. A "
            f"click on a point removes it ({key_of('arrows')})",
        )
        self.tool.setCheckable(True)
        self.tool.toggled.connect(self.wanted)
        self.clear_button = button("Remove arrows", "Remove all arrows of this frame")
        self.clear_button.clicked.connect(self._state.clear_arrows)
        form.addRow(button_row(self.tool, self.clear_button))

    def _build_loop(self, form: QFormLayout) -> None:
        self.play_button = button(PLAY, "Play the frame moving along the flow and back")
        self.play_button.setCheckable(True)
        self.play_button.toggled.connect(self._play)
        self.play_button.toggled.connect(
            lambda on: self.play_button.setText(STOP if on else PLAY)
        )
        self.export_button = button(
            "Export...", "Write the loop as MP4 or GIF; each frame says SYNTHETIC"
        )
        self.export_button.clicked.connect(self._ask_path)
        form.addRow(button_row(self.play_button, self.export_button))

    def show_loop(self, loop: Layer | None) -> None:
        """Use another loop, or none."""
        self.tool.setEnabled(loop is not None)
        self.show_state(loop)

    def show_state(self, loop: Layer | None = None) -> None:
        """Show the flow of the state over a loop."""
        answer = self._state.guided
        if answer is not None and answer.flow is None:
            answer = None
        if answer is not self._answer:
            self._answer, self._frames = answer, []
            self._timer.stop()
            if self.play_button.isChecked():
                self._play(answer is not None)
        for each in (self.play_button, self.export_button):
            each.setEnabled(answer is not None)
        if answer is None:
            self.play_button.setChecked(False)
        self.clear_button.setEnabled(bool(self._state.here.arrows))
        self.views.show(loop, answer, self._state.drawing)

    def _play(self, wanted: bool) -> None:
        if not wanted:
            self._timer.stop()
            self.views.refresh()
            return
        self.views.boxes[MOVED].setChecked(True)
        if self._frames:
            self._timer.start()
        else:
            self._make_frames()

    def _make_frames(self) -> None:
        if self._answer is not None:
            self.latest.ask(_loop_of, self._answer)

    def _made(self, made: tuple[ArrowAnswer, list[np.ndarray]]) -> None:
        answer, frames = made
        if answer is not self._answer:
            return
        self._frames = frames
        if self.play_button.isChecked():
            self._timer.start()
        self._write()

    def _step(self) -> None:
        self._place = (self._place + 1) % max(1, len(self._frames))
        if self._frames:
            self.views.play_frame(self._frames[self._place])

    def _ask_path(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self._dock, "Export the guided loop", "guided.mp4", MOVIES
        )
        if name:
            self._saving = Path(name)
            self._state.say(f"{self._saving.name} is being written...")
            if self._frames:
                self._write()
            else:
                self._make_frames()

    def _write(self) -> None:
        path, self._saving = self._saving, None
        if path is not None:
            with errors_shown():
                self.writing.ask(_write_movie, path, np.stack(self._frames))

    def _written(self, path: Path) -> None:
        self._state.say(f"{path.name} was written; each frame says SYNTHETIC.")


def _loop_of(answer: ArrowAnswer) -> tuple[ArrowAnswer, list[np.ndarray]]:
    if answer.flow is None:
        return answer, []
    return answer, list(moved_frames(answer.frame, answer.flow, FRAMES))


def _write_movie(path: Path, frames: Any) -> Path:
    write_guided_movie(path, frames, RATE)
    return path
