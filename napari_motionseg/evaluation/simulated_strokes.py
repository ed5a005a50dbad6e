"""Strokes as a person would paint them, drawn from a reference mask with a seed.

A vessel stroke runs along a centreline and stays inside the vessel; a background
stroke is a gently bent line that stays off it, every other one close by, where a
person sees the need for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from napari_motionseg.errors import LabelError, SettingsError

BACKGROUND, VESSEL = 1, 2  # the numbers of scribbles
CLOSE = (5.0, 30.0)  # px from the vessel of a stroke that is close by
TRIES = 200


@dataclass(frozen=True)
class StrokeSettings:
    """Settings of the look of strokes.

    Parameters
    ----------
    vessel, background
        Strokes of each class.
    length
        Of a stroke, px.
    radius
        Of the brush, px.
    margin
        Least distance of a background stroke from the vessel, px.

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
                f"strokes must be at least one, of either class; got {self.vessel} of "
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
        ``(H, W)``: where the vessel is.
    settings
        See `StrokeSettings`.
    seed
        Of the places.

    Returns
    -------
    list of NDArray
        Each 0 where it does not paint, else 1 on background or 2 on vessel; the
        classes take turns.

    Raises
    ------
    LabelError
        If the mask has no vessel, or leaves no room beside it.
    """
    mask = np.asarray(mask, bool)
    if mask.ndim != 2 or not mask.any():
        raise LabelError("strokes need a mask (H, W) with vessel on it")
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
    """Follow a centreline from a point of it, as far as a stroke is long."""
    line = skeletonize(mask)
    line = line if line.any() else mask
    start = rng.choice(np.argwhere(line))
    reached = np.zeros_like(mask)
    reached[tuple(start)] = True
    neighbours = np.ones((3, 3), bool)
    # half a length to either side
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
    """Draw a bent line that keeps off the vessel; shorter where there is no room."""
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
