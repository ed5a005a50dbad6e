"""Hold the arrows on a frame, and the flow that follows from them."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from psygnal import Signal

from napari_motionseg.guidance.points import Arrow
from napari_motionseg.viewmodel.guide_engine import ArrowAnswer, ArrowQuestion
from napari_motionseg.viewmodel.guide_frame import GuideFrame
from napari_motionseg.viewmodel.session import Session


class ArrowGuidance(GuideFrame):
    """A frame whose arrows and still points become flow.

    Parameters
    ----------
    session
        The session of the viewer.

    Attributes
    ----------
    arrows_asked
        Emitted with an `ArrowQuestion`, whose answer goes to `arrows_answered`.
    """

    arrows_asked: ClassVar[Signal] = Signal(object)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.comparing = False
        self.guided: ArrowAnswer | None = None
        self._pulled: Arrow | None = None

    @property
    def arrows(self) -> tuple[Arrow, ...]:
        """The arrows of the frame, with the one that is being drawn."""
        drawn = () if self._pulled is None else (self._pulled,)
        return (*self.here.arrows, *drawn)

    @property
    def drawing(self) -> bool:
        """Whether the pointer still draws an arrow."""
        return self._pulled is not None

    def pull(self, arrow: Arrow | None) -> None:
        """Show the flow of an arrow while the pointer still draws it; None ends it."""
        self._pulled = arrow
        self._ask_flow()
        self.changed.emit()

    def add_arrow(self, arrow: Arrow) -> None:
        """Add an arrow, or a still point if it has no length."""
        self._pulled = None
        self._change(self.here.with_arrow(arrow))

    def clear_arrows(self) -> None:
        """Remove all arrows and still points of the frame."""
        self._change(replace(self.here, arrows=()))

    def compare(self, wanted: bool) -> None:
        """Choose whether the measured flow is shown beside the guided one."""
        self.comparing = wanted
        self._ask_flow()
        self.changed.emit()

    def arrows_answered(self, answer: ArrowAnswer) -> None:
        """Show the flow of arrows; while one is being drawn, also a slightly older."""
        asked = answer.question
        same = asked.loop is self.loop and asked.t == self.t and bool(self.arrows)
        if same and (self._pulled is not None or asked.arrows == self.arrows):
            self.guided = answer
            self.say(answer.message)

    def _ask_flow(self) -> None:
        if self.loop is None or not any(arrow.length for arrow in self.arrows):
            self.guided = None
            if self.arrows:
                self.message = "Drag an arrow as well: still points move nothing."
            return
        measured = self.comparing and self._pulled is None
        self.arrows_asked.emit(ArrowQuestion(self.loop, self.t, self.arrows, measured))

    def _forget(self) -> None:
        super()._forget()
        self.guided = self._pulled = None
