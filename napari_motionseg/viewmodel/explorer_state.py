"""Compute what the explorer shows of a frame: a request and its result, no GUI."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding import FLOW_KERNELS, FrameVectors, carried
from napari_motionseg.embedding.embedding_views import VIEWS, How, Pictures, Subject
from napari_motionseg.embedding.figure import FigureRow
from napari_motionseg.embedding.first_anchor import vessel_pixel
from napari_motionseg.embedding.frame_vectors import Pixel
from napari_motionseg.embedding.pixel_profile import PixelProfile, pixel_profile
from napari_motionseg.embedding.projection import Method
from napari_motionseg.embedding.separation import Separation, separation
from napari_motionseg.embedding.similarity import combine
from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.lru_cache import LRUCache
from napari_motionseg.motion import FlowSequence, SpeedScale
from napari_motionseg.motion.frame_motion import entry_at
from napari_motionseg.viewmodel.cells import CheckpointCells
from napari_motionseg.viewmodel.frame_embeddings import frame_embedding
from napari_motionseg.viewmodel.session import Loop, Model, Session

FRAMES_IN_FLOAT32 = 3  # frames in float32 whose maps are made at once
Position = tuple[float, float]


@dataclass(frozen=True)
class ExplorerChoices:
    """The user's choices in the explorer; plain values, so that two can be compared.

    Parameters
    ----------
    names
        Names of the views to show, from `VIEWS`.
    over
        Whether views are laid over the loop; else they stand beside it.
    method
        Method of the projection to colours, as in `Palette.of`.
    seed
        Seed of the projection, as in `Palette.of`.
    how
        Rule by which the maps of several anchors are combined, as in `Subject`.
    carry
        Whether anchors follow the flow from frame to frame.
    kernel
        Name of the kernel of flow similarity, from `FLOW_KERNELS`.
    shift
        Rows and columns by which the map of the shifted similarity is shifted.
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
    """Anchors as the user has set them.

    Parameters
    ----------
    positions
        Row and column of each anchor in px.
    frame
        Index of the frame that the anchors were set on.
    """

    positions: tuple[Position, ...] = ()
    frame: int = 0


@dataclass(frozen=True, eq=False)
class ExplorerRequest:
    """Request for the pictures of one frame.

    Parameters
    ----------
    session
        Session with the caches.
    layer
        Image layer of the loop, which is only a key here.
    loop
        Loop that the frame belongs to.
    models
        One checkpoint, or two to compare.
    t
        Index of the frame.
    choices
        Choices of the user in the explorer.
    anchors
        Anchors that the user has set.
    first_anchor
        Whether to set an anchor on the most vessel-like pixel if there is none.
    painted
        ``(H, W)`` labels of the frame, or None if nothing is painted.
    """

    session: Session
    layer: Any
    loop: Loop
    models: tuple[Model, ...]
    t: int
    choices: ExplorerChoices
    anchors: Anchors
    painted: NDArray[Any] | None = None
    first_anchor: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return self.loop.cine.shape[1:]


@dataclass(frozen=True, eq=False)
class ExplorerResult:
    """Pictures of one frame, with everything that they were made from.

    Parameters
    ----------
    request
        Request that was computed.
    subjects
        Embedding, flow and anchors that the views of each checkpoint are made of.
    pictures
        Views of each checkpoint by name.
    positions
        Row and column of each anchor on this frame; not a number where it is lost.
    separation
        Separation of painted pixels from others by their similarity, or None.
    no_separation
        Reason why there is no separation, or an empty text.
    remarks
        Sentences for the user, for example on views that cannot be made.
    """

    request: ExplorerRequest
    subjects: tuple[Subject, ...]
    pictures: tuple[dict[str, Any], ...]
    positions: tuple[Position, ...]
    separation: Separation | None
    no_separation: str
    remarks: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the views in the order in which they are shown."""
        return tuple(self.pictures[0])

    @property
    def grid(self) -> CheckpointCells:
        """The grid in which the views are shown."""
        beside = 0 if self.request.choices.over else len(self.names)
        return CheckpointCells(self.request.size, len(self.pictures), beside)

    def profile(self, pixel: tuple[int, int], model: int) -> PixelProfile:
        """Return the values of a pixel.

        Parameters
        ----------
        pixel
            Row and column of the pixel.
        model
            Index of the checkpoint.
        """
        from napari_motionseg.embedding.features import class_probabilities

        subject, request = self.subjects[model], self.request
        flow = request.loop.flow
        network: Any = request.session.network(request.models[model].path)
        return pixel_profile(
            pixel,
            request.loop.cine.normalized(request.t),
            subject.vectors,
            subject.flow,
            self.pictures[model].get("similarity"),
            class_probabilities(network, subject.vectors.at([pixel])[0]),
            scale=None if flow is None else SpeedScale.of(request.loop.cine, flow.gap),
        )

    def figure_rows(self) -> list[FigureRow]:
        """Return the rows of a figure of this result, one for each checkpoint."""
        frame = self.request.loop.cine.normalized(self.request.t)
        return [
            FigureRow(model.title, frame, pictures, subject.anchors)
            for model, pictures, subject in zip(
                self.request.models, self.pictures, self.subjects, strict=True
            )
        ]


@dataclass(eq=False)
class ExplorerEngine:
    """Compute results with caches that stay from one request to the next.

    Only one thread at a time may use an engine.
    """

    vectors: LRUCache[FrameVectors] = field(
        default_factory=lambda: LRUCache(FRAMES_IN_FLOAT32, lambda _: 1)
    )
    pictures: tuple[Pictures, Pictures] = field(
        default_factory=lambda: (Pictures(), Pictures())
    )
    flow: tuple[FlowSequence | None, int, NDArray[np.float32] | None] = (None, 0, None)

    def compute(self, request: ExplorerRequest) -> ExplorerResult:
        """Compute the result of a request."""
        flow = self._flow(request)
        positions = _positions(request)
        if request.first_anchor and not positions:
            positions = (self._vessel_pixel(request),)
        anchors, remarks = _inside(positions, request.size)
        subjects, pictures = [], []
        for index, model in enumerate(request.models):
            vectors = self._vectors(request, model)
            palettes = request.loop.palettes[model.path]
            subject = Subject(
                vectors=vectors,
                palette=palettes.palette(request.choices.method, request.choices.seed),
                flow=flow,
                anchors=anchors,
                how=request.choices.how,
                kernel=FLOW_KERNELS[request.choices.kernel],
                shift=_fitting(request.choices.shift, request.size),
            )
            subjects.append(subject)
            pictures.append(self.pictures[index].of(request.choices.names, subject))
        remarks += _missing(request, flow, anchors)
        apart, why = _separation(request, subjects[0])
        return ExplorerResult(
            request, tuple(subjects), tuple(pictures), positions, apart, why, remarks
        )

    def _vectors(self, request: ExplorerRequest, model: Model) -> FrameVectors:
        key = (request.loop.token, model.path, request.t)
        kept = self.vectors.get(key)
        if kept is None:
            embedding = frame_embedding(
                request.session, request.loop, model.path, request.t
            )
            kept = FrameVectors(embedding)
            self.vectors.put(key, kept)
        return kept

    def _vessel_pixel(self, request: ExplorerRequest) -> Position:
        """Return the most vessel-like pixel by the first of the models."""
        from napari_motionseg.embedding.features import vessel_probability

        model = request.models[0]
        network: Any = request.session.network(model.path)
        probability = vessel_probability(network, self._vectors(request, model))
        return vessel_pixel(request.loop.cine.normalized(request.t), probability)

    def _flow(self, request: ExplorerRequest) -> NDArray[np.float32] | None:
        """Return the flow that begins at the frame; the same array for each request."""
        sequence = request.loop.flow
        if self.flow[:2] != (sequence, request.t):
            entry = None if sequence is None else entry_at(sequence, request.t)
            field = None
            if sequence is not None and entry is not None:
                field = np.array(sequence.forward[entry], np.float32)
            self.flow = (sequence, request.t, field)
        return self.flow[2]


def _positions(request: ExplorerRequest) -> tuple[Position, ...]:
    """Return the positions of the anchors on the frame that is shown."""
    flow, anchors = request.loop.flow, request.anchors
    if not request.choices.carry or flow is None or anchors.frame == request.t:
        return anchors.positions
    return tuple(
        carried(flow, position, anchors.frame, request.t)
        for position in anchors.positions
    )


def _inside(
    positions: Sequence[Position], size: tuple[int, int]
) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
    """Return the anchors inside the picture as pixels, and a remark on the others."""
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
    request: ExplorerRequest,
    flow: NDArray[np.float32] | None,
    anchors: tuple[Pixel, ...],
) -> tuple[str, ...]:
    """Return remarks on views that cannot be made."""
    views = [VIEWS[name] for name in request.choices.names]
    words = (
        _no_flow(request) if flow is None and any(v.needs_flow for v in views) else ""
    )
    probe = any(view.needs_anchor for view in views)
    click = "" if anchors or not probe else "Click into a picture to set the anchor."
    return tuple(filter(None, (click, words)))


def _no_flow(request: ExplorerRequest) -> str:
    if not request.loop.cine.frames.usable(request.t):
        return "This frame is damaged: it is blank, and nothing on it means anything."
    if len(request.loop.cine) < 2:
        return "A single frame has no flow: its flow views are left out."
    if request.loop.flow is None:
        return "Flow views need flow, and none is estimated yet."
    if request.t in request.loop.flow.missing:
        return "No flow begins at this frame: the one that it leads to is damaged."
    last = len(request.loop.flow) - 1
    return f"No flow begins at this frame; the last begins at {last}."


def _separation(
    request: ExplorerRequest, subject: Subject
) -> tuple[Separation | None, str]:
    """Return the separation of the painted pixels, or the reason why there is none."""
    if request.painted is None or not subject.anchors:
        return None, ""
    if not request.loop.cine.frames.usable(request.t):
        return None, "No histogram: this frame is damaged."
    how = "max" if subject.how == "each" else subject.how
    similarity = combine(subject.vectors.similarity(subject.anchors), how)
    try:
        return separation(similarity, request.painted > 0), ""
    except (LabelError, SettingsError) as error:
        return None, f"No histogram: {error}."
