"""Simulate strokes that a person would paint, from a reference mask and a seed.

A vessel stroke follows a centreline and stays inside the vessel. A background stroke is
a slightly bent line outside the vessel. Every second one is near the vessel, where
people tend to paint. Corrections of a mask are strokes along its largest errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from napari_motionseg.errors import LabelError, SettingsError

BACKGROUND, VESSEL = 1, 2  # class numbers of scribbles
CLOSE = (5.0, 30.0)  # px: distance from the vessel of a near background stroke
CORRECTED_MARGIN = 1.0  # px: least distance of a corrected mark from the vessel
TRIES = 200  # attempts to place a background stroke


@dataclass(frozen=True)
class StrokeSettings:
    """Settings of the number and shape of strokes.

    Parameters
    ----------
    vessel, background
        Number of strokes of each class.
    length
        Length of a stroke in px.
    radius
        Radius of the brush in px.
    margin
        Least distance in px of a background stroke from the vessel.

    Raises
    ------
    SettingsError
        If there is no stroke, or a length is not positive.
    """

    vessel: int = 5
    background: int = 5
    length: int = 50
    radius: float = 2.0
    margin: float = 3.0

    def __post_init__(self) -> None:
        if min(self.vessel, self.background) < 0 or not self.vessel + self.background:
            raise SettingsError(
                f"there must be at least one stroke of any class; got {self.vessel} of "
                f"vessel and {self.background} of background"
            )
        if self.length < 1 or self.radius < 0 or self.margin < 0:
            raise SettingsError(
                "length must be at least 1, radius and margin at least 0; got "
                f"{self.length}, {self.radius} and {self.margin}"
            )


def simulated_strokes(
    mask: NDArray[np.bool_], settings: StrokeSettings, seed: int
) -> list[NDArray[np.uint8]]:
    """Return strokes ``(H, W)`` uint8, in the order in which they are painted.

    Parameters
    ----------
    mask
        Vessel mask ``(H, W)`` bool.
    settings
        Settings of the strokes.
    seed
        Seed of the positions.

    Returns
    -------
    list of NDArray
        One array for each stroke: 1 for background or 2 for vessel where it paints,
        else 0.
        The classes alternate.

    Raises
    ------
    LabelError
        If the mask has no vessel, or leaves no room beside it.
    """
    mask = np.asarray(mask, bool)
    if mask.ndim != 2 or not mask.any():
        raise LabelError("strokes need a mask (H, W) that contains vessel")
    rng = np.random.default_rng(seed)
    distance = ndimage.distance_transform_edt(~mask)
    vessel = [_vessel_stroke(mask, settings, rng) for _ in range(settings.vessel)]
    ground = [
        _background_stroke(distance, settings, rng, close=number % 2 == 0)
        for number in range(settings.background)
    ]
    strokes = []
    for turn in range(max(len(vessel), len(ground))):
        for kind, number in ((vessel, VESSEL), (ground, BACKGROUND)):
            if turn < len(kind):
                strokes.append(kind[turn].astype(np.uint8) * np.uint8(number))
    return strokes


def simulated_corrections(
    mask: NDArray[np.bool_],
    marked: NDArray[np.bool_],
    settings: StrokeSettings,
    seed: int,
) -> list[NDArray[np.uint8]]:
    """Return strokes along the largest errors of a mask, the largest first.

    Parameters
    ----------
    mask
        Vessel mask ``(H, W)`` bool.
    marked
        Mask ``(H, W)`` bool that is corrected, for example a first guess.
    settings
        Settings of the strokes. Their numbers are the most of each class: of vessel
        where it was missed, and of background where something else was marked.
    seed
        Seed of the one stroke that a class without an error gets, because a training
        needs all classes; see `simulated_strokes`.

    Returns
    -------
    list of NDArray
        Arrays ``(H, W)`` uint8, one for each stroke, as `simulated_strokes` returns
        them.

    Raises
    ------
    LabelError
        If the mask has no vessel, or leaves no room beside it.
    """
    usual = simulated_strokes(mask, settings, seed)
    outside = ndimage.distance_transform_edt(~mask) > CORRECTED_MARGIN
    strokes: list[NDArray[np.uint8]] = []
    for number, wrong, where, most in (
        (VESSEL, mask & ~marked, mask, settings.vessel),
        (BACKGROUND, marked & outside, outside, settings.background),
    ):
        found = [
            (_along_middle(part, settings) & where).astype(np.uint8) * np.uint8(number)
            for part in _largest_parts(wrong, most)
        ]
        strokes += found or [x for x in usual if int(x.max()) == number][:1]
    return strokes


def _largest_parts(wrong: NDArray[np.bool_], most: int) -> list[NDArray[np.bool_]]:
    """Return the largest parts of a mask without what is one or two pixels thin."""
    parts, count = ndimage.label(ndimage.binary_opening(wrong), np.ones((3, 3)))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    order = np.argsort(sizes, kind="stable")[::-1][:most]
    return [parts == number + 1 for number in order]


def _along_middle(
    part: NDArray[np.bool_], settings: StrokeSettings
) -> NDArray[np.bool_]:
    """Follow the centreline of a part from its middle, for the length of a stroke."""
    line = skeletonize(part)
    points = np.argwhere(line if line.any() else part)
    away = np.square(points - points.mean(axis=0)).sum(axis=1)
    middle = points[np.argmin(away)]
    return _brushed(_followed(part, middle, settings.length), settings.radius)


def _vessel_stroke(
    mask: NDArray[np.bool_], settings: StrokeSettings, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Follow a centreline from one of its points, for the length of a stroke."""
    line = skeletonize(mask)
    start = rng.choice(np.argwhere(line if line.any() else mask))
    return _brushed(_followed(mask, start, settings.length), settings.radius) & mask


def _followed(
    mask: NDArray[np.bool_], start: NDArray[np.intp], length: int
) -> NDArray[np.bool_]:
    """Return the part of a centreline around one of its points, half in each way."""
    line = skeletonize(mask)
    line = line if line.any() else mask
    reached = np.zeros_like(mask)
    reached[tuple(start)] = True
    followed: NDArray[np.bool_] = ndimage.binary_dilation(
        reached, np.ones((3, 3), bool), iterations=max(1, length // 2), mask=line
    )
    return followed


def _background_stroke(
    distance: NDArray[np.float64],
    settings: StrokeSettings,
    rng: np.random.Generator,
    *,
    close: bool,
) -> NDArray[np.bool_]:
    """Draw a bent line outside the vessel; it is shorter if there is no room."""
    low, high = CLOSE if close else (settings.margin + settings.radius, np.inf)
    places = np.argwhere((distance > low) & (distance < high))
    best = np.zeros(distance.shape, bool)
    for _ in range(TRIES if len(places) else 0):
        points = _bent_line(rng.choice(places), settings.length, rng)
        inside = ((points >= 0) & (points < distance.shape)).all(axis=1)
        rows, columns = points[inside].T
        clear = distance[rows, columns] > settings.margin + settings.radius
        stop = len(clear) if clear.all() else int(np.argmin(clear))
        if stop > best.sum():
            best[:] = False
            best[rows[:stop], columns[:stop]] = True
        if stop >= settings.length:
            break
    if not best.any():
        raise LabelError("the mask leaves no room for a stroke of background")
    return _brushed(best, settings.radius) & (distance > settings.margin)


def _bent_line(
    start: NDArray[np.intp], length: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    angle = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.01) * np.arange(length)
    steps = np.stack([np.sin(angle), np.cos(angle)], 1)
    points: NDArray[np.intp] = np.rint(start + np.cumsum(steps, 0)).astype(np.intp)
    return points


def _brushed(line: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    painted: NDArray[np.bool_] = ndimage.distance_transform_edt(~line) <= radius
    return painted
