"""Picture pairs of a second, simpler generator, so that no method is tested by heart.

Nothing here comes from `napari_motionseg.synthesis`. Two layers, each a formula that
can be evaluated at any point: a random tree of tubes in the plane, and a background of
cosine waves. Each layer has a motion ``m(x) = x + u(x)``, affine and a few slow waves.
Its second picture at q is its first at the point that moves to q, so the flow ``u`` is
exact at every pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

Points = np.ndarray  # (N, 2), x and y in px
INVERSE_STEPS = 12  # slopes are below 0.3: an error of 1e-5 px is left
SPACING = 0.5  # px between samples of a centreline


@dataclass(frozen=True)
class Motion:
    """A displacement field: affine about the middle, and slow waves.

    Parameters
    ----------
    middle, shift
        ``(2,)`` px.
    linear
        ``(2, 2)``, px a px.
    waves
        ``(K, 2)`` px, amplitudes.
    numbers
        ``(K, 2)`` 1/px, wave vectors times two pi.
    phases
        ``(K,)``.
    """

    middle: np.ndarray
    shift: np.ndarray
    linear: np.ndarray
    waves: np.ndarray
    numbers: np.ndarray
    phases: np.ndarray

    def displacement(self, points: Points) -> Points:
        """Return u(x) in px at each point."""
        affine = self.shift + (points - self.middle) @ self.linear.T
        return affine + np.cos(points @ self.numbers.T + self.phases) @ self.waves

    def origin(self, points: Points) -> Points:
        """Return the x that moves to each point, by fixed-point iteration.

        It converges because the field's slope stays below 1.
        """
        origin = points
        for _ in range(INVERSE_STEPS):
            origin = points - self.displacement(origin)
        return origin


@dataclass(frozen=True)
class Tree:
    """A vessel tree: discs along its centrelines.

    Parameters
    ----------
    centres
        ``(N, 2)`` px.
    radii
        ``(N,)`` px.
    """

    centres: Points
    radii: np.ndarray

    def depth(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """Return path length in px through the nearest tube, and whether inside it."""
        reach = float(self.radii.max())
        distance, nearest = cKDTree(self.centres).query(
            points, distance_upper_bound=reach
        )
        radius = np.append(self.radii, 0.0)[nearest]  # nobody near: the number N
        inside = distance <= radius
        half = np.sqrt(np.where(inside, radius**2 - distance**2, 0.0))
        return 2 * half, inside


@dataclass(frozen=True)
class Waves:
    """A background: cosine waves, the longer the stronger."""

    amplitudes: np.ndarray
    numbers: np.ndarray
    phases: np.ndarray

    def absorbance(self, points: Points) -> np.ndarray:
        """Return ``(N,)`` at each point."""
        return np.cos(points @ self.numbers.T + self.phases) @ self.amplitudes


def simple_pairs(
    count: int, size: int, seed: int, noisy: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs in the form of `napari_motionseg.synthesis.training_pairs`.

    Returns
    -------
    tuple
        First and second ``(N, H, W)`` float32 in [0, 1], flow ``(N, 2, H, W)`` float32
        in px, vessels of the first ``(N, H, W)`` bool.
    """
    rng = np.random.default_rng([seed, 512])
    parts = [simple_pair(size, rng, noisy) for _ in range(count)]
    first, second, flow, mask = (np.stack(part) for part in zip(*parts, strict=True))
    return first, second, flow, mask


def simple_pair(size: int, rng: np.random.Generator, noisy: bool) -> tuple:
    """Return one pair: vessels move some 10 px, up to 30; what is behind them 2."""
    pixels = np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1)
    pixels = pixels.reshape(-1, 2).astype(float)
    tree, ground = draw_tree(size, rng), draw_waves(rng)
    heart = draw_motion(size, rng, shift=rng.uniform(0, 16), strain=0.06, wave=3.0)
    breath = draw_motion(size, rng, shift=rng.uniform(0, 3), strain=0.01, wave=1.0)
    opacity = rng.uniform(0.03, 0.1)  # a px of path
    exposure, grain = rng.uniform(0.45, 0.85), rng.uniform(0.004, 0.03) * noisy
    pictures = []
    for behind, before in (
        (pixels, pixels),
        (breath.origin(pixels), heart.origin(pixels)),
    ):
        absorbance = ground.absorbance(behind) + opacity * tree.depth(before)[0]
        light = gaussian_filter(np.exp(-absorbance).reshape(size, size), 0.6)
        picture = exposure * light + grain * rng.standard_normal((size, size))
        pictures.append(np.clip(picture, 0, 1).astype(np.float32))
    inside = tree.depth(pixels)[1]
    flow = np.where(
        inside[:, None], heart.displacement(pixels), breath.displacement(pixels)
    )
    flow = flow.T.reshape(2, size, size).astype(np.float32)
    return *pictures, flow, inside.reshape(size, size)


def draw_motion(
    size: int, rng: np.random.Generator, shift: float, strain: float, wave: float
) -> Motion:
    """Draw a motion whose shift has a given length and whose rest is bounded."""
    angle, waves = rng.uniform(0, 2 * np.pi), 3
    return Motion(
        middle=np.full(2, size / 2),
        shift=shift * np.array((np.cos(angle), np.sin(angle))),
        linear=rng.uniform(-strain, strain, (2, 2)),
        waves=rng.uniform(-wave, wave, (waves, 2)) / waves,
        numbers=wave_vectors(rng.uniform(size / 3, size, waves), rng),
        phases=rng.uniform(0, 2 * np.pi, waves),
    )


def draw_waves(rng: np.random.Generator, count: int = 32) -> Waves:
    """Draw wavelengths from 12 to 400 px, amplitudes that grow with them."""
    lengths = np.exp(rng.uniform(np.log(12), np.log(400), count))
    return Waves(
        amplitudes=rng.uniform(0.2, 1, count) * 0.0012 * lengths**0.9,
        numbers=wave_vectors(lengths, rng),
        phases=rng.uniform(0, 2 * np.pi, count),
    )


def wave_vectors(lengths: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    angles = rng.uniform(0, 2 * np.pi, len(lengths))
    directions = np.stack((np.cos(angles), np.sin(angles)), axis=1)
    return 2 * np.pi * directions / lengths[:, None]


def draw_tree(size: int, rng: np.random.Generator) -> Tree:
    """Draw a trunk from a corner region inwards, with branches of branches."""
    start = size * rng.uniform(0.1, 0.35, 2)
    stems = [(start, rng.uniform(0, np.pi / 2), size * rng.uniform(0.007, 0.012), 0)]
    centres, radii = [], []
    while stems:
        place, angle, radius, generation = stems.pop()
        length = size * rng.uniform(0.35, 0.75) * 0.7**generation
        line, angles = draw_line(place, angle, length, rng)
        taper = radius * np.linspace(1, 0.6, len(line))
        centres.append(line)
        radii.append(np.maximum(taper, 0.7))
        if generation < 3:
            for at in rng.uniform(0.15, 0.9, rng.integers(2, 4)):
                i = int(at * len(line))
                turn = rng.choice((-1, 1)) * rng.uniform(0.4, 1.1)
                stems.append(
                    (line[i], angles[i] + turn, 0.7 * taper[i], generation + 1)
                )
    return Tree(np.concatenate(centres), np.concatenate(radii))


def draw_line(
    start: np.ndarray, angle: float, length: float, rng: np.random.Generator
) -> tuple[Points, np.ndarray]:
    """Return a meandering line ``(N, 2)`` and its direction at each sample."""
    steps = max(4, int(length / SPACING))
    bends = np.cumsum(rng.standard_normal(steps)) * 0.03
    angles = angle + gaussian_filter(bends, 10)
    way = SPACING * np.stack((np.cos(angles), np.sin(angles)), axis=1)
    return start + np.cumsum(way, axis=0), angles
