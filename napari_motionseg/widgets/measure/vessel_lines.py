"""Draw the centrelines of measured vessels, their lesions, and a bar across one.

The lines are a layer of vectors: they change at each move of a dragged point, and
napari takes half of the time for vectors that it takes for shapes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_motionseg.measurement import FollowedVessel, VesselMeasurement
from napari_motionseg.measurement.flag_runs import runs
from napari_motionseg.widgets.common.viewers import DERIVED, placement

Array = NDArray[np.float64]

LINE = "centreline"
YELLOW, RED, WHITE, BLUE = "#ffd166", "#ff2d2d", "#ffffff", "#6cb8ff"
Drawn = tuple[VesselMeasurement, FollowedVessel | None]
BAR_PX = 4.0  # beyond the vessel on each side
WIDTH_PX = 1.0
DASH, GAP = 9, 9  # sections, where a frame does not show the vessel


class VesselLines:
    """The layer with the centrelines of a loop's vessels.

    Parameters
    ----------
    viewer
        The viewer that holds the layer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.layer: Layer | None = None
        self._drawn: tuple[Any, ...] | None = None

    def draw(
        self,
        loop: Layer,
        frame: int,
        current: Drawn | None,
        section: int | None,
        others: tuple[Drawn, ...],
        below: Layer | None,
    ) -> None:
        """Show the vessels of a loop on a frame; nothing happens if none has changed.

        Parameters
        ----------
        loop
            Layer of the loop.
        frame
            Index of the frame that is shown.
        current
            The vessel that is edited, and its way through the loop or None.
        section
            Index of its followed cross-section that is marked by a bar, or None.
        others
            The loop's other vessels, each with its way through the loop or None.
        below
            Layer above which a new layer of lines must not lie, or None.
        """
        every = others if current is None else (*others, current)
        moving = any(way is not None for _, way in every)
        drawn = (loop, current, section, frame if moving else None, others)
        if drawn == self._drawn:
            return
        self._drawn = drawn
        paths: list[tuple[Array, int, str]] = []
        for other, way in others:
            paths.append((*_line_on(frame, other, way), BLUE))
        if current is not None:
            paths += _current_paths(frame, *current, section)
        self._show(loop, paths, below)

    def _show(
        self, loop: Layer, paths: list[tuple[Array, int, str]], below: Layer | None
    ) -> None:
        if self.layer is None:
            if not paths:
                return
            self.layer = self._new_layer(loop, below)
        # in place: a layer that is added or removed blocks the window for long
        parts = [_vectors(points, t, loop.ndim) for points, t, _ in paths]
        self.layer.data = np.concatenate([np.empty((0, 2, loop.ndim)), *parts])
        colors = [
            np.tile(_rgba(color), (len(part), 1))
            for part, (*_, color) in zip(parts, paths, strict=True)
        ]
        if colors:
            self.layer.edge_color = np.concatenate(colors)

    def _new_layer(self, loop: Layer, below: Layer | None) -> Layer:
        """Add an empty layer for the lines; keep the brush."""
        viewer = self._viewer
        active = viewer.layers.selection.active
        layer = Layer.create(
            np.empty((0, 2, loop.ndim)),
            {
                "name": f"{loop.name} {LINE}", "ndim": loop.ndim, "opacity": 0.9,
                "edge_width": WIDTH_PX, "vector_style": "line",
                "metadata": {DERIVED: LINE}, **placement(loop, loop.ndim),
            },
            "vectors",
        )  # fmt: skip
        place = len(viewer.layers)
        if below in viewer.layers:
            place = viewer.layers.index(below)
        viewer.layers.insert(place, layer)
        if active in viewer.layers:
            viewer.layers.selection.active = active
        return layer

    def clear(self) -> None:
        """Remove the layer."""
        layer = self.layer
        self.removed()
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def removed(self) -> None:
        """Take note that the layer is gone."""
        self.layer = self._drawn = None


def _current_paths(
    frame: int,
    measured: VesselMeasurement,
    followed: FollowedVessel | None,
    section: int | None,
) -> list[tuple[Array, int, str]]:
    """Return points, frame and colour of each line of the vessel that is edited."""
    line, t = _line_on(frame, measured, followed)
    hidden = np.zeros(len(line), bool)
    if followed is not None and t == frame:
        hidden = followed.interpolated[t]
    paths = [(line[a : b + 1], t, YELLOW) for a, b in dashed(hidden)]
    if followed is not None and section is not None:
        paths.append((_bar(line, section, followed), t, WHITE))
    paths += [(line[one.start : one.end + 1], t, RED) for one in measured.lesions]
    return paths


def dashed(hidden: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and the last section of each stroke of a line.

    Parameters
    ----------
    hidden
        ``(N,)`` bool, True for sections that the frame does not show: dashes.
    """
    drawn = ~hidden
    for first, stop in runs(hidden):
        place = np.arange(stop - first)
        drawn[first:stop] = place % (DASH + GAP) >= GAP
    last = len(hidden) - 1
    return [(first, min(stop, last)) for first, stop in runs(drawn) if first < last]


def _line_on(
    frame: int, measured: VesselMeasurement, followed: FollowedVessel | None
) -> tuple[Array, int]:
    """Return a vessel's line on a frame if it was followed there, else on its own."""
    if followed is not None and np.isfinite(followed.points[frame]).all():
        return followed.points[frame], frame
    return measured.profile.line.points, measured.frame


def _bar(line: Array, section: int, followed: FollowedVessel) -> Array:
    """Return the ends ``(2, 2)`` of a bar across a cross-section."""
    near = slice(max(section - 2, 0), section + 3)
    along = line[near][-1] - line[near][0]
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
    half = float(followed.profile.fit.radius[section]) + BAR_PX
    return np.stack((line[section] - half * across, line[section] + half * across))


def _vectors(points: Array, frame: int, ndim: int) -> Array:
    """Return starts and steps ``(N - 1, 2, ndim)`` along a line ``(N, 2)``."""
    steps = np.zeros((max(len(points) - 1, 0), 2, ndim))
    steps[:, 0, :-2] = frame
    steps[:, 0, -2:] = points[:-1]
    steps[:, 1, -2:] = np.diff(points, axis=0)
    return steps


def _rgba(color: str) -> Array:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return np.array([*parts, 1.0])
