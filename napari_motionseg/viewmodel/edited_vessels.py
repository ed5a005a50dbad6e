"""Hold the vessels of a loop while they are edited, and undo what was changed."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from psygnal import Signal

from napari_motionseg.viewmodel.undo_stack import UndoStack
from napari_motionseg.viewmodel.vessel_notes import LoopNotes, VesselNotes


class EditedVessels:
    """The notes of a loop, which vessel is edited, and the earlier notes.

    Attributes
    ----------
    edited
        Emitted after the notes have changed.
    replaced
        Emitted with the notes before, after the points of the current vessel have
        changed without a click: by undo, or because another vessel is edited.
    """

    edited: ClassVar[Signal] = Signal()
    replaced: ClassVar[Signal] = Signal(object)

    def __init__(self) -> None:
        self._undo = UndoStack(LoopNotes())

    def start(self, notes: LoopNotes | None) -> None:
        """Begin with the notes of a loop; None for none. Nothing can be undone."""
        self._undo = UndoStack(notes or LoopNotes())

    @property
    def notes(self) -> LoopNotes:
        """The user's points and choices in this loop."""
        return self._undo.value

    @property
    def vessel(self) -> VesselNotes:
        """The vessel that is edited."""
        return self.notes.vessel

    @property
    def can_undo(self) -> bool:
        """Whether a change can be undone."""
        return self._undo.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether a change can be made again."""
        return self._undo.can_redo

    def edit(self, notes: LoopNotes, kind: str = "") -> None:
        """Replace the notes; see `UndoStack.change` for the kind."""
        self._undo.change(notes, kind)
        self.edited.emit()

    def hold(self, held: bool) -> None:
        """Make the changes of a drag one step; see `UndoStack.hold`."""
        self._undo.hold(held)

    def show(self, number: int) -> None:
        """Edit another vessel, given its number; this is no change to undo."""
        before = self.notes
        if number != before.current:
            self._undo.value = replace(before, current=number)
            self.replaced.emit(before)

    def add(self) -> None:
        """Begin another vessel; nothing happens while the current one has no points."""
        if self.vessel.places:
            before = self.notes
            self.edit(before.with_new())
            self.replaced.emit(before)

    def remove(self) -> None:
        """Remove the current vessel with its points."""
        before = self.notes
        self.edit(before.without_current())
        self.replaced.emit(before)

    def undo(self) -> None:
        """Undo the last change of vessels, points, markers, borders or choices."""
        before = self.notes
        if self._undo.undo():
            self._went(before)

    def redo(self) -> None:
        """Make the change again that was undone last."""
        before = self.notes
        if self._undo.redo():
            self._went(before)

    def _went(self, before: LoopNotes) -> None:
        self.replaced.emit(before)
        self.edited.emit()
