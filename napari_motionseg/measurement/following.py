"""Follow a vessel's cross-sections through a loop along the optical flow.

Each cross-section of the anchor frame is followed from frame to frame, so that it keeps
its identity. In every frame the line is moved to the middle of the lumen, which removes
drift across the vessel. Sections that a frame does not show are placed between those
that it shows, and have no diameter there. Drift along the vessel is measured: the line
is followed back to the anchor frame, and the distance to its original position is
reported for every frame.
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
from napari_motionseg.measurement.centreline import Centreline
from napari_motionseg.measurement.diameters import DiameterProfile, measure_diameters
from napari_motionseg.measurement.followed_sections import FollowedSections
from napari_motionseg.measurement.unfilled_frames import predicted_places
from napari_motionseg.motion import FlowSequence
from napari_motionseg.motion.contrast_arrival import density, is_logarithmic

Array = NDArray[np.float64]

SMOOTHED_PX = 3.0  # along the vessel: displacement of neighbouring sections is alike


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
    place_sd
        ``(T, N)`` standard deviation of each section's place in widths of a pixel, as
        far as it follows from what a frame shows: small where the lumen is seen, and
        growing with the distance from there. NaN in frames to which the vessel was not
        followed.
    """

    anchor: int
    profile: DiameterProfile
    points: Array
    diameters: Array
    contrast: Array
    drift: Array
    calibration: Calibration
    predicted: NDArray[np.bool_]
    place_sd: Array

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

    @property
    def interpolated(self) -> NDArray[np.bool_]:
        """Return ``(T, N)`` bool, True where a followed lumen was not seen."""
        unseen: NDArray[np.bool_] = np.isnan(self.diameters)
        unseen &= np.isfinite(self.points).all(axis=2)
        return unseen


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
    vessel = FollowedSections(len(cine), anchor, frame(anchor), profile)
    done, total = 0, len(cine) - 1
    for sign in (1, -1):
        t, here = anchor, vessel.begin_way()
        while 0 <= t + sign < len(cine) and _known(flow, t, sign):
            here = _carried(here, flow, t, sign, line.aspect)
            t += sign
            done += 1
            if cine.frames.usable(t):
                here = vessel.measure(t, frame(t), here)
            if (
                yield Progress(done, total, f"Following the vessel: frame {t}")
            ) == STOP:
                return _result(vessel, flow)
    yield from _measure_unfilled(vessel, cine, frame, (done, total))
    return _result(vessel, flow)


def _measure_unfilled(
    vessel: FollowedSections,
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
            vessel.measure_predicted(int(t), frame(int(t)), places[t])
            yield Progress(*progress, f"Measuring the filling vessel: frame {t}")


def _result(sections: FollowedSections, flow: FlowSequence) -> FollowedVessel:
    """Return the vessel in the frames followed so far."""
    profile = sections.profile
    return FollowedVessel(
        sections.anchor, profile, sections.points, sections.diameters,
        sections.contrast,
        _drift(sections.points, flow, sections.anchor, profile.line.aspect),
        profile.calibration, sections.predicted, sections.place_sd,
    )  # fmt: skip


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
