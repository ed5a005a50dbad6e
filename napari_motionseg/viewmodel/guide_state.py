"""Hold the state of the Guide dock: clicks on objects, their masks, and arrows.

The state is a plain object with signals and without Qt. It asks for what has to be
computed, and gets the answers back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_motionseg.guidance.mask_of_clicks import (
    mask_note,
    mask_of_scores,
    own_points,
)
from napari_motionseg.guidance.points import Clicks, Point
from napari_motionseg.viewmodel.arrow_guidance import ArrowGuidance
from napari_motionseg.viewmodel.guide_engine import (
    CarryAnswer,
    CarryQuestion,
    ClickAnswer,
    ClickQuestion,
    sentence,
)
from napari_motionseg.viewmodel.painting import (
    label_of,
    overwrite_frame,
    painted_frame,
)
from napari_motionseg.viewmodel.session import Session


class GuideState(ArrowGuidance):
    """A frame whose clicks become masks, and whose arrows become flow.

    Parameters
    ----------
    session
        The session of the viewer.

    Attributes
    ----------
    clicks_asked, carry_asked
        Emitted with a question, whose answer goes to `clicks_answered` or `carried`.
    """

    clicks_asked: ClassVar[Signal] = Signal(object)
    carry_asked: ClassVar[Signal] = Signal(object)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.scores: NDArray[np.float32] | None = None
        self._scored = Clicks(())  # the clicks that the scores are of
        self._told = ""  # what the answer says about the clicks
        self._cut: tuple[Any, Any, NDArray[np.bool_]] | None = None
        self._wakes = False  # whether the next frame is asked for without clicks
        self._when_scored: Callable[[], None] | None = None

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """Mask ``(H, W)`` of the current object, or None."""
        scores, choices = self.scores, self.choices
        if scores is None:
            return None
        made_with = choices.threshold, own_points(self._scored, choices.extent)
        cut = self._cut
        if cut is None or cut[0] is not scores or cut[1] != made_with:
            self._cut = cut = scores, made_with, mask_of_scores(scores, *made_with)
        return cut[2]

    def choose(self, **changes: Any) -> None:
        """Change choices, see `ClickChoices`; only the threshold needs no network."""
        before, self.choices = self.choices, replace(self.choices, **changes)
        self._keep()
        if self.choices.needs_network(before):
            self._scored = Clicks(())
            self._ask()
        else:
            self._show_scores()

    def choose_class(self, number: int) -> None:
        """Choose the class of the current object; 0 is the background."""
        current = replace(self.here.current, number=number)
        self.book.put(self.t, replace(self.here, current=current))
        self._keep()
        self.changed.emit()

    def wake(self) -> None:
        """Ask for a frame without clicks, so that the network is loaded meanwhile."""
        self._wakes = True
        self._ask()

    # clicks

    def click(self, point: Point, positive: bool) -> None:
        """Add a point on the current object, or beside it.

        After a mask was accepted that is still computed, the point waits for it,
        because it belongs to the next object.
        """
        accepting = self._when_scored
        if accepting is not None:

            def accept_first() -> None:
                accepting()
                self.click(point, positive)

            self._when_scored = accept_first
            return
        current = self.here.current.with_point(point, positive)
        self._change(replace(self.here, current=current))

    def remove_near(self, point: Point, reach: float) -> bool:
        """Remove the nearest click or arrow within `reach` px; return whether one was.

        Parameters
        ----------
        point
            Row and column in px.
        reach
            Largest distance in px.
        """
        if self.tool == "arrows":
            return self._change(self.here.without_arrow(point, reach))
        current = self.here.current.without(point, reach)
        return self._change(replace(self.here, current=current))

    def drop_object(self) -> None:
        """Remove all clicks on the current object; a waiting one takes its place."""
        self._change(self.here.next_object())

    # masks

    def accept(
        self, painting: Any, mode: str, then: Callable[[], None] | None = None
    ) -> None:
        """Write the mask into a labels layer, as soon as it is that of the clicks.

        Parameters
        ----------
        painting
            The labels layer of the loop.
        mode
            The label mode of a layer of another origin, see `label_of`.
        then
            Function that is called after the mask was written.
        """
        clicks = self.here.current.clicks
        if clicks.points and self._scored != clicks:
            self._when_scored = lambda: self.accept(painting, mode, then)
        elif self._write(painting, mode) and then is not None:
            then()

    def _write(self, painting: Any, mode: str) -> bool:
        """Write the mask into a labels layer, and return whether there was one."""
        mask, before, t = self.mask, self.here, self.t
        if mask is None or not mask.any():
            return False
        old = painted_frame(painting, t).copy()
        new = old.copy()
        new[mask] = label_of(painting, mode, before.current.number)
        overwrite_frame(painting, t, new)

        def take_back() -> None:
            self.book.put(t, before)
            if np.array_equal(painted_frame(painting, t), new):
                overwrite_frame(painting, t, old)

        self.book.put(t, before.accepted())
        self.book.remember(take_back)
        self._keep()
        self._refresh()
        return True

    # carrying

    def carry(self, count: int = 1) -> None:
        """Carry the clicked objects of the frame to the next frames, as proposals."""
        objects = self.here.objects
        if self.loop is None or not objects:
            self.say("Click an object first; its clicks can then be carried on.")
            return
        self.carry_asked.emit(CarryQuestion(self.loop, self.t, objects, count))

    def carried(self, answer: CarryAnswer) -> None:
        """Take over carried clicks; where the user clicks already, they wait."""
        if answer.question.loop is self.loop:
            self.book.propose(answer.frames)
            self._keep()
            if self.t in answer.frames:
                self._ask()
            self.say(answer.message)

    # questions and answers

    def clicks_answered(self, answer: ClickAnswer) -> None:
        """Show the scores of the clicks, if they are still what is asked."""
        asked, clicks = answer.question, self.here.current.clicks
        same = asked.loop is self.loop and asked.t == self.t
        if same and clicks.points and asked.clicks == clicks:
            self.scores, self.message = answer.scores, answer.message
            self._told = answer.message
            self._scored, wanted = clicks, self._when_scored
            self._when_scored = None
            if wanted is not None:
                wanted()
            self._show_scores()

    def _ask(self) -> None:
        """Ask for the scores of the clicks and the flow of the arrows."""
        self.message, self._when_scored = "", None
        clicks = self.here.current.clicks
        if not clicks.points:
            self.scores = None
        wanted = clicks.points or self.tool is not None or self._wakes
        if self.loop is not None and wanted:
            self._wakes = False
            self.clicks_asked.emit(
                ClickQuestion(self.loop, self.t, clicks, self.choices.extent)
            )
        self._ask_flow()
        self.changed.emit()

    def _forget(self) -> None:
        super()._forget()
        self.scores = self._when_scored = None
        self._scored = Clicks(())

    def _show_scores(self) -> None:
        mask, scores = self.mask, self.scores
        if mask is not None and scores is not None:
            note = mask_note(mask, scores, self.choices.threshold)
            self.message = sentence(note) or self._told
        self.changed.emit()
