"""Draw the loops on which following a vessel is measured, and their flow.

Each loop is one vessel with side branches that beats, breathes, pulses and fills. Blur,
noise, contrast, tissue, motion and heart rate are drawn and unknown to the methods.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from napari_motionseg.measurement import trace_centreline
from napari_motionseg.measurement.centreline import Centreline, vessel_cost
from napari_motionseg.motion import FlowSequence, estimate_flow
from napari_motionseg.synthesis.phantom_loop import (
    BeatConfig,
    PhantomLoop,
    PhantomLoopConfig,
    phantom_loop,
)
from napari_motionseg.synthesis.vessel_phantom import PhantomConfig

SIZE = 160
MARGIN_PX = 16  # of the vessel at each end, which the motion may carry out of sight
FRAMES = 32
RATES = (15.0, 30.0)
FLOWS = ("default network", "exact flow")
DEEPEST = 0.4  # of a vessel, in gray values; the tissue about it is at 0.6


def draw_beat(seed: int) -> PhantomLoop:
    """Draw a filled vessel that beats and pulses."""
    rng = np.random.default_rng([seed, 1])
    return phantom_loop(
        PhantomLoopConfig(
            vessel=draw_vessel(rng), beat=draw_heart(rng), frames=FRAMES,
            strain=rng.uniform(0, 0.2), branches=int(rng.integers(2, 5)),
        ),
        seed,
    )  # fmt: skip


def draw_front(seed: int, rate: float) -> PhantomLoop:
    """Draw a vessel that fills while it beats."""
    rng = np.random.default_rng([seed, 2])
    return phantom_loop(
        PhantomLoopConfig(
            vessel=draw_vessel(rng), beat=draw_heart(rng),
            frames=round(FRAMES * rate / 15), frame_rate=rate,
            front=rng.uniform(150, 600), arrival_ms=rng.uniform(500, 800),
            rise_ms=rng.uniform(100, 300), branches=int(rng.integers(2, 5)),
        ),
        seed,
    )  # fmt: skip


def draw_vessel(rng: np.random.Generator) -> PhantomConfig:
    """Draw a vessel of 2 to 4 mm at 0.2 mm a pixel, half of them with a lesion."""
    contrast, radius = rng.uniform(0.02, 0.05), rng.uniform(5, 10)
    # a black that the picture cannot show would seem to be reached too early
    contrast = min(contrast, DEEPEST / (2 * radius))
    return PhantomConfig(
        radius=radius, depth=rng.choice([0, rng.uniform(0.3, 0.6)]),
        width=rng.uniform(6, 14), blur=rng.uniform(0.6, 1.3),
        noise=rng.uniform(0.004, 0.016), contrast=contrast, bend=rng.uniform(4, 14),
        tissue=contrast * 2 * radius * rng.uniform(0, 0.16), size=SIZE,
    )  # fmt: skip


def draw_heart(rng: np.random.Generator) -> BeatConfig:
    """Draw a heart; beats differ in length by 4 %."""
    return BeatConfig(
        rate_bpm=rng.uniform(55, 100), first_ms=rng.uniform(0, 700), irregular=0.04,
        systole=rng.uniform(0.3, 0.42), kick=rng.uniform(0, 0.12),
        shift=(rng.uniform(-10, 10), rng.uniform(-5, 5)),
        turn=rng.uniform(-0.1, 0.1), stretch=rng.uniform(-0.05, 0.05),
        bow=rng.uniform(2, 8) * rng.choice([-1, 1]), breathing=rng.uniform(0, 4),
    )  # fmt: skip


def rounded(loop: PhantomLoop) -> bytes:
    """Return the frames as bytes whose last digits do not depend on the processor."""
    frames = [loop.cine.normalized(t) for t in range(len(loop.cine))]
    return np.round(np.stack(frames) * 1024).astype(np.int16).tobytes()


def flow_of(loop: PhantomLoop, name: str) -> FlowSequence:
    """Return the flow of neighbouring frames, both ways."""
    if name == FLOWS[0]:
        return estimate_flow(loop.cine, gap=1, backward=True)
    pairs = range(len(loop.cine) - 1)
    forward = np.stack([loop.flow(t, t + 1) for t in pairs])
    backward = np.stack([loop.flow(t + 1, t) for t in pairs])
    return FlowSequence(forward, backward, 1, "exact")


def line_of(loop: PhantomLoop, anchor: int) -> Centreline:
    """Return the centreline between two points on the vessel, as a user clicks them."""
    axis = loop.centre[anchor]
    column = axis[:, 1]
    places = [np.abs(column - c).argmin() for c in (MARGIN_PX, SIZE - 1 - MARGIN_PX)]
    ends = [tuple(axis[i]) for i in places]
    return trace_centreline(vessel_cost(loop.cine.normalized(anchor)), ends)


def place_on(axis: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the indices of the axis's points that are nearest to points ``(N, 2)``."""
    return cKDTree(axis).query(points)[1]


def length_of(loop: PhantomLoop) -> np.ndarray:
    """Return the arc length ``(K,)`` of the resting axis in px."""
    axis = loop.rest(loop.centre[0], 0)
    return np.r_[0, np.linalg.norm(np.diff(axis, axis=0), axis=1).cumsum()]
