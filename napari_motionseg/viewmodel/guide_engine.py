"""Compute masks of clicks and flow of arrows for a window, in any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.errors import MotionSegError
from napari_motionseg.guidance.carrying import carried_clicks
from napari_motionseg.guidance.flow_of_arrows import guided_flow
from napari_motionseg.guidance.mask_of_clicks import (
    Extent,
    check_clicks,
    click_scores,
)
from napari_motionseg.guidance.points import Arrow, Clicks, Point, check_inside
from napari_motionseg.models.torch_loading import (
    beside_the_window,
    load_torch,
)
from napari_motionseg.viewmodel.frame_guidance import ObjectClicks
from napari_motionseg.viewmodel.session import Loop

if TYPE_CHECKING:
    from napari_motionseg.guidance import PreparedFrame, Propagator
    from napari_motionseg.motion import FlowSequence

KEPT_FRAMES = 3  # frames whose features stay in memory, each about 80 MiB at 512 px
Flow = NDArray[np.float32]


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
    extent
        Name of what the clicks mean, see `click_scores`.
    """

    loop: Loop
    t: int
    clicks: Clicks
    extent: Extent = "branch"


@dataclass(frozen=True, eq=False)
class ClickAnswer:
    """Scores ``(H, W)`` of a question, or a sentence on why there are none.

    With scores, the sentence says which clicks have no effect.
    """

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

    Nothing is loaded before the first question, and whichever thread asks it loads the
    network. That is never the thread of a window.

    Parameters
    ----------
    device
        Device of the network, see `resolve_device`.
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self._lock = threading.RLock()
        self._propagator: Propagator | None = None
        self._prepared: dict[int, PreparedFrame] = {}
        self._prepared_of: Callable[[], Loop | None] = lambda: None
        self._flows: dict[int, tuple[Loop, FlowSequence]] = {}

    @property
    def is_loaded(self) -> bool:
        """Whether the network is loaded, so that a question is answered at once."""
        return self._propagator is not None

    def scores(self, question: ClickQuestion) -> ClickAnswer:
        """Return the scores of clicks, or the reason why there are none."""
        clicks = question.clicks
        try:
            with self._answering(question.loop, question.t) as (propagator, prepared):
                if not clicks.points:
                    return ClickAnswer(question)
                inside = find_cine_field_of_view(question.loop.cine).mask
                seen, told = _seen(clicks, inside)
                if told and not seen.points:
                    return ClickAnswer(question, None, told)
                shape = inside.shape[0], inside.shape[1]
                check_clicks(seen, shape, question.extent, inside)
                scores = click_scores(propagator, prepared, seen, question.extent)
        except MotionSegError as error:
            return ClickAnswer(question, None, sentence(error))
        return ClickAnswer(question, scores * inside, told)

    def flow(self, question: ArrowQuestion) -> ArrowAnswer:
        """Return the flow of arrows, or the reason why there is none."""
        loop, frame = question.loop, question.loop.cine.normalized(question.t)
        try:
            with self._answering(loop, question.t) as (propagator, prepared):
                inside = find_cine_field_of_view(loop.cine).mask
                found = guided_flow(propagator, prepared, question.arrows, field=inside)
        except MotionSegError as error:
            return ArrowAnswer(question, frame, message=sentence(error))
        measured, why = None, ""
        if question.measured:
            measured, why = self.measured(loop, question.t)
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
                moved = tuple(_moved(one, flow.forward[t], backward) for one in objects)
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

    @contextmanager
    def _answering(
        self, loop: Loop, t: int
    ) -> Iterator[tuple[Propagator, PreparedFrame]]:
        """Provide the network and the features of a frame to one thread at a time.

        Two threads would compute the same features, and take the processor from each
        other and from the window.
        """
        frame = loop.cine.normalized(t)
        with self._lock:
            if self._propagator is None:
                self._propagator = _loaded(self.device, frame)
            if self._prepared_of() is not loop:
                self._prepared, self._prepared_of = {}, ref(loop)
            if t not in self._prepared:
                recent = list(self._prepared.items())[1 - KEPT_FRAMES :]
                self._prepared = {**dict(recent), t: self._propagator.prepare(frame)}
            yield self._propagator, self._prepared[t]


def _loaded(device: str, frame: NDArray[np.float32]) -> Propagator:
    """Load torch and the network, and let it answer a first click on a frame.

    The first answer of a process takes longer, because torch chooses its algorithms.
    The user's first click does not wait for that.
    """
    load_torch()
    with beside_the_window():
        from napari_motionseg.guidance import load_propagator

        propagator = load_propagator(device=device)
        middle = Clicks(((frame.shape[0] // 2, frame.shape[1] // 2),))
        click_scores(propagator, propagator.prepare(frame), middle)
    return propagator


def _moved(one: ObjectClicks, flow: Flow, backward: Flow | None) -> ObjectClicks:
    """Return the clicks on an object in the next frame, as a proposal."""
    clicks = carried_clicks(one.clicks, flow, backward)
    lost = one.lost + len(one.clicks.points) - len(clicks.points)
    return replace(one, clicks=clicks, proposed=True, lost=lost)


def _seen(clicks: Clicks, field: NDArray[np.bool_]) -> tuple[Clicks, str]:
    """Return the clicks in the field of view, and a sentence on the others."""
    told: dict[Point, str] = {}
    for point in clicks.points:
        try:
            check_inside((point,), (field.shape[0], field.shape[1]), field)
        except MotionSegError as error:
            told[point] = sentence(error)
    positive, negative = (
        tuple(point for point in points if point not in told)
        for points in (clicks.positive, clicks.negative)
    )
    return Clicks(positive, negative), next(iter(told.values()), "")


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
