"""Simulate strokes that a person would paint, from a reference mask and a seed.

A vessel stroke follows a centreline and stays inside the vessel. A background stroke is
a slightly bent line outside the vessel. Every second one is near the vessel, where
people tend to paint.
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


def _vessel_stroke(
    mask: NDArray[np.bool_], settings: StrokeSettings, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Follow a centreline from one of its points, for the length of a stroke."""
    line = skeletonize(mask)
    line = line if line.any() else mask
    start = rng.choice(np.argwhere(line))
    reached = np.zeros_like(mask)
    reached[tuple(start)] = True
    neighbours = np.ones((3, 3), bool)
    # half of the length in either direction
    grown: NDArray[np.bool_] = ndimage.binary_dilation(
        reached, neighbours, iterations=max(1, settings.length // 2), mask=line
    )
    return _brushed(grown, settings.radius) & mask


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
