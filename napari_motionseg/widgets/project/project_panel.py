"""Show the state of the project on top of the Project dock; open and save it."""

from __future__ import annotations

import time
from pathlib import Path

from qtpy.QtCore import QTimer
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QVBoxLayout,
    QWidget,
)

from napari_motionseg.project.folder import SUFFIX
from napari_motionseg.widgets.common.dock_layout import button, hint
from napari_motionseg.widgets.common.plain_labels import WrappedLabel, plain_label
from napari_motionseg.widgets.common.project_controller import ProjectController
from napari_motionseg.widgets.common.save_dialog import ask_target
from napari_motionseg.widgets.common.viewers import errors_shown

LOOK_EVERY_MS = 500
KEPT, WAITING, REFUSED = "#4caf7d", "#8a8d93", "#e0a030"
LONGEST_PATH = 44  # characters; the tooltip shows the whole path


class ProjectPanel(QWidget):
    """Panel that shows where the project is stored and whether all strokes are saved.

    Parameters
    ----------
    controller
        The controller of the viewer's project.
    """

    def __init__(self, controller: ProjectController) -> None:
        super().__init__()
        self._controller = controller
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        self.name = WrappedLabel()
        self.place = hint("")
        self.dot, self.kept = plain_label("●"), WrappedLabel()
        state = QHBoxLayout()
        state.addWidget(self.dot)
        state.addWidget(self.kept, 1)
        layout.addWidget(self.name)
        layout.addWidget(self.place)
        layout.addLayout(state)
        layout.addLayout(self._buttons())
        self.find_button = button("", "Say where the loop's file is now")
        self.find_button.clicked.connect(self._find)
        self.back_button = button(
            "Bring back deleted labels",
            "Show the painted layers again that you deleted",
        )
        self.back_button.clicked.connect(controller.bring_back)
        layout.addWidget(self.find_button)
        layout.addWidget(self.back_button)
        controller.changed.connect(self.refresh)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.refresh)
        self._timer.start(LOOK_EVERY_MS)
        self.refresh()

    def _buttons(self) -> QHBoxLayout:
        self.open_button = button("Open…", "Open a project: a folder NAME.motionseg")
        self.open_button.clicked.connect(self._open)
        self.recent_button = button("Recent", "Projects that were open lately")
        self.recent_menu = QMenu(self)
        self.recent_menu.aboutToShow.connect(self._fill_recent)
        self.recent_button.setMenu(self.recent_menu)
        self.save_button = button(
            "Save as…",
            "Give the project a name and a place. After that there is nothing to save: "
            "every stroke is kept as you paint",
        )
        self.save_button.clicked.connect(self._save)
        row = QHBoxLayout()
        for one in (self.open_button, self.recent_button, self.save_button):
            row.addWidget(one)
        return row

    def refresh(self) -> None:
        """Show the current state of the project."""
        project, named = self._controller.project, self._controller.named
        font = self.name.font()
        font.setBold(project is not None)
        self.name.setFont(font)
        if project is None:
            self.name.setText("No project yet")
            self.place.setText("What you paint is kept from the first stroke on.")
        elif named:
            self.name.setText(project.name)
            self.place.setText(_shortened(project.folder))
        else:
            self.name.setText("Not named yet")
            self.place.setText("Kept on this computer. Save as… gives it a place.")
        self.place.setToolTip("" if project is None else str(project.folder))
        color, words = _state(self._controller)
        self.dot.setStyleSheet(f"color: {color}")
        self.kept.setText(words)
        self.dot.setVisible(bool(words))
        self.kept.setVisible(bool(words))
        busy = self._controller.busy
        for one in (
            self.open_button, self.recent_button, self.save_button, self.find_button,
        ):  # fmt: skip
            one.setEnabled(not busy)
        opened = self._controller.opened
        missing = [] if opened is None else sorted(opened.missing)
        self.find_button.setVisible(bool(missing))
        if opened is not None and missing:
            loop = opened.project.manifest.loop(missing[0])
            self.find_button.setText(f"Find the loop {loop.name}…")
            self.find_button.setToolTip(opened.missing[missing[0]])
        self.back_button.setVisible(bool(self._controller.deleted()))

    def _open(self) -> None:
        name = QFileDialog.getExistingDirectory(self, f"Open a project (*{SUFFIX})")
        if name:
            self._controller.open(Path(name))

    def _fill_recent(self) -> None:
        self.recent_menu.clear()
        paths = self._controller.recent.paths()
        for path in paths:
            self._add_recent(path.stem, path).setToolTip(str(path))
        for item in self._controller.recent.recoverable():
            if item.unsaved:
                text = f"Not named, {item.when:%d %b %H:%M}"
                self._add_recent(text, item.folder)
        if self.recent_menu.isEmpty():
            self._add_recent("None yet", None).setEnabled(False)
        self.recent_menu.setToolTipsVisible(True)

    def _add_recent(self, text: str, folder: Path | None) -> QAction:
        """Add an entry to the menu of recent projects, which opens `folder`, if any."""
        action = QAction(text, self.recent_menu)
        if folder is not None:
            action.triggered.connect(lambda _=False: self._controller.open(folder))
        self.recent_menu.addAction(action)
        return action

    def _save(self) -> None:
        kinds = f"Projects (*{SUFFIX})"
        target = ask_target(self, "Save the project", f"angiograms{SUFFIX}", kinds)
        if target is not None:
            with errors_shown():
                self._controller.save_as(target)
            self.refresh()

    def _find(self) -> None:
        opened = self._controller.opened
        if opened is None or not opened.missing:
            return
        name, _ = QFileDialog.getOpenFileName(self, self.find_button.text())
        if name:
            self._controller.find_loop(min(opened.missing), Path(name))
            self.refresh()


def _state(controller: ProjectController) -> tuple[str, str]:
    """Return a colour and a sentence that say whether all strokes are saved."""
    status = controller.status
    if controller.busy:
        return WAITING, "Reading and writing…"
    if status.state == "failing":
        return REFUSED, (
            f"{status.message}. What you paint stays in memory and is written as soon "
            "as that is possible."
        )
    if status.state == "nothing" or controller.project is None:
        return WAITING, ""
    when = time.strftime("%H:%M:%S", time.localtime(status.at))
    return KEPT, f"All changes are kept; the last at {when}."


def _shortened(path: Path) -> str:
    text = str(path)
    return text if len(text) <= LONGEST_PATH else f"…{text[-LONGEST_PATH:]}"
