"""Describe the clicks and arrows of a user, and check them against their frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError

Point = tuple[float, float]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Clicks:
    """Points that belong to an object, and points that do not.

    Several points on one pixel count once.

    Parameters
    ----------
    positive
        Row and column in px of each point on the object.
    negative
        Row and column in px of each point that does not belong to it.

    Raises
    ------
    SettingsError
        If a coordinate is not finite, or a pixel is both positive and negative.
    """

    positive: tuple[Point, ...]
    negative: tuple[Point, ...] = ()

    def __post_init__(self) -> None:
        for name in ("positive", "negative"):
            object.__setattr__(self, name, _distinct(name, getattr(self, name)))
        both = {_pixel(p) for p in self.positive} & {_pixel(p) for p in self.negative}
        if both:
            row, column = min(both)
            raise SettingsError(
                f"the pixel at row {row}, column {column} is both positive and "
                "negative; remove one of the two points"
            )

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, the positive ones first."""
        return self.positive + self.negative

    def check(
        self,
        shape: tuple[int, int],
        field: Mask | None = None,
        *,
        on_object: bool = True,
    ) -> None:
        """Raise an error unless a mask can be made of the clicks.

        Parameters
        ----------
        shape
            Rows and columns of the frame.
        field
            Field of view ``(H, W)`` bool; None means the whole frame.
        on_object
            Whether a positive point is needed; if not, a negative one will do.

        Raises
        ------
        SettingsError
            If such a point is missing, or a point is outside the frame or the field.
        """
        if on_object and not self.positive:
            raise SettingsError(
                "at least one positive point is needed: negative points only say what "
                "does not belong to the object"
            )
        if not self.points:
            raise SettingsError("at least one point is needed")
        check_inside(self.points, shape, field)


@dataclass(frozen=True)
class Arrow:
    """A motion that a user gives for one point; a still point has no length.

    Parameters
    ----------
    row, column
        Place of the point in px.
    down, right
        Motion of the point in px, along rows and columns.
    """

    row: float
    column: float
    down: float = 0.0
    right: float = 0.0

    def __post_init__(self) -> None:
        for name in ("row", "column", "down", "right"):
            if not math.isfinite(getattr(self, name)):
                raise SettingsError(
                    f"{name} of an arrow must be finite; got {getattr(self, name)}"
                )

    @property
    def length(self) -> float:
        """Length of the motion in px."""
        return math.hypot(self.down, self.right)

    def clipped(self, longest: float) -> Arrow:
        """Return the arrow with its length limited to `longest` px."""
        share = min(1.0, longest / self.length) if self.length else 1.0
        return Arrow(self.row, self.column, share * self.down, share * self.right)


def check_inside(
    points: Iterable[Point], shape: tuple[int, int], field: Mask | None = None
) -> None:
    """Raise an error for a point outside the frame or the field of view.

    Parameters
    ----------
    points
        Row and column of each point in px.
    shape
        Rows and columns of the frame.
    field
        Field of view ``(H, W)`` bool; None means the whole frame.
    """
    for point in points:
        row, column = _pixel(point)
        place = f"the point at row {row}, column {column}"
        if not (0 <= row < shape[0] and 0 <= column < shape[1]):
            raise SettingsError(
                f"{place} is outside the frame of {shape[0]} rows and {shape[1]} "
                "columns; rows and columns are counted from 0"
            )
        if field is not None and not field[row, column]:
            raise SettingsError(
                f"{place} is outside the field of view, where nothing is seen; give a "
                "point inside it"
            )


def check_frame(frame: NDArray[Any]) -> NDArray[np.float32]:
    """Return a frame ``(H, W)`` as float32, if it is one.

    Parameters
    ----------
    frame
        Gray values in [0, 1].

    Raises
    ------
    SettingsError
        If it has other axes, no pixels, or values outside [0, 1].
    """
    values = np.asarray(frame)
    if values.ndim != 2 or 0 in values.shape:
        hint = "; convert colours to gray" if values.ndim == 3 else ""
        raise SettingsError(f"a frame must have axes (H, W); got {values.shape}{hint}")
    values = values.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # NaN is refused as well
        raise SettingsError(
            f"a frame must hold gray values in [0, 1]; got {low:g} to {high:g}; divide "
            "by the largest value that its bits can hold"
        )
    return values


def _distinct(name: str, points: Sequence[Point]) -> tuple[Point, ...]:
    found: dict[tuple[int, int], Point] = {}
    for point in points:
        row, column = (float(value) for value in point)
        if not (math.isfinite(row) and math.isfinite(column)):
            raise SettingsError(f"{name} points must be finite; got {(row, column)}")
        found.setdefault(_pixel((row, column)), (row, column))
    return tuple(found.values())


def _pixel(point: Point) -> tuple[int, int]:
    return round(point[0]), round(point[1])
