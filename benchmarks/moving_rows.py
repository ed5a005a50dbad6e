"""Measure one loop of a moving vessel by each flow and peer, as rows of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
from moving_loops import FRAMES, SIZE, draw_heart, length_of, line_of, place_on
from scipy.spatial import cKDTree
from skimage.morphology import medial_axis

from napari_motionseg.errors import MeasurementError
from napari_motionseg.jobs import run
from napari_motionseg.measurement import (
    Calibration,
    FollowedVessel,
    contrast_arrival,
    follow_vessel_job,
    heart_phase,
    wall_strain,
)
from napari_motionseg.measurement.centreline import Centreline
from napari_motionseg.measurement.straightening import straighten
from napari_motionseg.motion import FlowSequence
from napari_motionseg.synthesis.phantom_loop import PhantomLoop

PEERS = ("width of the exact mask", "medial axis of the exact mask")


def beat_row(loop: PhantomLoop, flows: dict[str, FlowSequence]) -> dict[str, Any]:
    """Return drift, strain and end diastoles of a loop by every flow and peer."""
    anchor = FRAMES // 2
    line = line_of(loop, anchor)
    row: dict[str, Any] = {"strain": loop.config.strain}
    for name, flow in flows.items():
        vessel = run(follow_vessel_job(loop.cine, flow, anchor, line, Calibration()))
        row[name] = {
            **drift_row(loop, vessel),
            "strain": strain_of(loop, vessel.diameters, vessel.points),
            **waves_found(vessel.points, loop.cine.frame_times, loop.r_waves_ms),
        }
    points = vessel.points
    for peer in PEERS:
        diameters = np.stack(
            [mask_width(loop, t, points[t], peer) for t in range(len(points))]
        )
        row[peer] = {"strain": largest_minus_smallest(diameters)}
    return row


def drift_row(loop: PhantomLoop, vessel: FollowedVessel) -> dict[str, float]:
    """Return how far sections moved along the vessel in px, over all frames."""
    length = length_of(loop)
    places = [
        length[place_on(axis, points)]
        for axis, points in zip(loop.centre, vessel.points, strict=True)
    ]
    away = np.abs(np.array(places) - places[vessel.anchor])
    others = np.arange(len(away)) != vessel.anchor
    inside = np.all((vessel.points > 0) & (vessel.points < SIZE - 1), axis=2)
    away = away[others][inside[others]]
    return {
        "median": float(np.median(away)), "high": float(np.percentile(away, 95)),
    }  # fmt: skip


def strain_of(loop: PhantomLoop, diameters: np.ndarray, points: np.ndarray) -> float:
    """Return the vessel's strain: the median of its sections."""
    try:
        phase = heart_phase(points, loop.cine.frame_times).phase
    except MeasurementError:
        return 0.0
    return wall_strain(diameters, phase).typical


def largest_minus_smallest(diameters: np.ndarray) -> float:
    """Return the usual strain of sections, which grows with the noise."""
    largest = diameters.max(axis=0)
    return float(np.median((largest - diameters.min(axis=0)) / largest))


def mask_width(loop: PhantomLoop, t: int, points: np.ndarray, peer: str) -> np.ndarray:
    """Return the widths ``(N,)`` of the exact mask at points, as peers measure them."""
    axis, radius = loop.centre[t], loop.radius[t]
    grid = np.stack(np.meshgrid(*[np.arange(SIZE)] * 2, indexing="ij"), axis=-1)
    away, nearest = cKDTree(axis).query(grid.reshape(-1, 2))
    mask = (away <= radius[nearest]).reshape(SIZE, SIZE)
    if peer == PEERS[1]:
        skeleton, distance = medial_axis(mask, return_distance=True)
        pixels = np.argwhere(skeleton)
        chosen = cKDTree(pixels).query(points)[1]
        return 2 * distance[tuple(pixels[chosen].T)]
    line = Centreline(points, 1.0, 0.5)
    across = straighten(mask.astype(float), line, 1.5 * radius.max() + 3, 0.25)
    return 0.25 * (across.values > 0.5).sum(axis=1)


def waves_found(
    points: np.ndarray, times: np.ndarray, waves: np.ndarray
) -> dict[str, Any]:
    """Return how many R waves were found within a frame, and how many invented."""
    frame = times[1] - times[0]
    # at the very borders of a loop, nothing shows where a beat begins
    truth = waves[(waves >= 2 * frame) & (waves <= times[-1] - 4 * frame)]
    try:
        found = heart_phase(points, times).end_diastoles_ms
    except MeasurementError:
        found = np.empty(0)
    near = [np.abs(found - one).min(initial=np.inf) for one in truth]
    others = np.array([np.abs(waves - one).min(initial=np.inf) for one in found])
    inner = (found >= 3 * frame) & (found <= times[-1] - 5 * frame)
    return {
        "waves": len(truth), "found": int((np.array(near) <= frame).sum()),
        "invented": int((others[inner] > 3 * frame).sum()),
    }  # fmt: skip


def front_row(loop: PhantomLoop, flow: FlowSequence) -> dict[str, float]:
    """Return errors of arrival in frames and of the front's speed in per cent."""
    anchor = len(loop.cine) - 4
    vessel = run(
        follow_vessel_job(loop.cine, flow, anchor, line_of(loop, anchor), Calibration())
    )
    times = loop.cine.frame_times
    found = contrast_arrival(vessel.contrast, times, vessel.arc_length)
    truth = loop.arrival_ms[place_on(loop.centre[anchor], vessel.points[anchor])]
    error = np.abs(found.times_ms - truth) / (times[1] - times[0])
    return {
        "known": float(np.isfinite(error).mean()), "median": float(np.nanmedian(error)),
        "high": float(np.nanpercentile(error, 95)),
        "speed": found.speed / loop.config.front - 1,
    }  # fmt: skip


def trajectory_row(seed: int) -> dict[str, Any]:
    """Return end diastoles found on known trajectories with 0.5 px of noise."""
    rng = np.random.default_rng([seed, 4])
    heart, times = draw_heart(rng), np.arange(FRAMES) * 1000 / 15
    waves = heart.r_waves(float(times[-1]) + 5000, rng)
    beat = np.searchsorted(waves, times, side="right") - 1
    share = (times - waves[beat]) / (waves[beat + 1] - waves[beat])
    way = rng.normal(size=(1, 30, 2)) * 2 + rng.normal(size=2) * 4
    points = 100 + heart.contraction(share)[:, None, None] * way
    points += heart.breathing * np.sin(2 * np.pi * times / 4000)[:, None, None]
    points += 0.5 * rng.standard_normal(points.shape)
    return {"trajectories": waves_found(points, times, waves)}
