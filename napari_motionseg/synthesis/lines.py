"""Draw catheters, guide wires and cables over a picture: lines that are not vessels.

They are drawn on existing pictures, so that one scene gives many examples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError

LineKind = Literal["catheter", "wire", "cable", "plates", "spine", "shaft"]
KINDS: tuple[LineKind, ...] = get_args(LineKind)
CATHETERS: tuple[LineKind, ...] = ("catheter", "shaft")
WALL_SHARE = 0.22  # share of a catheter's radius that is its wall of braided steel
SAMPLES = 32  # points of a curve


@dataclass(frozen=True, eq=False)
class Line:
    """A tube of constant width along a course.

    Parameters
    ----------
    course
        Points ``(K, 2)`` of the line, x and y in px, at least two.
    radius
        Half the width in px.
    depth
        Gray by which the middle of the line is darker, as share of full scale.
    hollow
        0 is darkest in the middle, like a filled tube; 1 shows only the walls, like an
        empty catheter. Values between mix the two.
    """

    course: Tensor
    radius: float
    depth: float
    hollow: float = 0.0

    def __post_init__(self) -> None:
        if self.course.ndim != 2 or len(self.course) < 2 or self.course.shape[1] != 2:
            raise SettingsError(
                f"course must be (K, 2) with K at least 2; got "
                f"{tuple(self.course.shape)}"
            )
        if self.radius <= 0 or not 0 <= self.hollow <= 1:
            raise SettingsError(
                "radius must be positive and hollow between 0 and 1; got "
                f"{self.radius} and {self.hollow}"
            )

    def darkness(self, shape: tuple[int, int]) -> Tensor:
        """Return by how much each pixel ``(H, W)`` is darker.

        A ray at distance d from the middle of a tube crosses ``sqrt(1 - (d /
        radius)^2)`` of its diameter. For a hollow tube, the part of the path in the
        lumen is subtracted.
        """
        # fade the edge over half a pixel, for lines that are thinner than a pixel
        edge = 0.5 / self.radius
        away = self._distance(shape) / self.radius
        whole = ((1 + edge) ** 2 - away**2).clamp(min=0).sqrt() / (1 + edge)
        lumen = ((1 - WALL_SHARE) ** 2 - away**2).clamp(min=0).sqrt()
        wall = (whole - lumen).clamp(min=0) / math.sqrt(1 - (1 - WALL_SHARE) ** 2)
        return self.depth * torch.lerp(whole, wall, self.hollow)

    def cover(self, shape: tuple[int, int]) -> Tensor:
        """Return the share ``(H, W)`` of each pixel that lies within the line."""
        return (self.radius + 0.5 - self._distance(shape)).clamp(0, 1)

    def _distance(self, shape: tuple[int, int]) -> Tensor:
        return distance_to(self.course, shape, self.radius + 0.5)


def distance_to(course: Tensor, shape: tuple[int, int], within: float) -> Tensor:
    """Return the distance ``(H, W)`` in px of each pixel to a polyline.

    Parameters
    ----------
    course
        Points ``(K, 2)`` of the polyline, x and y in px.
    shape
        Number of rows and columns.
    within
        Distances up to this many px are exact. Larger ones may be infinite, because
        only pixels near each segment are visited.
    """
    rows, columns = shape
    nearest = torch.full(shape, math.inf)
    points = course.tolist()
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        left, right = _span(x0, x1, within, columns)
        top, bottom = _span(y0, y1, within, rows)
        if left >= right or top >= bottom:
            continue
        x = torch.arange(left, right, dtype=torch.float32)[None] - x0
        y = torch.arange(top, bottom, dtype=torch.float32)[:, None] - y0
        dx, dy = x1 - x0, y1 - y0
        along = ((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-9)).clamp_(0, 1)
        away = (x - along * dx).square_() + (y - along * dy).square_()
        part = nearest[top:bottom, left:right]
        torch.minimum(part, away, out=part)
    return nearest.sqrt_()


def _span(one: float, other: float, within: float, size: int) -> tuple[int, int]:
    """Return the first pixel near a segment and the one after the last."""
    low, high = min(one, other) - within, max(one, other) + within
    return max(0, math.floor(low)), min(size, math.ceil(high) + 1)


def draw_lines(
    shape: tuple[int, int], generator: torch.Generator, kind: LineKind, depth: float
) -> list[Line]:
    """Draw one device for a picture.

    Parameters
    ----------
    shape
        Number of rows and columns.
    generator
        Generator of the random numbers, on the CPU.
    kind
        ``"catheter"``: of constant width, from an edge to a bent tip inside, empty or
        filled. ``"wire"``: thin, dense and nearly straight, across the picture.
        ``"cable"``: thin, faint and bent. ``"plates"``: short parallel lines, like end
        plates of vertebrae and sternal wires. ``"spine"``: a dark column of vertebrae
        with end plates, side walls, and the rings of pedicles and spinous processes.
        ``"shaft"``: a catheter of constant width whose straight shaft comes from the
        upper or lower edge and ends in one bend, as preformed tips do.
    depth
        Gray by which the middle of a catheter is darker, as share of full scale.

    Raises
    ------
    SettingsError
        If the kind is unknown.
    """
    if kind not in KINDS:
        raise SettingsError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    dice = _Dice(shape, generator)
    return {
        "catheter": dice.catheter,
        "wire": dice.wire,
        "cable": dice.cable,
        "plates": dice.plates,
        "spine": dice.spine,
        "shaft": dice.shaft,
    }[kind](depth)


class _Dice:
    """Draw random lines within a picture."""

    def __init__(self, shape: tuple[int, int], generator: torch.Generator) -> None:
        self.rows, self.columns = shape
        self.side = min(shape)
        self.generator = generator

    def one(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def inside(self) -> tuple[float, float]:
        """Return a random point x, y well inside the picture, in px."""
        return self.columns * self.one(0.1, 0.9), self.rows * self.one(0.1, 0.9)

    def at_edge(self) -> tuple[float, float]:
        """Return a random point x, y just outside the picture, at any side, in px."""
        x, y = self.columns * self.one(0, 1), self.rows * self.one(0, 1)
        side = int(self.one(0, 4))
        out = 0.05 * self.side
        return [
            (x, -out), (x, self.rows + out), (-out, y), (self.columns + out, y),
        ][side]  # fmt: skip

    def curve(self, *points: tuple[float, float]) -> Tensor:
        """Return the Bezier curve ``(SAMPLES, 2)`` of the given control points."""
        level = torch.tensor(points, dtype=torch.float32)[:, None]
        t = torch.linspace(0, 1, SAMPLES)[None, :, None]
        while len(level) > 1:
            level = torch.lerp(level[:-1].expand(-1, SAMPLES, 2), level[1:], t)
        return level[0]

    def near(self, point: tuple[float, float], reach: float) -> tuple[float, float]:
        """Return a random point around another one, within a share of the side."""
        far = reach * self.side
        return point[0] + self.one(-far, far), point[1] + self.one(-far, far)

    def catheter(self, depth: float) -> list[Line]:
        """Return a catheter from an edge of the picture to a bent tip inside."""
        start, tip = self.at_edge(), self.inside()
        middle = ((start[0] + tip[0]) / 2, (start[1] + tip[1]) / 2)
        course = self.curve(
            start, self.near(middle, 0.25), self.near(tip, 0.35), self.near(tip, 0.12),
            tip,
        )  # fmt: skip
        return [self.tube(course, depth)]

    def shaft(self, depth: float) -> list[Line]:
        """Return a catheter with a straight shaft and one bend before its tip."""
        tip, up = self.inside(), self.one(0, 1) < 0.7
        bend = self.side * self.one(0.04, 0.12)  # its radius, in px
        turn = math.pi * self.one(0.25, 1.1)
        angles = torch.linspace(0, turn, SAMPLES)
        sign = 1.0 if self.one(0, 1) < 0.5 else -1.0
        arc = torch.stack((sign * bend * (1 - angles.cos()), bend * angles.sin()), 1)
        far = 1.5 * self.rows
        x = torch.linspace(1, 0, SAMPLES)
        bow = self.side * self.one(-0.1, 0.1) * x**2
        straight = torch.stack((bow, -far * x), dim=1)
        course = torch.cat((straight[:-1], arc))
        lean = self.one(-0.4, 0.4) + (0.0 if up else math.pi)
        cos, sin = math.cos(lean), math.sin(lean)
        course = course @ torch.tensor([[cos, sin], [-sin, cos]])
        return [self.tube(course - course[-1] + torch.tensor(tip), depth)]

    def tube(self, course: Tensor, depth: float) -> Line:
        """Return a catheter, empty or filled, along a course."""
        radius = max(1.0, self.side * self.one(0.005, 0.018))
        hollow = self.one(0.5, 1) if self.one(0, 1) < 0.5 else self.one(0, 0.3)
        return Line(course, radius, depth, hollow)

    def wire(self, depth: float) -> list[Line]:
        """Return a thin, nearly straight guide wire that crosses the picture."""
        start, end = self.at_edge(), self.at_edge()
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        bend = self.one(0, 0.12) if self.one(0, 1) < 0.6 else 0.0
        course = self.curve(start, self.near(middle, bend), end)
        return [Line(course, self.one(0.5, 1.8), depth * self.one(0.4, 1.2))]

    def cable(self, depth: float) -> list[Line]:
        """Return a faint, freely bent cable that crosses the picture."""
        start = self.at_edge()
        course = self.curve(
            start, self.inside(), self.near(self.inside(), 0.4), self.at_edge()
        )
        return [Line(course, self.one(0.8, 2.0), depth * self.one(0.25, 0.7))]

    def plates(self, depth: float) -> list[Line]:
        """Return a column of short parallel lines, like end plates of vertebrae."""
        x, wide = self.columns * self.one(0, 1), self.side * self.one(0.04, 0.16)
        gap, lean = self.side * self.one(0.06, 0.2), self.one(-0.25, 0.25)
        drift, radius = self.one(-0.3, 0.3), self.one(0.8, 2.4)
        lines = []
        y = self.rows * self.one(-0.1, 0.3)
        while y < self.rows * self.one(0.6, 1.1):
            middle = x + drift * y + self.one(-0.01, 0.01) * self.side
            bend = self.one(-0.1, 0.1) * wide
            course = self.curve(
                (middle - wide, y - lean * wide), (middle, y + bend),
                (middle + wide, y + lean * wide),
            )  # fmt: skip
            lines.append(Line(course, radius, depth * self.one(0.2, 0.6)))
            y += gap * self.one(0.85, 1.15)
        return lines

    def spine(self, depth: float) -> list[Line]:
        """Return the outlines of a column of vertebrae, and the column itself."""
        half = self.side * self.one(0.08, 0.28)
        height = half * self.one(1.4, 2.0)
        lean, bend = self.one(-0.3, 0.3), self.one(-0.15, 0.15)
        foot = self.columns * self.one(-0.1, 1.1)
        faint, thin = depth * self.one(0.3, 0.9), max(0.6, half * self.one(0.015, 0.04))

        def at(across: float, along: float) -> tuple[float, float]:
            """Return x, y in px of a point of the spine, in px from its axis."""
            middle = foot + lean * along + bend * along * along / self.rows
            return middle + across, along - lean * across

        ends = [at(0, -0.1 * self.rows), at(0, 0.5 * self.rows), at(0, 1.1 * self.rows)]
        lines = [Line(torch.tensor(ends), half, depth * self.one(0.0, 0.8))]
        top = -height * self.one(0, 1)
        disc, waist = height * self.one(0.06, 0.16), half * self.one(0.8, 0.95)
        ring = half * self.one(0.12, 0.24)
        while top < self.rows:
            low, middle = top + height - disc, top + height / 2
            bow = disc * self.one(-0.3, 0.8)
            for end, sign in ((top, 1), (low, -1)):
                plate = (at(-half, end), at(0, end + sign * bow), at(half, end))
                lines.append(Line(self.curve(*plate), thin, faint * self.one(0.5, 1)))
            for side in (-1.0, 1.0):
                wall = (at(side * half, top), at(side * waist, middle),
                        at(side * half, low))  # fmt: skip
                lines.append(Line(self.curve(*wall), thin, faint * self.one(0.3, 0.9)))
                pedicle = at(side * 0.6 * half, top + 0.3 * height)
                lines.append(Line(_oval(pedicle, ring, 1.4 * ring), thin, faint))
            process = at(half * self.one(-0.1, 0.1), top + 0.75 * height)
            oval = _oval(process, 0.6 * ring, 1.6 * ring)
            lines.append(Line(oval, thin, faint * self.one(0.3, 1)))
            top += height * self.one(0.95, 1.05)
        return lines


def _oval(middle: tuple[float, float], across: float, along: float) -> Tensor:
    """Return a closed oval ``(SAMPLES, 2)`` around a point; half axes in px."""
    turn = torch.linspace(0, 2 * math.pi, SAMPLES)
    around = torch.stack((across * turn.cos(), along * turn.sin()), dim=1)
    return torch.tensor(middle) + around
