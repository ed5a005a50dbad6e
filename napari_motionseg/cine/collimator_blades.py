"""Find the blades of a collimator one by one.

A collimator has four blades at different distances from the X-ray tube. Each has a
penumbra of its own width, and the scatter behind it may brighten again towards the
border of the picture. Therefore each blade is a half-plane that is judged by itself:
from the inside outward, the gray falls across its edge and stays low up to the border.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

# share of the field's median gray; darker pixels may lie behind blades
DARK_SHARE = 0.72
LEAST_STEP = 0.05  # least rise in gray across the edge of blades, towards the field
PLATEAU_SHARE = 0.6  # share of that step; largest change of gray farther outside
STEPPED_SHARE = 0.93  # least share of the edge that shows this step
# Places across an edge, in px of the small picture, towards the field: within it, in
# the covered region, and farther outside.
PROBES = (4.0, -3.0, -9.0)
# Blades near the X-ray tube cast a wide penumbra; the places are farther apart then.
PENUMBRAS = (1.0, 1.75, 2.5)
PROBED_SHARE = 0.1  # of the shorter side; farther apart lie folds of tissue

TURNS = (-8.0, 8.0, 2.0)  # degrees: smallest and largest turn of blades, and the step
FINE_TURNS = (-1.0, 1.0)  # degrees that are tried around the best turn
# largest gray behind a single blade, as a share of the gray along its edge; together
# with the share of the field's median, their geometric mean is at most `DARK_SHARE`
DIMMED_SHARE = 0.75
MEAN_SHARE = 0.9  # the same for means along an edge, to leave out places without edges
LEAST_LENGTH = 0.4  # share of the shorter side; shorter edges are of anatomy
LEAST_STRIP = 0.008  # share of the picture; a narrower strip is not cut off


@dataclass(frozen=True)
class Blade:
    """An edge of a collimator's blade.

    Parameters
    ----------
    turn
        Turn of the blade against the picture in radians.
    side
        Side of the picture in quarter turns: 0 right, 1 bottom, 2 left, 3 top.
    offset
        Distance in px of the edge from the centre of the picture.
    sharpness
        Median fall of gray over two px across the edge.
    """

    turn: float
    side: int
    offset: float
    sharpness: float

    def covers(self, shape: tuple[int, ...]) -> Mask:
        """Return the pixels ``(h, w)`` behind the blade in a picture of this shape."""
        angle = self.turn + self.side * np.pi / 2
        rows, columns = np.indices(shape)
        down, right = rows - (shape[0] - 1) / 2, columns - (shape[1] - 1) / 2
        away = right * np.cos(angle) + down * np.sin(angle)
        return np.asarray(away > self.offset)


def cut_blades(picture: Picture, inside: Mask) -> Mask:
    """Return the field without the strips behind blades.

    Parameters
    ----------
    picture
        Gray values ``(h, w)`` in [0, 1]; the shorter side has about 256 px.
    inside
        The field ``(h, w)`` as far as it is known.
    """
    smooth = ndimage.gaussian_filter(picture, 1.0)
    turns = np.deg2rad(np.arange(TURNS[0], TURNS[1] + 1, TURNS[2]))
    grays = {float(turn): _turned(smooth, turn) for turn in turns}
    sides = set(range(4))
    # without the strips of the first blades, the edges of others may be seen whole
    while found := _sharpest_blades(grays, picture, inside, sides):
        for blade in found:
            near = [blade.turn + np.deg2rad(turn) for turn in FINE_TURNS]
            fine = {float(turn): _turned(smooth, turn) for turn in near}
            closer = _sharpest_blades(fine, picture, inside, {blade.side})
            best = max([blade, *closer], key=lambda one: one.sharpness)
            inside = inside & ~best.covers(picture.shape)
        sides -= {blade.side for blade in found}
    return inside


def _turned(array: NDArray[Any], turn: float) -> NDArray[Any]:
    """Return a picture or mask, turned about its centre, in a square that holds it.

    Outside the picture, gray is not a number and a mask is False.
    """
    order, outside = (0, False) if array.dtype == bool else (1, np.nan)
    side = int(np.ceil(1.2 * max(array.shape)))
    toward = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    middle = (np.array(array.shape) - 1) / 2
    start = middle - toward @ np.full(2, (side - 1) / 2)
    turned: NDArray[Any] = ndimage.affine_transform(
        array, toward, start, (side, side), order=order, cval=outside
    )
    return turned


def _seen_from(array: NDArray[Any], side: int) -> NDArray[Any]:
    """Return an array such that one of its sides, in quarter turns, is the right."""
    upright = array.T if side % 2 else array
    return upright[:, ::-1] if side > 1 else upright


def _sharpest_blades(
    grays: Mapping[float, Picture], picture: Picture, inside: Mask, sides: set[int]
) -> list[Blade]:
    """Return for each side the blade with the sharpest edge, where there is one."""
    if not inside.any():
        return []
    limits = _Limits.of(picture, inside)
    found: dict[int, Blade] = {}
    for turn, gray in grays.items():
        known = _turned(inside, turn)
        for side in sides:
            seen = _seen_from(gray, side), _seen_from(known, side)
            for column, sharpness in _edges(*seen, limits):
                if side not in found or sharpness > found[side].sharpness:
                    offset = column + 0.5 - (len(gray) - 1) / 2
                    found[side] = Blade(turn, side, offset, sharpness)
    return list(found.values())


@dataclass(frozen=True)
class _Limits:
    """Thresholds that an edge must reach to be that of a blade, for one picture.

    Parameters
    ----------
    gray
        Median gray of the field.
    length
        Least length of the edge in px.
    area
        Least area of the strip behind it in px.
    widths
        Widths of penumbras, as factors of the distances `PROBES`.
    """

    gray: float
    length: float
    area: float
    widths: tuple[float, ...]

    @classmethod
    def of(cls, picture: Picture, inside: Mask) -> _Limits:
        """Return the thresholds for a picture and its field as far as it is known."""
        shorter = min(picture.shape)
        return cls(
            float(np.median(picture[inside])),
            LEAST_LENGTH * shorter,
            LEAST_STRIP * picture.size,
            penumbras(shorter),
        )

    def stay_dark(
        self, levels: tuple[Picture, Picture], strip: Picture, known: Mask, behind: int
    ) -> bool:
        """Return whether a strip behind an edge is dark up to the picture's border.

        Parameters
        ----------
        levels
            Gray values ``(n,)`` before and behind the edge.
        strip
            Gray values ``(n, m)`` from the edge outward.
        known
            Where the strip ``(n, m)`` lies in the picture.
        behind
            Distance in px from the edge to the values behind it.
        """
        inner, outer = levels
        outside = strip[known]
        if len(outside) < self.area:
            return False
        dimmed = float(np.median(outer)) / max(float(np.median(inner)), LEAST_STEP)
        shaded = float(np.median(outside)) / max(self.gray, LEAST_STEP)
        if dimmed > DIMMED_SHARE or dimmed * shaded > DARK_SHARE**2:
            return False
        half = (inner + outer)[:, None] / 2
        dark = (strip < half)[:, behind:][known[:, behind:]]
        return bool(dark.sum() >= STEPPED_SHARE * len(dark))


def penumbras(shorter: int) -> tuple[float, ...]:
    """Return the widths of penumbras that fit a picture with a shorter side in px."""
    farthest = PROBED_SHARE * shorter / max(map(abs, PROBES))
    return tuple(width for width in PENUMBRAS if width == 1 or width <= farthest)


def _edges(gray: Picture, known: Mask, limits: _Limits) -> Iterator[tuple[int, float]]:
    """Find blades at the right of a picture; return their columns and sharpness."""
    means = _column_means(gray, known)
    for width in limits.widths:
        within, behind, farther = (round(width * abs(place)) for place in PROBES)
        columns = np.arange(gray.shape[1] // 2, gray.shape[1] - behind)
        # few pictures have blades, and a mean profile is quickly looked at
        fallen = means[columns + behind] < MEAN_SHARE * means[columns - within]
        columns = columns[fallen]
        if not len(columns):
            continue
        inner, outer = gray[:, columns - within], gray[:, columns + behind]
        seen = known[:, columns - within] & known[:, columns + behind]
        # a narrow strip shows no plateau; only a sharp edge is enough there
        beyond = outer if width == 1 else np.zeros_like(outer)
        for distance in ((behind + farther) // 2, farther):
            there = gray[:, np.minimum(columns + distance, gray.shape[1] - 1)]
            beyond = np.where(np.isfinite(there), there, beyond)
        step = inner - outer
        # a shadow of anatomy keeps darkening outwards; a blade is evenly dark
        falls = seen & (step >= LEAST_STEP)
        falls &= np.abs(outer - beyond) <= PLATEAU_SHARE * step
        length = seen.sum(axis=0)
        enough = (length >= limits.length) & (
            falls.sum(axis=0) >= STEPPED_SHARE * length
        )
        for at in np.flatnonzero(enough):
            rows, column = seen[:, at], int(columns[at])
            levels = inner[rows, at], outer[rows, at]
            strip, open_part = gray[rows, column:], known[rows, column:]
            if limits.stay_dark(levels, strip[:, 1:], open_part[:, 1:], behind):
                fall = gray[rows, column - 1] - gray[rows, column + 1]
                yield column, float(np.median(fall))


def _column_means(gray: Picture, known: Mask) -> NDArray[np.floating]:
    """Return the mean gray of each column, not a number where nothing is known."""
    count = known.sum(axis=0)
    total = np.where(known, gray, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
