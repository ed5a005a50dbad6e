"""What the explorer shows of one frame, as a plain question and its answer. No GUI."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding import FLOW_KERNELS, FrameVectors, carried, separation
from napari_motionseg.embedding.embedding_views import VIEWS, How, Pictures, Subject
from napari_motionseg.embedding.features import class_probabilities
from napari_motionseg.embedding.figure import FigureRow
from napari_motionseg.embedding.frame_vectors import Pixel
from napari_motionseg.embedding.grid import Grid
from napari_motionseg.embedding.pixel_profile import PixelProfile, pixel_profile
from napari_motionseg.embedding.projection import Method
from napari_motionseg.embedding.separation import Separation
from napari_motionseg.embedding.similarity import combine
from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.lru_cache import LRUCache
from napari_motionseg.motion import FlowSequence
from napari_motionseg.motion.frame_motion import entry_at
from napari_motionseg.viewmodel.frame_embeddings import frame_embedding
from napari_motionseg.viewmodel.session import Loop, Model, Session

FRAMES_AT_HAND = 3  # frames in float32 whose maps are made at once
Position = tuple[float, float]


@dataclass(frozen=True)
class Choices:
    """What a person has chosen; plain values, so that two can be compared.

    Parameters
    ----------
    names
        Of `VIEWS`.
    over
        Whether views lie over the loop; else they stand beside it.
    method, seed
        Of the projection, see `Palette.of`.
    how
        What several anchors make, see `Subject`.
    carry
        Whether anchors go along the flow.
    kernel
        Of `FLOW_KERNELS`.
    shift
        Rows and columns of the shifted similarities.
    """

    names: tuple[str, ...] = ()
    over: bool = False
    method: Method = "random"
    seed: int = 0
    how: How = "max"
    carry: bool = False
    kernel: str = "relative"
    shift: tuple[int, int] = (5, 5)


@dataclass(frozen=True)
class Anchors:
    """Where anchors are on the frame that they were set on."""

    positions: tuple[Position, ...] = ()
    frame: int = 0


@dataclass(frozen=True, eq=False)
class Look:
    """What is wanted to be seen.

    Parameters
    ----------
    session, layer, loop
        The loop, and the layer that shows it, which is an opaque key here.
    models
        One checkpoint, or two side by side.
    t
        The frame.
    choices, anchors
        What a person has chosen.
    painted
        ``(H, W)`` labels of the frame, or None.
    """

    session: Session
    layer: Any
    loop: Loop
    models: tuple[Model, ...]
    t: int
    choices: Choices
    anchors: Anchors
    painted: NDArray[Any] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self.loop.cine.shape[1:]


@dataclass(frozen=True, eq=False)
class Found:
    """What a thread has found.

    Parameters
    ----------
    look
        What was asked.
    subjects
        Of each checkpoint.
    pictures
        Of each checkpoint, by name.
    positions
        Of the anchors on this frame.
    separation
        Of similarity on and off the labels, or None.
    remarks
        What a person should know.
    """

    look: Look
    subjects: tuple[Subject, ...]
    pictures: tuple[dict[str, Any], ...]
    positions: tuple[Position, ...]
    separation: Separation | None
    remarks: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The pictures, in the order in which they stand."""
        return tuple(self.pictures[0])

    @property
    def grid(self) -> Grid:
        """Where they stand."""
        beside = 0 if self.look.choices.over else len(self.names)
        return Grid(self.look.size, len(self.pictures), beside)

    def profile(self, pixel: tuple[int, int], model: int) -> PixelProfile:
        """Return what is known of a pixel."""
        subject, look = self.subjects[model], self.look
        network: Any = look.session.network(look.models[model].path)
        return pixel_profile(
            pixel,
            look.loop.cine.normalized(look.t),
            subject.vectors,
            subject.flow,
            self.pictures[model].get("similarity"),
            class_probabilities(network, subject.vectors.at([pixel])[0]),
        )

    def figure_rows(self) -> list[FigureRow]:
        """Return what a figure of this is drawn of."""
        frame = self.look.loop.cine.normalized(self.look.t)
        return [
            FigureRow(model.title, frame, pictures, subject.anchors)
            for model, pictures, subject in zip(
                self.look.models, self.pictures, self.subjects, strict=True
            )
        ]


@dataclass(eq=False)
class Desk:
    """What stays at hand from one look to the next; one thread at a time uses it."""

    vectors: LRUCache[FrameVectors] = field(
        default_factory=lambda: LRUCache(FRAMES_AT_HAND, lambda _: 1)
    )
    pictures: tuple[Pictures, Pictures] = field(
        default_factory=lambda: (Pictures(), Pictures())
    )
    flow: tuple[FlowSequence | None, int, NDArray[np.float32] | None] = (None, 0, None)

    def find(self, look: Look) -> Found:
        """Compute what is wanted to be seen."""
        flow = self._flow(look)
        positions = _positions(look)
        anchors, remarks = _inside(positions, look.size)
        subjects, pictures = [], []
        for index, model in enumerate(look.models):
            vectors = self._vectors(look, model)
            palettes = look.loop.palettes[model.path]
            subject = Subject(
                vectors=vectors,
                palette=palettes.palette(look.choices.method, look.choices.seed),
                flow=flow,
                anchors=anchors,
                how=look.choices.how,
                kernel=FLOW_KERNELS[look.choices.kernel],
                shift=_fitting(look.choices.shift, look.size),
            )
            subjects.append(subject)
            pictures.append(self.pictures[index].of(look.choices.names, subject))
        remarks += _missing(look, flow, anchors)
        apart, why = _separation(look, subjects[0])
        return Found(
            look, tuple(subjects), tuple(pictures), positions, apart, remarks + why
        )

    def _vectors(self, look: Look, model: Model) -> FrameVectors:
        key = (look.loop.token, model.path, look.t)
        kept = self.vectors.get(key)
        if kept is None:
            embedding = frame_embedding(look.session, look.loop, model.path, look.t)
            kept = FrameVectors(embedding)
            self.vectors.put(key, kept)
        return kept

    def _flow(self, look: Look) -> NDArray[np.float32] | None:
        """Return the flow that begins at the frame; the same array each time."""
        sequence = look.loop.flow
        if self.flow[:2] != (sequence, look.t):
            entry = None if sequence is None else entry_at(sequence, look.t)
            field = None
            if sequence is not None and entry is not None:
                field = np.array(sequence.forward[entry], np.float32)
            self.flow = (sequence, look.t, field)
        return self.flow[2]


def _positions(look: Look) -> tuple[Position, ...]:
    """Return where anchors are on the frame that is shown."""
    flow, anchors = look.loop.flow, look.anchors
    if not look.choices.carry or flow is None or anchors.frame == look.t:
        return anchors.positions
    return tuple(
        carried(flow, position, anchors.frame, look.t) for position in anchors.positions
    )


def _inside(
    positions: Sequence[Position], size: tuple[int, int]
) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
    """Return the anchors inside the picture, as pixels, and what to say of others."""
    inside = [
        (round(row), round(column))
        for row, column in positions
        if not math.isnan(row)
        and 0 <= round(row) < size[0]
        and 0 <= round(column) < size[1]
    ]
    lost = len(positions) - len(inside)
    words = "An anchor has" if lost == 1 else f"{lost} anchors have"
    return tuple(inside), (f"{words} left the picture.",) if lost else ()


def _fitting(shift: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    dy, dx = (int(np.clip(s, 1 - n, n - 1)) for s, n in zip(shift, size, strict=True))
    return dy, dx


def _missing(
    look: Look, flow: NDArray[np.float32] | None, anchors: tuple[Pixel, ...]
) -> tuple[str, ...]:
    """Say what keeps views from being made."""
    views = [VIEWS[name] for name in look.choices.names]
    words = _no_flow(look) if flow is None and any(v.needs_flow for v in views) else ""
    probe = any(view.needs_anchor for view in views)
    click = "" if anchors or not probe else "Click into a picture to set the anchor."
    return tuple(filter(None, (click, words)))


def _no_flow(look: Look) -> str:
    if not look.loop.cine.frames.usable(look.t):
        return "This frame is damaged: it is blank, and nothing on it means anything."
    if len(look.loop.cine) < 2:
        return "A single frame has no flow: its flow views are left out."
    if look.loop.flow is None:
        return "Flow views need flow, and none is estimated yet."
    if look.t in look.loop.flow.missing:
        return "No flow begins at this frame: the one that it leads to is damaged."
    last = len(look.loop.flow) - 1
    return f"No flow begins at this frame; the last begins at {last}."


def _separation(
    look: Look, subject: Subject
) -> tuple[Separation | None, tuple[str, ...]]:
    if look.painted is None or not subject.anchors:
        return None, ()
    if not look.loop.cine.frames.usable(look.t):
        return None, ("Histogram: this frame is damaged.",)
    how = "max" if subject.how == "each" else subject.how
    similarity = combine(subject.vectors.similarity(subject.anchors), how)
    try:
        return separation(similarity, look.painted > 0), ()
    except (LabelError, SettingsError) as error:
        return None, (f"Histogram: {error}.",)
