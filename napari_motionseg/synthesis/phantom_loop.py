"""A phantom loop: a vessel that beats, pulses and fills with contrast, all known.

The vessel of `vessel_phantom` gets side branches and is carried by a map of the plane
with a closed form: the heart's contraction shifts, turns, stretches and bows it, and
breathing shifts it slowly. The tissue behind it stays. R waves stand where contractions
begin.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from napari_motionseg.cine import Cine
from napari_motionseg.synthesis.vessel_phantom import (
    FINE,
    LEVEL,
    TISSUE_PX,
    PhantomConfig,
    mean_chord,
    vessel_axis,
)

Array = NDArray[np.float64]

INVERSE_STEPS = 12  # of the fixed point; each gains a digit
BRANCH_POINTS = 400


@dataclass(frozen=True)
class BeatConfig:
    """Describe the motion of the phantom's heart.

    Parameters
    ----------
    rate_bpm
        Beats a minute.
    first_ms
        Time of the first R wave in milliseconds; it may be negative.
    irregular
        Standard deviation of the length of beats, as a share of their mean.
    systole
        Share of a beat in which the heart contracts.
    kick
        Motion just before the R wave, when the atria contract, as a share of the whole.
    shift
        Shift at end systole along rows and columns in px.
    turn
        Rotation at end systole in radians.
    stretch
        Stretch along columns at end systole, as a share.
    bow
        Shift of the picture's middle along rows at end systole in px.
    breathing
        Amplitude of breathing along rows in px; a breath takes four seconds.
    """

    rate_bpm: float = 75.0
    first_ms: float = 100.0
    irregular: float = 0.0
    systole: float = 0.36
    kick: float = 0.0
    shift: tuple[float, float] = (6.0, 3.0)
    turn: float = 0.05
    stretch: float = 0.03
    bow: float = 3.0
    breathing: float = 2.0

    def r_waves(self, end_ms: float, rng: np.random.Generator) -> Array:
        """Return the times of R waves in ms, from before 0 to after `end_ms`."""
        beat = 60_000 / self.rate_bpm
        times = [self.first_ms - beat]
        while times[0] > 0:
            times.insert(0, times[0] - beat)
        while times[-1] < end_ms:
            times.append(times[-1] + beat * (1 + self.irregular * rng.normal()))
        return np.array(times)

    def contraction(self, share: Array) -> Array:
        """Return the contraction at shares of a beat: 0 at rest, 1 at end systole."""
        squeeze = 0.5 - 0.5 * np.cos(np.pi * share / self.systole)
        rest = np.clip((share - self.systole) / (1 - self.systole), 0, 1)
        fill = 0.5 + 0.5 * np.cos(np.pi * rest**0.6)
        atria = self.kick * np.exp(-(((share - 0.9) / 0.05) ** 2))
        found: Array = np.where(share < self.systole, squeeze, fill - atria)
        return found


@dataclass(frozen=True)
class PhantomLoopConfig:
    """Settings of a phantom loop; lengths in px.

    Parameters
    ----------
    vessel
        Vessel, blur, noise and tissue of every frame.
    beat
        How the heart beats.
    frames, frame_rate
        Number of frames, and frames a second.
    strain
        Largest minus smallest diameter over a beat, divided by the largest.
    front
        Speed of the contrast front in px a second.
    arrival_ms
        Time at which half of the contrast has arrived at the beginning.
    rise_ms
        Time in which contrast rises from an eighth to seven eighths.
    branches
        Number of side branches.
    """

    vessel: PhantomConfig = field(default_factory=PhantomConfig)
    beat: BeatConfig = field(default_factory=BeatConfig)
    frames: int = 24
    frame_rate: float = 15.0
    strain: float = 0.0
    front: float = 400.0
    arrival_ms: float = -1e6
    rise_ms: float = 150.0
    branches: int = 3


@dataclass(frozen=True, eq=False)
class PhantomLoop:
    """A loop of one vessel, and the truth about it.

    Parameters
    ----------
    cine
        The loop, with frame times and R waves.
    centre
        ``(T, K, 2)`` row and column in px of K points that move with the vessel.
    radius
        ``(T, K)`` radius in px there.
    arrival_ms
        ``(K,)`` time at which half of the contrast has arrived.
    r_waves_ms
        Times of the R waves within the loop.
    config
        Settings of the loop.
    """

    cine: Cine
    centre: Array
    radius: Array
    arrival_ms: Array
    r_waves_ms: Array
    config: PhantomLoopConfig
    _contraction: Array

    def flow(self, t: int, u: int) -> NDArray[np.float32]:
        """Return the vessel's flow ``(2, H, W)`` from frame t to u in px, x first."""
        shape = self.cine.shape[1:]
        rows, columns = np.meshgrid(*map(np.arange, shape), indexing="ij")
        here = np.stack((rows, columns), axis=-1).astype(float)
        there = self.place(self.rest(here, t), u)
        flow: NDArray[np.float32] = (there - here).transpose(2, 0, 1)[::-1]
        return flow.astype(np.float32)

    def place(self, points: Array, t: int) -> Array:
        """Return where points ``(..., 2)`` of the resting vessel are in frame t."""
        beat, size = self.config.beat, self.config.vessel.size
        c = self._contraction[t]
        away = points - (size - 1) / 2
        row, column = away[..., 0], away[..., 1]
        angle = beat.turn * c
        bow = beat.bow * c * np.cos(np.pi * column / size)
        new_row = row * np.cos(angle) + column * np.sin(angle) + bow
        new_column = (1 + beat.stretch * c) * (
            column * np.cos(angle) - row * np.sin(angle)
        )
        second = t / self.config.frame_rate
        breath = beat.breathing * np.sin(2 * np.pi * second / 4)
        moved: Array = np.stack(
            (new_row + beat.shift[0] * c + breath, new_column + beat.shift[1] * c),
            axis=-1,
        )
        return moved + (size - 1) / 2

    def rest(self, points: Array, t: int) -> Array:
        """Return the resting places of points ``(..., 2)`` of frame t."""
        found = points.copy()
        for _ in range(INVERSE_STEPS):
            found = found + points - self.place(found, t)
        return found


def phantom_loop(config: PhantomLoopConfig | None = None, seed: int = 0) -> PhantomLoop:
    """Return a phantom loop.

    Parameters
    ----------
    config
        Settings; None for the defaults.
    seed
        Draws noise, tissue, branches and the lengths of beats.
    """
    config = config or PhantomLoopConfig()
    rng = np.random.default_rng(seed)
    times = np.arange(config.frames) * 1000 / config.frame_rate
    r_waves = config.beat.r_waves(float(times[-1]) + 5000, rng)
    beat = np.searchsorted(r_waves, times, side="right") - 1
    share = (times - r_waves[beat]) / (r_waves[beat + 1] - r_waves[beat])
    axis, radius = vessel_axis(config.vessel)
    length = np.r_[0, np.linalg.norm(np.diff(axis, axis=0), axis=1).cumsum()]
    begin = length[np.abs(axis[:, 1]).argmin()]
    arrival = config.arrival_ms + 1000 * (length - begin) / config.front
    pulse = 1 - config.strain * (1 - _pulse(share))
    seen = r_waves[(r_waves >= 0) & (r_waves <= times[-1])]
    loop = PhantomLoop(
        _empty(config, times), np.empty((0, 0, 2)), pulse[:, None] * radius, arrival,
        seen, config, config.beat.contraction(share),
    )  # fmt: skip
    tubes = [(axis, radius, arrival), *_branches(config, axis, radius, arrival, rng)]
    still = _tissue(config.vessel, rng)
    frames = np.stack(
        [
            _frame(loop, t, [(a, pulse[t] * r, w) for a, r, w in tubes], still, rng)
            for t in range(config.frames)
        ]
    )
    centre = np.stack([loop.place(axis, t) for t in range(config.frames)])
    marked = np.unique(np.round(seen * config.frame_rate / 1000).astype(int))
    cine = Cine.from_array(
        np.clip(frames, 0, 1).astype(np.float32), frame_times=times,
        intensity_relationship="LOG", name=f"phantom-{seed}",
        r_waves=tuple(int(t) for t in marked if t < config.frames),
    )  # fmt: skip
    return PhantomLoop(
        cine, centre, loop.radius, arrival, seen, config, loop._contraction
    )


def _empty(config: PhantomLoopConfig, times: Array) -> Cine:
    size = config.vessel.size
    return Cine.from_array(np.zeros((len(times), size, size), np.float32))


def _pulse(share: Array) -> Array:
    """Return the pressure at shares of a beat: 0 at its least, 1 at its most."""
    late = (share - 0.08) % 1  # the pulse arrives after the R wave
    rise = 0.5 - 0.5 * np.cos(np.pi * np.clip(late / 0.25, 0, 1))
    fall = np.exp(-np.clip(late - 0.25, 0, None) / 0.35)
    end = np.exp(-0.75 / 0.35)
    found: Array = np.where(late < 0.25, rise, (fall - end) / (1 - end))
    return found


def _branches(
    config: PhantomLoopConfig,
    axis: Array,
    radius: Array,
    arrival: Array,
    rng: np.random.Generator,
) -> list[tuple[Array, Array, Array]]:
    """Return axis, radius and arrival of side branches at drawn places."""
    found = []
    inside = np.flatnonzero(
        (axis[:, 1] > 0.1 * config.vessel.size)
        & (axis[:, 1] < 0.9 * config.vessel.size)
    )
    for part in range(config.branches):
        spread = rng.uniform(0.15, 0.85)
        root = inside[int((part + spread) / config.branches * (len(inside) - 1))]
        along = axis[root + 1] - axis[root - 1]
        heading = np.arctan2(along[0], along[1])
        angle = heading + rng.choice([-1, 1]) * rng.uniform(0.6, 1.2)
        way = np.linspace(0, rng.uniform(25, 45), BRANCH_POINTS)[:, None]
        line = axis[root] + way * [np.sin(angle), np.cos(angle)]
        width = rng.uniform(0.45, 0.75) * radius[root]
        late = arrival[root] + 1000 * way[:, 0] / config.front
        found.append((line, np.full(BRANCH_POINTS, width), late))
    return found


def _tissue(config: PhantomConfig, rng: np.random.Generator) -> Array:
    """Return the uneven background ``(H, W)``, which does not move."""
    field_ = ndimage.gaussian_filter(
        rng.standard_normal((config.size, config.size)), TISSUE_PX
    )
    level: Array = LEVEL + config.tissue * field_ / field_.std()
    return level


def _frame(
    loop: PhantomLoop,
    t: int,
    tubes: list[tuple[Array, Array, Array]],
    still: Array,
    rng: np.random.Generator,
) -> Array:
    """Return frame t ``(H, W)`` of tubes, each axis at rest, radius and arrival."""
    config, vessel = loop.config, loop.config.vessel
    side = vessel.size * FINE
    absorbed = np.zeros((side, side))
    now = 1000 * t / config.frame_rate
    steep = 2 * np.log(7) / config.rise_ms
    for axis, radius, arrival in tubes:
        tree, reach = cKDTree(loop.place(axis, t)), float(radius.max()) + 1
        rows, columns = _fine_near(tree, reach, vessel.size)
        points = (np.stack((rows, columns), axis=1) + 0.5) / FINE - 0.5
        away, index = tree.query(points)
        chord = mean_chord(away, radius[index], 1 / FINE)
        filled = 1 / (1 + np.exp(-np.clip(steep * (now - arrival[index]), -50, 50)))
        # where a branch leaves, rays run through one lumen and not through two
        absorbed[rows, columns] = np.maximum(absorbed[rows, columns], chord * filled)
    grid = ndimage.gaussian_filter(vessel.contrast * absorbed, vessel.blur * FINE)
    grid = grid.reshape(vessel.size, FINE, vessel.size, FINE).mean(axis=(1, 3))
    noise = vessel.noise * rng.standard_normal(still.shape)
    frame: Array = still - grid + noise
    return frame


def _fine_near(
    tree: cKDTree, reach: float, size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the fine samples in pixels near an axis."""
    pixels = np.stack(np.meshgrid(*[np.arange(size)] * 2, indexing="ij"), axis=-1)
    away, _ = tree.query(pixels.reshape(-1, 2), distance_upper_bound=reach + 1)
    near = np.isfinite(away).reshape(size, size)
    rows, columns = np.nonzero(np.kron(near, np.ones((FINE, FINE), bool)))
    return rows, columns
