"""Coronary trees on an ellipsoidal heart, and their projection.

Lengths are px at the isocentre of a picture of 512 px. The heart's long axis is z,
pointing to the apex; a branch is a walk over the surface in angles (polar from the
base, azimuth around the axis).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SEMI_AXES = np.array([160.0, 150.0, 200.0])
STEP = 1.5  # px between two samples of a centreline
MURRAY = 3.0  # the cube of a parent's radius is the sum of its children's (Murray 1926)
SMALLEST_RADIUS = 0.75
FOCUS = 2400.0  # distance of the X-ray source, about 90 cm


@dataclass(frozen=True)
class Tree:
    """Samples of all centrelines.

    Parameters
    ----------
    points
        ``(N, 3)`` on the resting heart, px.
    radii
        ``(N,)`` px.
    path
        ``(N,)`` px that contrast travels from the ostium.
    branch
        ``(N,)`` number of the branch; samples of a branch are neighbours.
    """

    points: Array
    radii: Array
    path: Array
    branch: NDArray[np.intp]


@dataclass(frozen=True)
class _Walk:
    """A branch before it is put on the heart: angles, radii, path."""

    angles: Array
    radii: Array
    path: Array


def grow_tree(side: str, generations: int, rng: np.random.Generator) -> Tree:
    """Return a left or right coronary tree.

    Parameters
    ----------
    side
        ``"left"``: main stem, then anterior descending and circumflex; ``"right"``: one
        trunk in the groove around the heart that ends in descending branches.
    generations
        Branchings after the trunks.
    rng
        Draws courses, lengths, radii, tortuosity.
    """
    trunks = _left_trunks(rng) if side == "left" else _right_trunks(rng)
    walks, parents = list(trunks), list(trunks)
    for generation in range(generations):
        children = [
            child for walk in parents for child in _children(walk, generation, rng)
        ]
        walks += children
        parents = children
    return _assemble(walks, turn=rng.uniform(-0.9, 0.9))


def _left_trunks(rng: np.random.Generator) -> list[_Walk]:
    radius = rng.uniform(5.4, 8.2)
    start = np.array([0.55, rng.uniform(-0.2, 0.2)])
    stem = _walk(start, rng.uniform(0.1, 0.5), 34.0, radius, 0.95, rng)
    split = radius * 2 ** (-1 / MURRAY)
    ahead, around = rng.uniform(0.9, 1.05), rng.uniform(0.82, 1.0)
    end, path = stem.angles[-1], stem.path[-1]
    descending = _walk(
        end, rng.uniform(-0.15, 0.15), rng.uniform(330, 470), split * ahead, 0.3, rng
    )
    circumflex = _walk(
        end, rng.uniform(1.2, 1.5), rng.uniform(240, 420), split * around, 0.34, rng
    )
    return [stem, _shifted(descending, path), _shifted(circumflex, path)]


def _right_trunks(rng: np.random.Generator) -> list[_Walk]:
    radius = rng.uniform(4.8, 7.6)
    start = np.array([0.75, rng.uniform(-0.3, 0.3)])
    groove = _walk(
        start, np.pi / 2 + rng.uniform(-0.1, 0.15), rng.uniform(400, 520), radius, 0.6,
        rng, level=rng.uniform(1.15, 1.35),
    )  # fmt: skip
    end, path, last = groove.angles[-1], groove.path[-1], groove.radii[-1]
    ends = [
        _shifted(
            _walk(end, heading, rng.uniform(120, 260), last * 0.85, 0.4, rng), path
        )
        for heading in (rng.uniform(-0.2, 0.2), rng.uniform(0.7, 1.2))
    ]
    return [groove, *ends]


def _children(parent: _Walk, generation: int, rng: np.random.Generator) -> list[_Walk]:
    """Return side branches; fewer and shorter the deeper."""
    length = parent.path[-1] - parent.path[0]
    spacing = rng.uniform(45, 95)
    children = []
    for place in np.arange(rng.uniform(0.4, 0.9) * spacing, 0.92 * length, spacing):
        place += rng.normal(0, 6)
        i = int(np.clip(place / STEP, 1, len(parent.path) - 2))
        radius = parent.radii[i] * rng.uniform(0.45, 0.72)
        if radius < SMALLEST_RADIUS:
            break
        ahead = parent.angles[min(i + 6, len(parent.path) - 1)] - parent.angles[i - 1]
        heading = np.arctan2(ahead[1] * np.sin(parent.angles[i, 0]), ahead[0])
        turn = rng.choice([-1, 1]) * rng.uniform(0.5, 1.1)
        reach = rng.uniform(0.25, 0.7) * 340 / (generation + 1)
        child = _walk(parent.angles[i], heading + turn, reach, radius, 0.45, rng)
        children.append(_shifted(child, parent.path[i]))
    return children


def _walk(
    start: Array,
    heading: float,
    length: float,
    radius: float,
    taper: float,
    rng: np.random.Generator,
    level: float | None = None,
) -> _Walk:
    """Walk over the surface: a smooth random change of heading, a tapering radius.

    `level` draws the walk to that polar angle, as the groove does with its vessels.
    """
    count = max(6, int(length / STEP))
    wiggle = rng.normal(size=(3, 1)) * np.sin(
        np.arange(count) * STEP / rng.uniform(14, 60, (3, 1))
        + rng.uniform(0, 2 * np.pi, (3, 1))
    )
    headings = heading + rng.uniform(0.08, 0.26) * wiggle.sum(axis=0)
    headings += rng.normal(0, 0.35) * np.linspace(0, 1, count)
    angles = np.empty((count, 2))
    angles[0] = start
    across, along = SEMI_AXES[:2].mean(), SEMI_AXES[2]
    for i in range(1, count):
        polar, azimuth = angles[i - 1]
        h = headings[i]
        if level is not None:
            h += 2.5 * (polar - level)
        unit = np.hypot(across * np.cos(polar), along * np.sin(polar))
        polar_step = STEP * np.cos(h) / unit
        azimuth_step = STEP * np.sin(h) / (across * max(np.sin(polar), 0.2))
        angles[i] = np.clip(polar + polar_step, 0.3, 2.9), azimuth + azimuth_step
    share = np.linspace(0, 1, count)
    radii = radius * (1 + (taper - 1) * share)
    radii *= _stenoses(count, rng)
    return _Walk(
        angles, np.maximum(radii, SMALLEST_RADIUS), np.arange(count, dtype=float) * STEP
    )


def _stenoses(count: int, rng: np.random.Generator) -> Array:
    """Return a factor on the radius, below 1 where the vessel is narrowed."""
    factor = np.ones(count)
    for _ in range(rng.poisson(0.25)):
        centre, width = rng.uniform(0.1, 0.9) * count, rng.uniform(3, 8)
        depth = rng.uniform(0.2, 0.65)
        factor *= 1 - depth * np.exp(-(((np.arange(count) - centre) / width) ** 2))
    return factor


def _shifted(walk: _Walk, path: float) -> _Walk:
    return _Walk(walk.angles, walk.radii, walk.path + path)


def _assemble(walks: list[_Walk], turn: float) -> Tree:
    angles = np.concatenate([walk.angles for walk in walks]) + [0.0, turn]
    polar, azimuth = angles.T
    points = SEMI_AXES * np.stack(
        (
            np.sin(polar) * np.cos(azimuth),
            np.sin(polar) * np.sin(azimuth),
            -np.cos(polar),
        ),
        axis=1,
    )
    branch = np.repeat(np.arange(len(walks)), [len(walk.path) for walk in walks])
    return Tree(
        points,
        np.concatenate([walk.radii for walk in walks]),
        np.concatenate([walk.path for walk in walks]),
        branch,
    )


@dataclass(frozen=True)
class Camera:
    """A C-arm: where the heart appears in the picture.

    Parameters
    ----------
    rotation
        ``(3, 3)``: from the heart's axes to the picture's (x right, y down, z to the
        source).
    centre
        Of the heart in the picture, x and y in px at 512 px.
    primary, secondary
        Angles in degrees, LAO and cranial positive.
    """

    rotation: Array
    centre: Array
    primary: float
    secondary: float

    def project(self, points: Array) -> Array:
        """Return ``(N, 2)`` x, y in px at 512 px, with cone-beam magnification."""
        turned = points @ self.rotation.T
        magnification = FOCUS / (FOCUS - turned[:, 2])
        projected: Array = turned[:, :2] * magnification[:, None] + self.centre
        return projected


def draw_camera(rng: np.random.Generator) -> Camera:
    """Return one of the usual views, with the heart's own tilt in the chest."""
    primary, secondary = rng.uniform(-45, 50), rng.uniform(-30, 32)
    tilt = _about("x", np.deg2rad(90 + rng.uniform(-8, 8)))
    lean = _about("z", np.deg2rad(rng.uniform(-50, -25)))
    turn = _about("y", np.deg2rad(primary)) @ _about("x", np.deg2rad(secondary))
    centre = np.array([rng.uniform(235, 290), rng.uniform(225, 285)])
    return Camera(turn @ lean @ tilt, centre, primary, secondary)


def _about(axis: str, angle: float) -> Array:
    """Return the rotation about one axis by `angle` radians."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix
