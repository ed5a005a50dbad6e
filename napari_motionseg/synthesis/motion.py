"""Heartbeat, breathing and table: maps of space, smooth in time.

Each map is given in closed form; where its inverse is needed it is solved by
fixed-point iteration to 1e-4 px, so flow between any two times is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.vessels import SEMI_AXES

Array = NDArray[np.float64]

SYSTOLE = 0.36  # share of a beat in which the heart contracts
INVERSE_STEPS = 40
INVERSE_TOLERANCE_PX = 1e-4


@dataclass(frozen=True)
class Heartbeat:
    """The heart's motion.

    Parameters
    ----------
    period
        Seconds of a beat.
    phase
        Share of a beat that has passed at time 0.
    radial, axial
        Contraction across and along the axis at end systole, as shares.
    twist
        Turn of the apex against the base at end systole, radians.
    shift
        Motion of the whole heart at end systole, its own axes, px at 512 px.
    """

    period: float
    phase: float
    radial: float
    axial: float
    twist: float
    shift: Array

    def contraction(self, time: float) -> float:
        """Return 0 at rest to 1 at end systole, smooth and periodic."""
        share = (time / self.period + self.phase) % 1
        if share < SYSTOLE:
            return float(0.5 - 0.5 * np.cos(np.pi * share / SYSTOLE))
        rest = (share - SYSTOLE) / (1 - SYSTOLE)
        # filling is quick at first, then the heart waits for the next beat
        return float(0.5 + 0.5 * np.cos(np.pi * rest**0.6))

    def move(self, points: Array, time: float) -> Array:
        """Return where points ``(N, 3)`` of the resting heart are at `time` (s)."""
        c = self.contraction(time)
        height = points[:, 2] / SEMI_AXES[2]
        angle = self.twist * c * height
        scale = 1 - self.radial * c * (0.75 + 0.25 * height)
        x = scale * (points[:, 0] * np.cos(angle) - points[:, 1] * np.sin(angle))
        y = scale * (points[:, 0] * np.sin(angle) + points[:, 1] * np.cos(angle))
        z = points[:, 2] * (1 - self.axial * c)
        return np.stack((x, y, z), axis=1) + c * self.shift


def draw_heartbeat(config: SynthesisConfig, rng: np.random.Generator) -> Heartbeat:
    """Return a heartbeat within the configuration's ranges."""
    amount = config.heart_motion
    return Heartbeat(
        period=60 / rng.uniform(*config.heart_rate_bpm),
        phase=rng.uniform(),
        radial=amount * rng.uniform(0.1, 0.22),
        axial=amount * rng.uniform(0.06, 0.14),
        twist=amount * rng.uniform(0.1, 0.3),
        shift=amount * rng.normal(size=3) * [7, 7, 9],
    )


@dataclass(frozen=True)
class BackgroundMotion:
    """Motion of what lies before and behind the heart, in px at 512 px.

    Parameters
    ----------
    breathing
        Amplitude x, y of breathing at the diaphragm.
    period, phase
        Of breathing, seconds and radians.
    pan
        The table's velocity, px a second.
    pull
        How far the beating heart drags the shadow around it, x and y.
    centre, reach
        Of that pull.
    beat
        The heart's motion.
    """

    breathing: Array
    period: float
    phase: float
    pan: Array
    pull: Array
    centre: Array
    reach: float
    beat: Heartbeat

    def displacement(self, points: Array, time: float) -> Array:
        """Return how far points ``(2, ...)`` (x, y at time 0's rest) have moved."""
        shape = (2,) + (1,) * (points.ndim - 1)
        x, y = points
        depth = 0.35 + 0.65 / (1 + np.exp(-(y - 300) / 90))
        wave = np.sin(2 * np.pi * time / self.period + self.phase) - np.sin(self.phase)
        square = ((x - self.centre[0]) ** 2 + (y - self.centre[1]) ** 2) / (
            2 * self.reach**2
        )
        drag = np.exp(-square) * self.beat.contraction(time)
        moved: Array = (
            self.breathing.reshape(shape) * (wave * depth)
            + self.pan.reshape(shape) * time
            + self.pull.reshape(shape) * drag
        )
        return moved

    def rigid(self, time: float) -> Array:
        """Return the displacement ``(2,)`` of the heart's centre, which it rides on."""
        centre = self.centre[:, None]
        calm = BackgroundMotion(
            self.breathing, self.period, self.phase, self.pan, np.zeros(2),
            self.centre, self.reach, self.beat,
        )  # fmt: skip
        return calm.displacement(centre, time)[:, 0]

    def origin(self, points: Array, time: float) -> Array:
        """Return which rest points ``(2, ...)`` are at `points` at `time`.

        Solves m + displacement(m) = p; the displacement varies slowly, so iteration
        contracts.
        """
        rest = points - self.displacement(points, time)
        for _ in range(INVERSE_STEPS):
            better = points - self.displacement(rest, time)
            error = float(np.abs(better - rest).max())
            rest = better
            if error < INVERSE_TOLERANCE_PX:
                break
        return rest


def draw_background_motion(
    config: SynthesisConfig,
    centre: Array,
    beat: Heartbeat,
    rng: np.random.Generator,
) -> BackgroundMotion:
    """Return the background's motion within the configuration's ranges."""
    angle = rng.uniform(0, 2 * np.pi)
    speed = rng.uniform(*config.table_pan)
    return BackgroundMotion(
        breathing=config.breathing * np.array([rng.normal(0, 1.5), rng.uniform(3, 12)]),
        period=rng.uniform(2.8, 5.0),
        phase=rng.uniform(0, 2 * np.pi),
        pan=speed * np.array([np.cos(angle), np.sin(angle)]),
        pull=config.heart_motion * rng.normal(0, 4, 2),
        centre=centre,
        reach=rng.uniform(80, 120),
        beat=beat,
    )
