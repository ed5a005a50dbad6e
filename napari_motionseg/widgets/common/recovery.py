"""Offer to recover work of an earlier window, on top of every dock."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from napari_motionseg.cine import Cine
from napari_motionseg.project import Recoverable
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.dock_layout import button
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.plain_labels import WrappedLabel, plain_label
from napari_motionseg.widgets.common.project_controller import (
    ProjectController,
    controller_of,
)
from napari_motionseg.widgets.common.viewers import errors_shown, is_loop, unwrapped

_offers: WeakKeyDictionary[Viewer, RecoveryOffer] = WeakKeyDictionary()


def recovery_of(viewer: Viewer) -> RecoveryOffer:
    """Return the offer that the docks of `viewer` share, creating it if needed."""
    viewer = unwrapped(viewer)
    if viewer not in _offers:
        _offers[viewer] = RecoveryOffer(controller_of(viewer))
    return _offers[viewer]


def open_sources(viewer: Viewer) -> list[Path]:
    """Return the files of the loops that are open in a viewer."""
    cines = [x.metadata.get("cine") for x in viewer.layers if is_loop(x)]
    return [x.source for x in cines if isinstance(x, Cine) and x.source is not None]


class RecoveryOffer(QObject):
    """Find work that can be recovered, and open it if the user agrees.

    The list is read in a thread, soon after the offer is created and whenever a loop is
    opened. It consists of a few small files for each project, of which there may be
    many, also on another computer.

    Parameters
    ----------
    controller
        The controller of the viewer's project.

    Signals
    -------
    changed
        Emitted when the work on offer has changed.
    """

    changed = Signal()

    def __init__(self, controller: ProjectController) -> None:
        super().__init__()
        self._controller = controller
        self._waiting: list[Recoverable] = []
        self._put_off: set[Path] = set()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.look)
        self._search = Latest(self, self._found)
        listen(self, controller.viewer.layers.events.inserted, self._inserted)
        controller.changed.connect(self.look)
        self._soon.start(0)

    @property
    def busy(self) -> bool:
        """Whether the list of recoverable work is being read, or about to be."""
        return self._soon.isActive() or self._search.busy

    @property
    def waiting(self) -> list[Recoverable]:
        """All work that can be recovered and was not put off, the latest first."""
        return [item for item in self._waiting if item.folder not in self._put_off]

    @property
    def item(self) -> Recoverable | None:
        """Work on an open loop; if no loop is open, the latest work of all."""
        sources = open_sources(self._controller.viewer)
        fitting = [x for x in self.waiting if not sources or x.is_about(sources)]
        return next(iter(fitting), None)

    def look(self) -> None:
        """Read the list of recoverable work again."""
        self._search.ask(self._controller.recent.recoverable)

    def _found(self, waiting: list[Recoverable]) -> None:
        self._waiting = waiting
        self.changed.emit()

    def recover(self, item: Recoverable) -> None:
        """Open the work instead of the viewer's project."""
        self.put_off(item)
        self._controller.open(item.folder)

    def put_off(self, item: Recoverable) -> None:
        """Do not offer the work again in this window."""
        self._put_off.add(item.folder)
        self.changed.emit()

    def discard(self, item: Recoverable) -> None:
        """Delete work that was never saved under a name."""
        with errors_shown():
            self._controller.recent.discard(item.folder)
        self.put_off(item)

    def _inserted(self, event: Any) -> None:
        if is_loop(event.value):
            self._soon.start(0)  # wait, because several loops may be added at once


class RecoveryBanner(QFrame):
    """Banner on top of a dock that shows the offer, if there is one.

    Parameters
    ----------
    offer
        The offer that all docks of a viewer share.
    of_any_loop
        Whether work on loops that are not open is offered too.
    """

    def __init__(self, offer: RecoveryOffer, *, of_any_loop: bool = False) -> None:
        super().__init__()
        self._offer, self._of_any_loop = offer, of_any_loop
        self._item: Recoverable | None = None
        self.setObjectName("banner")
        self.setStyleSheet(
            "#banner { border: 1px solid #4aa3df; border-radius: 4px; "
            "background: rgba(74, 163, 223, 35); }"
        )
        self.title = plain_label("Pick up where you were?")
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.text = WrappedLabel()
        self.recover_button = button("Recover", "Open it, to the last stroke")
        self.later_button = button(
            "Not now", "Leave it where it is; the next start offers it again, and so "
            "does Recent in the Project dock",
        )  # fmt: skip
        self.discard_button = button("Discard", "Delete it for good")
        row = QHBoxLayout()
        for one, slot in (
            (self.recover_button, offer.recover), (self.later_button, offer.put_off),
            (self.discard_button, offer.discard),
        ):  # fmt: skip
            one.clicked.connect(lambda _=False, act=slot: self._act(act))
            row.addWidget(one)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addWidget(self.title)
        layout.addWidget(self.text)
        layout.addLayout(row)
        offer.changed.connect(self._show_offer)
        self._show_offer()

    def _show_offer(self) -> None:
        item = self._offer.item
        if item is None and self._of_any_loop:
            item = next(iter(self._offer.waiting), None)
        self._item = item
        if item is not None:
            self.text.setText(item.words())
            self.discard_button.setVisible(item.unsaved)
        self.setVisible(item is not None)

    def _act(self, act: Any) -> None:
        if self._item is not None:
            act(self._item)
