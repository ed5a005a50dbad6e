"""Fields of view: what collimators, image intensifiers and shutters leave open."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError

FieldShape = Literal["round", "octagon", "blades", "rectangle"]
SHAPES: tuple[FieldShape, ...] = get_args(FieldShape)
# as often as they are met: half of all fields are an image intensifier's circle
DRAWN: tuple[FieldShape, ...] = ("round", "round", "round", "round", "octagon",
                                 "blades", "blades", "rectangle")  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field of view.

    Parameters
    ----------
    shape
        ``"round"``: the circle of an image intensifier; ``"octagon"``: its detector's
        corners cut; ``"blades"``: a rectangle turned against the picture;
        ``"rectangle"``: along rows and columns, as shutters and borders are.
    centre
        x and y in px.
    half
        Half of the width and of the height in px; a circle takes the first alone.
    turn
        Angle in radians; octagons and blades alone are turned.
    soft
        Width in px over which the edge falls off.
    shade
        Gray outside, as share of full scale.
    """

    shape: FieldShape
    centre: tuple[float, float]
    half: tuple[float, float]
    turn: float = 0.0
    soft: float = 1.0
    shade: float = 0.0

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise SettingsError(
                f"shape must be one of {', '.join(SHAPES)}; got {self.shape!r}"
            )
        if min(*self.half, self.soft) <= 0:
            raise SettingsError(
                f"half and soft must be positive; got {self.half} and {self.soft}"
            )

    def inside(self, shape: tuple[int, int], device: torch.device) -> Tensor:
        """Return the distance ``(H, W)`` to the edge in px, positive in the field."""
        y, x = torch.meshgrid(
            *(torch.arange(n, device=device, dtype=torch.float32) for n in shape),
            indexing="ij",
        )
        x, y = x - self.centre[0], y - self.centre[1]
        if self.shape == "round":
            return self.half[0] - torch.hypot(x, y)
        turn = 0.0 if self.shape == "rectangle" else self.turn
        along = x * math.cos(turn) + y * math.sin(turn)
        across = y * math.cos(turn) - x * math.sin(turn)
        wide, high = self.half[0] - along.abs(), self.half[1] - across.abs()
        nearest = torch.minimum(wide, high)
        if self.shape == "octagon":
            # the diagonal sides of a regular octagon are as far away as the others
            corner = (wide + high) / math.sqrt(2)
            cut = math.tan(math.pi / 8) * min(self.half)
            nearest = torch.minimum(nearest, corner - cut)
        return nearest


def behind_field(picture: Tensor, field: Field) -> tuple[Tensor, Tensor]:
    """Return what a field of view leaves of a picture, and where it is open.

    Parameters
    ----------
    picture
        ``(H, W)`` in [0, 1].
    field
        The field of view.

    Returns
    -------
    Tensor
        ``(H, W)`` gray values, `Field.shade` outside.
    Tensor
        ``(H, W)`` bool, True inside; nothing outside is a vessel.
    """
    inside = field.inside((picture.shape[-2], picture.shape[-1]), picture.device)
    open_share = torch.sigmoid(4 * inside / field.soft)
    return torch.lerp(torch.full_like(picture, field.shade), picture, open_share), (
        inside > 0
    )


def draw_field(
    shape: tuple[int, int], generator: torch.Generator, shade: float
) -> Field:
    """Draw a field of view whose edge crosses a picture more often than not.

    Parameters
    ----------
    shape
        Rows and columns.
    generator
        Random numbers, on the CPU.
    shade
        Gray outside.
    """

    def one(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    kind = DRAWN[int(torch.randint(len(DRAWN), (), generator=generator))]
    rows, columns = shape
    side = min(shape)
    middle = (columns / 2, rows / 2)
    if kind == "round":
        # from a whole circle in the picture to an arc that cuts off a corner
        radius = side * one(0.42, 1.1)
        angle, away = one(0, 2 * math.pi), one(0.0, 1.0) * (radius - 0.3 * side)
        centre = (
            middle[0] + away * math.cos(angle),
            middle[1] + away * math.sin(angle),
        )
        return Field(kind, centre, (radius, radius), 0.0, one(0.6, 5.0), shade)
    half = (columns * one(0.36, 0.62), rows * one(0.36, 0.62))
    aside = 0.2
    if kind == "octagon":
        half, aside = (half[0] + 0.1 * side, half[0] + 0.1 * side), 0.4
    centre = (middle[0] + side * one(-aside, aside),
              middle[1] + side * one(-aside, aside))  # fmt: skip
    turn = math.radians(one(-20, 20)) if kind == "blades" else 0.0
    return Field(kind, centre, half, turn, one(0.6, 8.0), shade)
