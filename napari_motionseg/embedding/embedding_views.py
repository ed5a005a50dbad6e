"""Every view of an embedding: a pure function of one frame, and how it is shown.

The first five are the columns of figure 3 of Ma et al. (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.embedding.flow_kernels import RELATIVE, FlowKernel
from napari_motionseg.embedding.frame_vectors import FrameVectors, Pixel
from napari_motionseg.embedding.projection import Method, Palette
from napari_motionseg.embedding.similarity import (
    SHIFT,
    combine,
    flow_similarity,
    shifted_flow_similarity,
    shifted_similarity,
)
from napari_motionseg.embedding.soft_segments import soft_segments

Picture = NDArray[Any]
How = Literal["max", "mean", "each"]
COSINE, KERNEL = (-1.0, 1.0), (0.0, 1.0)
MOST_MAPS = 4  # largest number of maps in "each"; further anchors have no map


@dataclass(frozen=True, eq=False)
class Subject:
    """One frame, embedded by one checkpoint, for all views of it.

    Parameters
    ----------
    vectors
        The embedding of the frame.
    palette
        The projection to colours.
    flow
        ``(2, H, W)`` flow in px that begins at the frame, or None.
    anchors
        Rows and columns of the anchors, inside the image.
    how
        How the maps of several anchors are combined: ``"max"``, ``"mean"``, or
        ``"each"`` for one map an anchor.
    kernel
        The kernel of flow similarity.
    shift
        Rows and columns by which the map is shifted that pixels are compared with.
    """

    vectors: FrameVectors
    palette: Palette
    flow: NDArray[np.floating] | None = None
    anchors: tuple[Pixel, ...] = ()
    how: How = "max"
    kernel: FlowKernel = RELATIVE
    shift: Pixel = SHIFT


@dataclass(frozen=True)
class View:
    """A way to look at an embedding.

    Parameters
    ----------
    title, summary
        The name of the view, and a sentence on what it shows.
    make
        A function that returns the pictures ``(H, W)`` or ``(H, W, 3)``: one, or one
        for each of several anchors.
    depends
        Names of the fields of `Subject` that the pictures depend on.
    limits
        Values of the darkest and the brightest colour; None for colours.
    colormap
        Name of the colormap of the values.
    kind
        The type of the layer that shows it.
    advanced
        Whether the dock offers the view among the advanced ones.
    """

    title: str
    summary: str
    make: Callable[[Subject], Sequence[Picture]]
    depends: tuple[str, ...]
    limits: tuple[float, float] | None = None
    colormap: str = "inferno"
    kind: Literal["image", "labels"] = "image"
    advanced: bool = False

    @property
    def needs_flow(self) -> bool:
        """Whether flow must begin at the frame."""
        return "flow" in self.depends

    @property
    def needs_anchor(self) -> bool:
        """Whether there must be an anchor."""
        return "anchors" in self.depends

    def can_be_made(self, subject: Subject) -> bool:
        """Return whether the subject has what the view needs."""
        flow = subject.flow is not None or not self.needs_flow
        return flow and (bool(subject.anchors) or not self.needs_anchor)


def _of_anchors(subject: Subject, maps: NDArray[np.float32]) -> Sequence[Picture]:
    if subject.how == "each":
        return list(maps[:MOST_MAPS])
    return [combine(maps, subject.how)]


def _flow_similarity(subject: Subject) -> Sequence[Picture]:
    flow = np.asarray(subject.flow)
    maps = [flow_similarity(flow, a, subject.kernel) for a in subject.anchors]
    return _of_anchors(subject, np.stack(maps))


def _similarity(subject: Subject) -> Sequence[Picture]:
    return _of_anchors(subject, subject.vectors.similarity(subject.anchors))


def _shifted_flow(subject: Subject) -> Sequence[Picture]:
    flow = np.asarray(subject.flow)
    return [shifted_flow_similarity(flow, subject.shift, subject.kernel)]


VIEWS: Mapping[str, View] = {
    "projection": View(
        "Random projection",
        "The embedding projected to red, green and blue: similar colours are similar "
        "vectors",
        lambda subject: [subject.palette.colors(subject.vectors)],
        ("vectors", "palette"),
    ),
    "flow similarity": View(
        "Similarity to the anchor: flow",
        "Similarity of each pixel's motion to that of the pixel under the red plus",
        _flow_similarity,
        ("flow", "anchors", "how", "kernel"),
        KERNEL,
    ),
    "similarity": View(
        "Similarity to the anchor: embedding",
        "Cosine similarity of each pixel's vector to that of the pixel under the red "
        "plus",
        _similarity,
        ("vectors", "anchors", "how"),
        COSINE,
    ),
    "shifted flow": View(
        "Similarity to the shifted map: flow",
        "Similarity of each pixel's motion to that of the pixel a shift away: dark at "
        "borders of motion",
        _shifted_flow,
        ("flow", "kernel", "shift"),
        KERNEL,
        advanced=True,
    ),
    "shifted embedding": View(
        "Similarity to the shifted map: embedding",
        "Cosine similarity of each pixel's vector to the vector a shift away: dark at "
        "borders",
        lambda subject: [shifted_similarity(subject.vectors, subject.shift)],
        ("vectors", "shift"),
        COSINE,
        advanced=True,
    ),
    "segments": View(
        "Segments",
        "Largest channel of each pixel: segments of a network pretrained by grouping",
        lambda subject: [soft_segments(subject.vectors)[0]],
        ("vectors",),
        kind="labels",
        advanced=True,
    ),
    "confidence": View(
        "Confidence",
        "Softmax probability of the largest channel",
        lambda subject: [soft_segments(subject.vectors)[1]],
        ("vectors",),
        KERNEL,
        "viridis",
        advanced=True,
    ),
}
FIGURE_3 = tuple(VIEWS)[:5]
FIRST_SHOWN = tuple(name for name, view in VIEWS.items() if not view.advanced)
PCA_TITLE = "PCA projection"


@dataclass(eq=False)
class Pictures:
    """Makes views, and remembers the last of each.

    A new anchor costs two maps and no projection, since a view is made anew where
    something that it depends on has changed.
    """

    _kept: dict[str, tuple[tuple[Any, ...], Sequence[Picture]]] = field(
        default_factory=dict
    )

    def of(self, names: Sequence[str], subject: Subject) -> dict[str, Picture]:
        """Return the views that can be made, by name.

        Parameters
        ----------
        names
            Names of views, from `VIEWS`. If each of several anchors has a map, the
            second one has the name with ``" 2"`` after it, and so on.
        subject
            The frame and its embedding.
        """
        found: dict[str, Picture] = {}
        for name in names:
            if VIEWS[name].can_be_made(subject):
                for number, picture in enumerate(self._one(name, subject), 1):
                    found[numbered(name, number)] = picture
        return found

    def _one(self, name: str, subject: Subject) -> Sequence[Picture]:
        reasons = tuple(getattr(subject, part) for part in VIEWS[name].depends)
        kept = self._kept.get(name)
        if kept is None or not _same(reasons, kept[0]):
            kept = self._kept[name] = (reasons, VIEWS[name].make(subject))
        return kept[1]


def numbered(name: str, number: int) -> str:
    """Return the name of a view's picture of one of several anchors, from 1."""
    return name if number == 1 else f"{name} {number}"


def view_of(name: str) -> View:
    """Return the view of a picture's name, which may be numbered."""
    return VIEWS[name] if name in VIEWS else VIEWS[name.rsplit(" ", 1)[0]]


def title_of(name: str, method: Method = "random") -> str:
    """Return the title of a picture, which may be numbered.

    Parameters
    ----------
    name
        The name of the picture, as `Pictures.of` gives it.
    method
        The method of the projection to colours.
    """
    view = view_of(name)
    if view is VIEWS["projection"] and method == "pca":
        return PCA_TITLE
    number = name.removeprefix(name.rstrip("0123456789"))
    return f"{view.title} {number}".rstrip()


def _same(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    return all(
        a is b or not (isinstance(a, np.ndarray) or isinstance(b, np.ndarray) or a != b)
        for a, b in zip(first, second, strict=True)
    )
