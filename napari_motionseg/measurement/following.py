"""Follow a vessel's cross-sections through a loop along the optical flow.

Each cross-section of the anchor frame is followed from frame to frame, so that it keeps
its identity. In every frame the line is moved to the middle of the lumen, which removes
drift across the vessel. Drift along the vessel is measured: the line is followed back
to the anchor frame, and the distance to its original position is reported for every
frame.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.jobs import STOP, Job, Progress
from napari_motionseg.measurement.calibration import Calibration, calibration_of
from napari_motionseg.measurement.cautions import long_runs
from napari_motionseg.measurement.centreline import Centreline, resampled
from napari_motionseg.measurement.diameters import (
    BACKGROUND_PX,
    ROOM,
    DiameterProfile,
    measure_diameters,
)
from napari_motionseg.measurement.straightening import StraightVessel, straighten
from napari_motionseg.measurement.tube_fit import TubePrior, fit_linearly
from napari_motionseg.measurement.tube_profile import tube_values
from napari_motionseg.measurement.unfilled_frames import predicted_places
from napari_motionseg.motion import FlowSequence
from napari_motionseg.motion.contrast_arrival import density, is_logarithmic

Array = NDArray[np.float64]

STEP_PX = 1.0  # between cross-sections of other frames; their noise is shared anyway
KNOWN_BLUR = 0.03  # standard deviation of its logarithm, once the anchor has told it
SMOOTHED_PX = 3.0  # along the vessel: displacement of neighbouring sections is alike
LEAST_DEPTH = 2.0  # of a vessel that is seen, in deviations of a pixel's noise
SHORTEST_SEEN_PX = 3.0
LARGEST_CHANGE = 1.0  # of a radius from that of the anchor frame, in doublings
FARTHEST_CENTRE = 1.0  # of a section's radius, by which a frame may move its middle


@dataclass(frozen=True, eq=False)
class FollowedVessel:
    """A vessel in every frame of a loop; sections are those of the anchor frame.

    Parameters
    ----------
    anchor
        Index of the frame that the sections were defined in.
    profile
        Diameters in the anchor frame; its line has the N sections.
    points
        ``(T, N, 2)`` row and column in px of each section's middle; NaN in frames to
        which the vessel was not followed.
    diameters
        ``(T, N)`` diameters in the calibration's unit; NaN where none was measured.
    contrast
        ``(T, N)`` difference in darkness between the middle of the vessel and its
        surroundings, in the density's unit; about 0 before contrast arrives.
    drift
        ``(T,)`` median distance in widths of a pixel between the sections and their
        positions after following them to frame t and back; NaN for the anchor frame and
        for frames to which the vessel was not followed.
    calibration
        Size of a pixel.
    predicted
        ``(T,)`` bool, True for frames that contrast does not fill, in which the
        vessel's place follows from the phase of the heart.
    """

    anchor: int
    profile: DiameterProfile
    points: Array
    diameters: Array
    contrast: Array
    drift: Array
    calibration: Calibration
    predicted: NDArray[np.bool_]

    @property
    def arc_length(self) -> Array:
        """Return the length ``(N,)`` of each section in the anchor frame."""
        length: Array = self.profile.arc_length
        return length

    @property
    def followed(self) -> NDArray[np.bool_]:
        """Return ``(T,)`` bool, True for frames to which the vessel was followed."""
        known: NDArray[np.bool_] = np.any(np.isfinite(self.points), axis=(1, 2))
        return known


def follow_vessel_job(
    cine: Cine,
    flow: FlowSequence,
    anchor: int,
    line: Centreline,
    calibration: Calibration | None = None,
) -> Job[FollowedVessel]:
    """Follow a vessel from the anchor frame through the whole loop.

    Parameters
    ----------
    cine
        The loop.
    flow
        Flow between neighbouring frames (gap 1), forward and backward.
    anchor
        Index of the frame in which `line` was drawn.
    line
        Centreline in the anchor frame.
    calibration
        Size of a pixel; None to read it from the loop's header.

    Yields
    ------
    Progress
        After each frame; after `STOP`, the frames followed so far are kept.

    Raises
    ------
    MeasurementError
        If the flow is not that of neighbouring frames in both directions or belongs to
        another loop, or if there is no vessel along the line.
    """
    _check(cine, flow, anchor)
    calibration = calibration or calibration_of(cine)
    logarithmic = is_logarithmic(cine)

    def frame(t: int) -> NDArray[np.float32]:
        return density(cine.normalized(t), logarithmic)

    profile = measure_diameters(frame(anchor), line, calibration)
    vessel = _Sections.begin(len(cine), anchor, frame(anchor), profile)
    done, total = 0, len(cine) - 1
    for sign in (1, -1):
        t, here = anchor, vessel.points[anchor]
        while 0 <= t + sign < len(cine) and _known(flow, t, sign):
            here = _carried(here, flow, t, sign, line.aspect)
            t += sign
            done += 1
            if cine.frames.usable(t):
                here = vessel.measure(t, frame(t), here)
            if (
                yield Progress(done, total, f"Following the vessel: frame {t}")
            ) == STOP:
                return vessel.result(flow)
    yield from _measure_unfilled(vessel, cine, frame, (done, total))
    return vessel.result(flow)


def _measure_unfilled(
    vessel: _Sections,
    cine: Cine,
    frame: Callable[[int], NDArray[np.float32]],
    progress: tuple[int, int],
) -> Generator[Progress, Any, None]:
    """Measure frames that contrast has not filled at the places of their phase."""
    if cine.frame_times is None:
        return
    found = predicted_places(
        vessel.points, vessel.contrast, cine.frame_times, vessel.anchor
    )
    if found is None:
        return
    unfilled, places = found
    for t in np.flatnonzero(unfilled):
        if cine.frames.usable(int(t)):
            vessel.measure(int(t), frame(int(t)), places[t])
            vessel.predicted[t] = True
            yield Progress(*progress, f"Measuring the filling vessel: frame {t}")


class _Sections:
    """Sections of a vessel while they are followed; arrays as in `FollowedVessel`."""

    def __init__(self, frames: int, anchor: int, profile: DiameterProfile) -> None:
        count = len(profile.line)
        self.anchor, self.profile = anchor, profile
        self.points = np.full((frames, count, 2), np.nan)
        self.diameters = np.full((frames, count), np.nan)
        self.contrast = np.full((frames, count), np.nan)
        self.predicted = np.zeros(frames, bool)

    @classmethod
    def begin(
        cls,
        frames: int,
        anchor: int,
        frame: NDArray[np.floating],
        profile: DiameterProfile,
    ) -> _Sections:
        """Return the sections with those of the anchor frame filled in."""
        sections = cls(frames, anchor, profile)
        sections.points[anchor] = profile.line.points
        sections.diameters[anchor] = profile.diameters
        across = _across(frame, profile.line.points, profile)
        sections.contrast[anchor] = _darkness(across, profile)
        return sections

    def measure(self, t: int, frame: NDArray[np.floating], carried: Array) -> Array:
        """Measure the vessel in a frame; return the positions ``(N, 2)`` of sections.

        Parameters
        ----------
        t
            Index of the frame.
        frame
            ``(H, W)`` density of the frame.
        carried
            ``(N, 2)`` row and column in px to which the flow carried the sections.
        """
        self.points[t] = carried
        self.contrast[t] = 0.0
        aspect = self.profile.line.aspect
        if not _inside(carried, frame.shape).all():
            return carried
        line = resampled(carried, aspect, STEP_PX, smoothing_px=0.3)
        expected = self.profile.fit.radius
        # one detector made all frames, so that they share their blur
        prior = TubePrior(blur=self.profile.fit.blur, blur_spread=KNOWN_BLUR)
        found = measure_diameters(
            frame, line, self.profile.calibration, prior=prior, expected=expected
        )
        place = _nearest(found.line.points, carried, aspect)
        middle = _between(found.line.points, place)
        size = _between(found.fit.radius, place) / expected
        across = _across(frame, carried, self.profile)
        depth = _darkness(across, self.profile)
        moved = np.linalg.norm((middle - carried) * (aspect, 1.0), axis=1)
        # without contrast, noise alone decides where and how wide a vessel seems to be
        seen = (depth >= LEAST_DEPTH * found.fit.noise) & (
            np.abs(np.log2(size)) < LARGEST_CHANGE
        )
        # a section that stands out alone does so by noise
        seen = long_runs(seen, SHORTEST_SEEN_PX / self.profile.line.step)
        good = seen & (moved <= FARTHEST_CENTRE * np.maximum(expected, 1.0))
        self.points[t] = np.where(good[:, None], middle, carried)
        self.diameters[t] = np.where(good, _between(found.diameters, place), np.nan)
        # the darkness beside the middle would be taken for less contrast
        normals = Centreline(carried, aspect, STEP_PX).normals
        offset = ((self.points[t] - carried) * (aspect, 1.0) * normals).sum(axis=1)
        self.contrast[t] = _darkness(across, self.profile, offset)
        here: Array = self.points[t].copy()
        return here

    def result(self, flow: FlowSequence) -> FollowedVessel:
        """Return the vessel in the frames followed so far."""
        return FollowedVessel(
            self.anchor, self.profile, self.points, self.diameters, self.contrast,
            _drift(self.points, flow, self.anchor, self.profile.line.aspect),
            self.profile.calibration, self.predicted,
        )  # fmt: skip


def _across(
    frame: NDArray[np.floating], points: Array, profile: DiameterProfile
) -> StraightVessel:
    """Return a frame across sections whose middles lie at points ``(N, 2)``."""
    line = profile.line
    here = Centreline(points, line.aspect, line.step)
    widest = float(profile.fit.radius.max())
    return straighten(frame, here, ROOM * widest + BACKGROUND_PX)


def _darkness(
    vessel: StraightVessel, profile: DiameterProfile, offset: Array | None = None
) -> Array:
    """Return the darkness ``(N,)`` of each section's middle minus that of its sides.

    The middle lies at distances `offset` ``(N,)`` along the normals; None for none.

    The section's tube is that of the anchor frame, so that it is known even without
    contrast; the result is then about 0.
    """
    fit, count = profile.fit, len(profile.line)
    middle_at = np.zeros(count) if offset is None else offset
    tubes = np.stack((fit.radius, middle_at), axis=1)
    contrast = fit_linearly(vessel, tubes, fit.blur)[:, 0]
    middle = tube_values(np.zeros((count, 1)), fit.radius, fit.blur)
    depth: Array = contrast * middle[:, 0]
    return depth


def _check(cine: Cine, flow: FlowSequence, anchor: int) -> None:
    if flow.gap != 1 or flow.backward is None:
        raise MeasurementError(
            "following a vessel needs flow between neighbouring frames, both ways; "
            f"this one has a gap of {flow.gap} and "
            f"{'no' if flow.backward is None else 'a'} backward flow. Estimate it with "
            "gap=1 and backward=True"
        )
    expected = (len(cine) - 1, 2, *cine.shape[1:])
    if tuple(flow.forward.shape) != expected:
        raise MeasurementError(
            f"the flow has shape {tuple(flow.forward.shape)}; this loop needs "
            f"{expected}: it belongs to another loop"
        )
    if not 0 <= anchor < len(cine):
        raise MeasurementError(
            f"frame {anchor} is outside the loop's 0 to {len(cine) - 1}"
        )


def _known(flow: FlowSequence, t: int, sign: int) -> bool:
    return (t if sign > 0 else t - 1) not in flow.missing


def _carried(
    points: Array, flow: FlowSequence, t: int, sign: int, aspect: float
) -> Array:
    """Return the positions of points ``(..., N, 2)`` of frame t in a neighbour."""
    backward = flow.backward
    if sign < 0 and backward is None:  # checked by the caller; for the type checker
        raise MeasurementError("the backward flow was not estimated")
    field = flow.forward[t] if sign > 0 or backward is None else backward[t - 1]
    x, y = (
        ndimage.map_coordinates(
            np.asarray(part), np.moveaxis(points, -1, 0), output=np.float64, order=1,
            mode="nearest",
        )
        for part in field
    )  # fmt: skip
    shift = np.stack((y, x), axis=-1)
    apart = np.linalg.norm(np.diff(points * (aspect, 1.0), axis=-2), axis=-1)
    spread = SMOOTHED_PX / max(float(np.median(apart)), 1e-6)
    smooth: Array = points + ndimage.gaussian_filter1d(shift, spread, axis=-2)
    return smooth


def _drift(points: Array, flow: FlowSequence, anchor: int, aspect: float) -> Array:
    """Return the drift ``(T,)`` of sections, as in `FollowedVessel`.

    The sections of all frames are carried back together, one frame at a time, because
    reading the flow of a frame costs more than carrying points along it.
    """
    drift = np.full(len(points), np.nan)
    known = np.flatnonzero(np.isfinite(points).all(axis=(1, 2)))
    for sign, frames in ((-1, known[known > anchor]), (1, known[known < anchor][::-1])):
        back: list[Array] = []
        for t in frames[::-1]:  # the farthest one first
            back.append(points[t])
            moved = _carried(np.array(back), flow, int(t), sign, aspect)
            back = list(moved)
        for t, found in zip(frames[::-1], back, strict=True):
            away = (found - points[anchor]) * (aspect, 1.0)
            drift[t] = float(np.median(np.linalg.norm(away, axis=1)))
    return drift


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


def _between(values: Array, place: Array) -> Array:
    """Return values ``(M, ...)`` at fractional indices ``(N,)``, linearly."""
    low = np.minimum(place.astype(np.intp), len(values) - 2)
    share = (place - low).reshape(-1, *(1,) * (values.ndim - 1))
    mixed: Array = values[low] * (1 - share) + values[low + 1] * share
    return mixed
