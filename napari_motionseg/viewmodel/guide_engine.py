"""Compute masks of clicks and flow of arrows for a window, in any thread."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.errors import MotionSegError
from napari_motionseg.guidance.points import Arrow, Clicks
from napari_motionseg.viewmodel.frame_guidance import ObjectClicks
from napari_motionseg.viewmodel.session import Loop

if TYPE_CHECKING:
    from napari_motionseg.guidance import PreparedFrame, Propagator
    from napari_motionseg.motion import FlowSequence

KEPT_FRAMES = 3  # frames whose features stay in memory, each about 80 MiB at 512 px
Flow = NDArray[np.float32]
Key = tuple[int, int, Any]


@dataclass(frozen=True, eq=False)
class ClickQuestion:
    """Request for the scores of the clicks on a frame.

    Parameters
    ----------
    loop
        The loop.
    t
        Index of the frame.
    clicks
        The clicks; without any, the frame is only prepared for them.
    extent, directions
        As in `click_scores`.
    zoomed
        Whether the network looks at a window around the clicks.
    """

    loop: Loop
    t: int
    clicks: Clicks
    extent: Any = "branch"
    directions: int = 2
    zoomed: bool = False


@dataclass(frozen=True, eq=False)
class ClickAnswer:
    """Scores ``(H, W)`` of a question, or a sentence on why there are none."""

    question: ClickQuestion
    scores: NDArray[np.float32] | None = None
    message: str = ""


@dataclass(frozen=True, eq=False)
class ArrowQuestion:
    """Request for the flow that follows from arrows.

    Parameters
    ----------
    loop
        The loop.
    t
        Index of the frame.
    arrows
        Motions of points, and still points.
    measured
        Whether the measured flow of the frame is wanted as well.
    """

    loop: Loop
    t: int
    arrows: tuple[Arrow, ...]
    measured: bool = False


@dataclass(frozen=True, eq=False)
class ArrowAnswer:
    """The flow of a question, or a sentence on why there is none.

    Parameters
    ----------
    question
        What was asked.
    frame
        The frame ``(H, W)`` in [0, 1].
    flow
        Guided flow ``(2, H, W)`` in px, or None.
    measured
        Measured flow ``(2, H, W)`` in px to the next frame, or None.
    message
        A sentence for the user; may be empty.
    """

    question: ArrowQuestion
    frame: NDArray[np.float32]
    flow: Flow | None = None
    measured: Flow | None = None
    message: str = ""


@dataclass(frozen=True, eq=False)
class CarryQuestion:
    """Request to carry the clicks of objects to the next frames.

    Parameters
    ----------
    loop
        The loop.
    t
        Index of the frame with the clicks.
    objects
        The objects with their clicks.
    count
        Number of frames to carry them to.
    """

    loop: Loop
    t: int
    objects: tuple[ObjectClicks, ...]
    count: int = 1


@dataclass(frozen=True, eq=False)
class CarryAnswer:
    """Carried objects by the index of their frame, and a sentence for the user."""

    question: CarryQuestion
    frames: dict[int, tuple[ObjectClicks, ...]] = field(default_factory=dict)
    message: str = ""


class GuideEngine:
    """Answer questions about clicks and arrows; each method may run in any thread.

    Parameters
    ----------
    device
        Device of the network, see `resolve_device`.
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self._lock = threading.Lock()
        self._propagator: Propagator | None = None
        self._prepared: dict[Key, PreparedFrame] = {}
        self._flows: dict[int, tuple[Loop, FlowSequence]] = {}

    def scores(self, question: ClickQuestion) -> ClickAnswer:
        """Return the scores of clicks, or the reason why there are none."""
        from napari_motionseg.guidance import click_scores
        from napari_motionseg.guidance.zoom import click_window, zoomed_scores

        frame = question.loop.cine.normalized(question.t)
        inside = find_cine_field_of_view(question.loop.cine).mask
        clicks = question.clicks
        try:
            if not clicks.points:
                self._prepare(question.loop, question.t, frame)
                return ClickAnswer(question)
            clicks.check((frame.shape[0], frame.shape[1]), inside)
            settings = question.directions, question.extent
            window = click_window(clicks, frame.shape) if question.zoomed else None
            if window is None:
                prepared = self._prepare(question.loop, question.t, frame)
                scores = click_scores(self._known(), prepared, clicks, *settings)
            else:
                prepared = self._prepare(question.loop, question.t, frame, window)
                scores = zoomed_scores(
                    self._known(), prepared, window, frame.shape, clicks, *settings
                )
        except MotionSegError as error:
            return ClickAnswer(question, None, sentence(error))
        return ClickAnswer(question, scores * inside)

    def flow(self, question: ArrowQuestion) -> ArrowAnswer:
        """Return the flow of arrows, or the reason why there is none."""
        from napari_motionseg.guidance import guided_flow

        frame = question.loop.cine.normalized(question.t)
        inside = find_cine_field_of_view(question.loop.cine).mask
        try:
            prepared = self._prepare(question.loop, question.t, frame)
            found = guided_flow(self._known(), prepared, question.arrows, field=inside)
        except MotionSegError as error:
            return ArrowAnswer(question, frame, message=sentence(error))
        measured, why = None, ""
        if question.measured:
            measured, why = self.measured(question.loop, question.t)
        message = " ".join(filter(None, (sentence(found.note), why)))
        return ArrowAnswer(question, frame, found.flow, measured, message)

    def measured(self, loop: Loop, t: int) -> tuple[Flow | None, str]:
        """Return the measured flow from a frame to the next, or why there is none."""
        if t + 1 >= len(loop.cine):
            return None, "The last frame has no measured flow to a next one."
        try:
            flow = self._flow_of(loop)
            if t in flow.missing:
                return None, f"Frame {t} or the next one is damaged."
            return np.asarray(flow.forward[t], np.float32), ""
        except MotionSegError as error:
            return None, sentence(error)

    def carried(self, question: CarryQuestion) -> CarryAnswer:
        """Return the clicks of objects on the next frames, along the measured flow."""
        from napari_motionseg.guidance import carried_clicks

        loop, objects = question.loop, question.objects
        frames: dict[int, tuple[ObjectClicks, ...]] = {}
        last = min(question.t + question.count, len(loop.cine) - 1)
        if last == question.t:
            return CarryAnswer(question, {}, "This is the last frame.")
        try:
            flow = self._flow_of(loop)
            for t in range(question.t, last):
                if t in flow.missing:
                    break
                backward = None if flow.backward is None else flow.backward[t]
                moved = tuple(
                    replace(one, proposed=True, clicks=carried_clicks(
                        one.clicks, flow.forward[t], backward))
                    for one in objects
                )  # fmt: skip
                objects = tuple(one for one in moved if one.clicks.positive)
                if not objects:
                    break
                frames[t + 1] = objects
        except MotionSegError as error:
            return CarryAnswer(question, frames, sentence(error))
        return CarryAnswer(question, frames, _carried_words(question, frames))

    def _flow_of(self, loop: Loop) -> FlowSequence:
        """Return flow from each frame to the next: the loop's own, or a new one."""
        if loop.flow is not None and loop.flow.gap == 1:
            return loop.flow
        from napari_motionseg.motion import FlowSettings
        from napari_motionseg.motion.estimators import lazy_flow

        known = self._flows.get(id(loop))
        if known is None:
            settings = FlowSettings(gap=1, backward=True, device=self.device)
            known = loop, lazy_flow(loop.cine, settings)
            self._flows = {id(loop): known}
        return known[1]

    def _known(self) -> Propagator:
        from napari_motionseg.guidance import load_propagator

        with self._lock:
            if self._propagator is None:
                self._propagator = load_propagator(device=self.device)
            return self._propagator

    def _prepare(
        self, loop: Loop, t: int, frame: NDArray[np.float32], window: Any = None
    ) -> PreparedFrame:
        """Return the features of a frame, or of a window of it."""
        key = id(loop), t, window
        found = self._prepared.get(key)
        if found is None:
            propagator = self._known()
            if window is None:
                found = propagator.prepare(frame)
            else:
                found = propagator.prepare(frame[window.slices], window.factor)
            kept: Sequence[Key] = [k for k in self._prepared if k[0] == id(loop)]
            recent = {k: self._prepared[k] for k in kept[1 - KEPT_FRAMES :]}
            self._prepared = {**recent, key: found}
        return found


def sentence(message: object) -> str:
    """Return a message as a sentence: with a capital letter and a full stop."""
    text = str(message).strip()
    if not text:
        return ""
    return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}"


def _carried_words(question: CarryQuestion, frames: dict[int, Any]) -> str:
    reached = max(frames, default=question.t)
    wanted = min(question.t + question.count, len(question.loop.cine) - 1)
    if reached < wanted:
        return (
            f"The clicks were lost after frame {reached}: their forward-backward error "
            "is too large, or the flow leads out of the frame."
        )
    return ""
