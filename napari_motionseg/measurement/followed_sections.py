"""Measure the cross-sections of a followed vessel in a frame of the loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.measurement.centreline import Centreline, resampled
from napari_motionseg.measurement.diameters import (
    BACKGROUND_PX,
    ROOM,
    DiameterProfile,
    measure_diameters,
)
from napari_motionseg.measurement.flag_runs import long_runs, runs
from napari_motionseg.measurement.section_search import (
    OFFSET_STEP,
    relocated_offsets,
    window_px,
)
from napari_motionseg.measurement.straightening import StraightVessel, straighten
from napari_motionseg.measurement.tube_fit import TubePrior, fit_linearly
from napari_motionseg.measurement.tube_profile import tube_values
from napari_motionseg.measurement.unseen_sections import (
    FLOW_PX,
    SEEN_PX,
    placed_between,
)

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

STEP_PX = 1.0  # between cross-sections of other frames; their noise is shared anyway
KNOWN_BLUR = 0.03  # standard deviation of its logarithm, once the anchor has told it
KNOWN_RADIUS = 0.5  # the same, of a section's radius: a beat changes it by less
LEAST_DEPTH = 2.0  # of a vessel that is seen, in deviations of a pixel's noise
SHORTEST_SEEN_PX = 3.0
LARGEST_CHANGE = 1.0  # of a radius from that of the anchor frame, in doublings
FARTHEST_CENTRE = 1.0  # of a section's radius, by which a frame may move its middle
RELOCATIONS = 3  # the vessel is looked for again so often in one frame
FARTHEST_PX = 20.0  # from the expected place, at which it is looked for
LEAST_SEEN = 0.3  # of the sections; if they are fewer, noise may have placed them
LEAST_MOVE_PX = 1.0  # from where it was looked for, or there is nothing new to see
LEAST_ALIKE = 0.25  # to a vessel, to look closer; noise alone reaches 0.2
FEWEST_SECTIONS = 8  # within the picture, of a line that is measured
BESIDE_PX = 15.0  # of the vessel on each side of an unseen stretch: measured with it


@dataclass(frozen=True, eq=False)
class _Look:
    """Hold what a frame shows at the places where sections were expected.

    Parameters
    ----------
    expected
        ``(N, 2)`` row and column in px of the places that were looked at.
    places
        ``(N, 2)`` the middle of the lumen where it is seen; elsewhere where the flow
        has carried the section.
    seen
        ``(N,)`` bool.
    diameters
        ``(N,)`` in the calibration's unit; NaN where the lumen is not seen.
    depth
        ``(N,)`` darkness at the expected places minus that beside them.
    """

    expected: Array
    places: Array
    seen: Flags
    diameters: Array
    depth: Array

    @classmethod
    def of_nothing(cls, expected: Array) -> _Look:
        """Return a look at places ``(N, 2)`` in px at which no vessel is seen."""
        count = len(expected)
        return cls(
            expected, expected, np.zeros(count, bool), np.full(count, np.nan),
            np.zeros(count),
        )  # fmt: skip

    def with_part(self, part: slice, again: _Look) -> _Look:
        """Return this look, with what another look at a part shows besides.

        Parameters
        ----------
        part
            The sections of the other look.
        again
            Look at these sections at other places.
        """
        tried = np.zeros(len(self.seen), bool)
        tried[part] = ~self.seen[part]
        found = tried.copy()
        found[part] &= again.seen

        def mixed(whole: Array, some: Array, where: Flags) -> Array:
            whole = whole.copy()
            whole[where] = some[where[part]]
            return whole

        return _Look(
            mixed(self.expected, again.expected, tried),
            mixed(self.places, again.places, found),
            self.seen | found,
            mixed(self.diameters, again.diameters, found),
            mixed(self.depth, again.depth, found),
        )


class FollowedSections:
    """Sections of a vessel while they are followed; arrays as in `FollowedVessel`.

    Parameters
    ----------
    frames
        Number of frames T of the loop.
    anchor
        Index of the frame in which the sections are defined.
    frame
        ``(H, W)`` density of the anchor frame.
    profile
        Diameters in the anchor frame; its line has the N sections.
    """

    def __init__(
        self,
        frames: int,
        anchor: int,
        frame: NDArray[np.floating],
        profile: DiameterProfile,
    ) -> None:
        count = len(profile.line)
        self.anchor, self.profile = anchor, profile
        self.points = np.full((frames, count, 2), np.nan)
        self.place_sd = np.full((frames, count), np.nan)
        self.diameters = np.full((frames, count), np.nan)
        self.contrast = np.full((frames, count), np.nan)
        self.predicted = np.zeros(frames, bool)
        self._age = np.zeros(count)  # frames since each section was seen last
        self.points[anchor] = profile.line.points
        self.place_sd[anchor] = 0.0
        self.diameters[anchor] = profile.diameters
        across = self._across(frame, profile.line.points, slice(None))
        self.contrast[anchor] = self._depth(across, slice(None))

    def begin_way(self) -> Array:
        """Return the sections' places in the anchor frame, where a way begins."""
        self._age[:] = 0
        start: Array = self.points[self.anchor]
        return start

    def measure(self, t: int, frame: NDArray[np.floating], carried: Array) -> Array:
        """Measure the vessel in a frame; return the positions ``(N, 2)`` of sections.

        Sections that the frame does not show are looked for beside their places. Where
        that fails too, their places follow from those that are seen.

        Parameters
        ----------
        t
            Index of the frame.
        frame
            ``(H, W)`` density of the frame.
        carried
            ``(N, 2)`` row and column in px to which the flow carried the sections.
        """
        self._age += 1
        look = self._look(frame, carried, slice(None))
        places, spread = self._completed(look)
        for _ in range(RELOCATIONS):
            if look.seen.all() or look.seen.mean() < LEAST_SEEN:
                break
            moved, alike = self._relocated(frame, places, spread, look)
            parts = self._parts_to_look_at(look, moved, alike)
            if not parts:
                break
            for part in parts:
                look = look.with_part(part, self._look(frame, moved[part], part))
            places, spread = self._completed(look)
        self._age[look.seen] = 0
        every = slice(None)
        contrast = self._depth(self._across(frame, places, every), every)
        self._keep(t, look, (places, spread), contrast)
        here: Array = places.copy()
        return here

    def measure_predicted(
        self, t: int, frame: NDArray[np.floating], expected: Array
    ) -> None:
        """Measure the vessel in a frame that contrast does not fill.

        What contrast has not reached cannot be seen, and is not looked for: it keeps
        its place.

        Parameters
        ----------
        t
            Index of the frame.
        frame
            ``(H, W)`` density of the frame.
        expected
            ``(N, 2)`` row and column in px of the sections at this phase of the heart.
        """
        look = self._look(frame, expected, slice(None))
        spread = np.where(look.seen, SEEN_PX, FLOW_PX)
        # the line of measured and of expected places is jagged: across it, the expected
        # one says where the sides of the vessel are
        every, aspect = slice(None), self.profile.line.aspect
        across = self._across(frame, expected, every)
        away = (look.places - expected) * (aspect, 1.0)
        offset = (away * across.line.normals).sum(axis=1)
        contrast = self._depth(across, every, offset)
        self._keep(t, look, (look.places, spread), contrast)
        self.predicted[t] = True

    def _keep(
        self,
        t: int,
        look: _Look,
        found: tuple[Array, Array],
        contrast: Array,
    ) -> None:
        """Keep what a frame shows, with the places of sections and their deviations."""
        self.points[t], self.place_sd[t] = found
        self.diameters[t], self.contrast[t] = look.diameters, contrast

    def _look(self, frame: NDArray[np.floating], expected: Array, part: slice) -> _Look:
        """Return what a frame shows of sections that are expected at places.

        Parameters
        ----------
        frame
            ``(H, W)`` density of the frame.
        expected
            ``(M, 2)`` row and column in px of the M sections of the part.
        part
            Neighbouring sections of the vessel.
        """
        aspect = self.profile.line.aspect
        line = resampled(expected, aspect, STEP_PX, smoothing_px=0.3)
        if _inside(line.points, frame.shape).sum() < FEWEST_SECTIONS:
            return _Look.of_nothing(expected)
        radius = self.profile.fit.radius[part]
        # one detector made all frames, so that they share their blur
        prior = TubePrior(
            blur=self.profile.fit.blur, blur_spread=KNOWN_BLUR,
            radius_spread=KNOWN_RADIUS,
        )  # fmt: skip
        found = measure_diameters(
            frame, line, self.profile.calibration, prior=prior, expected=radius
        )
        place = _nearest(found.line.points, expected, aspect)
        middle = expected + _kept_apart(
            _between(found.line.points, place) - expected, place, len(found.line)
        )
        size = _between(found.fit.radius, place) / radius
        depth = self._depth(self._across(frame, expected, part), part)
        moved = np.linalg.norm((middle - expected) * (aspect, 1.0), axis=1)
        # without contrast, noise alone decides where and how wide a vessel seems to be
        seen = (depth >= LEAST_DEPTH * found.fit.noise) & (
            np.abs(np.log2(size)) < LARGEST_CHANGE
        )
        # a section that stands out alone does so by noise
        seen = long_runs(seen, SHORTEST_SEEN_PX / self.profile.line.step)
        seen &= moved <= FARTHEST_CENTRE * np.maximum(radius, 1.0)
        seen &= _inside(middle, frame.shape)
        diameters = np.where(seen, _between(found.diameters, place), np.nan)
        places = np.where(seen[:, None], middle, expected)
        return _Look(expected, places, seen, diameters, depth)

    def _completed(self, look: _Look) -> tuple[Array, Array]:
        """Return the places ``(N, 2)`` in px of all sections, and their deviations."""
        line = self.profile.line
        scale = (line.aspect, 1.0)
        places, spread = placed_between(
            line.points * scale, look.places * scale, look.seen, self._age, line.step
        )
        return places / scale, spread

    def _relocated(
        self, frame: NDArray[np.floating], places: Array, spread: Array, look: _Look
    ) -> tuple[Array, Array]:
        """Return where unseen sections may be ``(N, 2)`` in px, and how alike it is."""
        fit, line = self.profile.fit, self.profile.line
        reach = min(3 * float(spread.max()), FARTHEST_PX)
        here = Centreline(places, line.aspect, line.step)
        across = straighten(frame, here, reach + window_px(fit.radius), OFFSET_STEP)
        # contrast has filled the vessel as much as in the sections that are seen
        full, seen = self.contrast[self.anchor], look.seen
        depth = float(np.median(look.depth[seen] / full[seen])) * full
        offset, alike = relocated_offsets(
            across, fit.radius, fit.blur, depth, spread, seen
        )
        return here.at(offset), alike

    def _parts_to_look_at(self, look: _Look, moved: Array, alike: Array) -> list[slice]:
        """Return stretches with sections that may be seen at other places.

        Parameters
        ----------
        look
            What was seen so far.
        moved
            ``(N, 2)`` row and column in px where the sections may be.
        alike
            ``(N,)`` how alike to a vessel the picture is there.
        """
        line = self.profile.line
        away = np.linalg.norm((moved - look.expected) * (line.aspect, 1.0), axis=1)
        new = ~look.seen & (alike > LEAST_ALIKE) & (away > LEAST_MOVE_PX)
        new = long_runs(new, SHORTEST_SEEN_PX / line.step)
        wanted = np.zeros(len(away), bool)
        beside = round(BESIDE_PX / line.step)
        for first, last in runs(new):
            wanted[max(first - beside, 0) : last + beside] = True
        return [slice(first, last) for first, last in runs(wanted)]

    def _depth(
        self, across: StraightVessel, part: slice, offset: Array | None = None
    ) -> Array:
        """Return the darkness ``(M,)`` of sections' middles minus that beside them.

        The middle lies at distances `offset` ``(M,)`` along the normals; None for none.
        The section's tube is that of the anchor frame, so that it is known even without
        contrast; the result is then about 0.
        """
        radius, blur = self.profile.fit.radius[part], self.profile.fit.blur
        none = np.zeros(len(radius))
        tubes = np.stack((radius, none if offset is None else offset), axis=1)
        contrast = fit_linearly(across, tubes, blur)[:, 0]
        middle = tube_values(none[:, None], radius, blur)
        depth: Array = contrast * middle[:, 0]
        return depth

    def _across(
        self, frame: NDArray[np.floating], points: Array, part: slice
    ) -> StraightVessel:
        """Return a frame across a part's sections with their middles at points."""
        line = self.profile.line
        here = Centreline(points, line.aspect, line.step)
        widest = float(self.profile.fit.radius[part].max())
        return straighten(frame, here, ROOM * widest + BACKGROUND_PX)


def _inside(points: Array, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    limits = np.asarray(shape) - 1
    inside: NDArray[np.bool_] = np.all((points >= 0) & (points <= limits), axis=1)
    return inside


def _nearest(line: Array, points: Array, aspect: float) -> Array:
    """Return the fractional index ``(N,)`` of the line's place nearest to each point.

    Places never run backwards along the vessel.
    """
    from scipy.spatial import cKDTree

    plane, wanted = line * (aspect, 1.0), points * (aspect, 1.0)
    _, index = cKDTree(plane).query(wanted)
    before = np.clip(index - 1, 0, len(plane) - 3)
    tangent = plane[before + 2] - plane[before]
    along = ((wanted - plane[index]) * tangent).sum(axis=1)
    along /= np.maximum((tangent**2).sum(axis=1), 1e-12) / 2
    place = np.clip(index + np.clip(along, -1, 1), 0, len(plane) - 1)
    return np.maximum.accumulate(place)


def _kept_apart(shift: Array, place: Array, count: int) -> Array:
    """Return shifts ``(N, 2)``, alike at the ends of the line that was found.

    Sections beyond an end are all nearest to the end, and would gather there; they move
    as the last one before it does.

    Parameters
    ----------
    shift
        ``(N, 2)`` from each section to the nearest place of the line.
    place
        ``(N,)`` fractional index of that place.
    count
        Number of points of the line.
    """
    within = np.flatnonzero((place > 0) & (place < count - 1))
    if not len(within):
        return shift
    every = np.arange(len(shift))
    kept: Array = shift[np.clip(every, within[0], within[-1])]
    return kept


def _between(values: Array, place: Array) -> Array:
    """Return values ``(M, ...)`` at fractional indices ``(N,)``, linearly."""
    low = np.minimum(place.astype(np.intp), len(values) - 2)
    share = (place - low).reshape(-1, *(1,) * (values.ndim - 1))
    mixed: Array = values[low] * (1 - share) + values[low + 1] * share
    return mixed
