"""Draw fields of view, as left open by collimators, intensifiers and shutters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError

FieldShape = Literal["round", "octagon", "blades", "rectangle"]
SHAPES: tuple[FieldShape, ...] = get_args(FieldShape)
# repeated as often as they occur: half of all fields are circles of intensifiers
DRAWN: tuple[FieldShape, ...] = ("round", "round", "round", "round", "octagon",
                                 "blades", "blades", "rectangle")  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field of view.

    Parameters
    ----------
    shape
        ``"round"``: the circle of an image intensifier; ``"octagon"``: a detector with
        cut corners; ``"blades"``: a rectangle turned against the picture;
        ``"rectangle"``: along rows and columns, like shutters and borders.
    centre
        Position x, y of the centre in px.
    half
        Half the width and half the height in px; a circle uses only the first.
    turn
        Rotation angle in radians, for octagons and blades only.
    soft
        Width in px over which the edge fades.
    shade
        Gray outside the field, as share of full scale.
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
        """Return the distance ``(H, W)`` to the edge in px, positive inside."""
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
            # the diagonal sides of a regular octagon are as far from the centre as the
            # others
            corner = (wide + high) / math.sqrt(2)
            cut = math.tan(math.pi / 8) * min(self.half)
            nearest = torch.minimum(nearest, corner - cut)
        return nearest


def behind_field(picture: Tensor, field: Field) -> tuple[Tensor, Tensor]:
    """Cover a picture outside a field of view; also return where the field is open.

    Parameters
    ----------
    picture
        Picture ``(H, W)`` in [0, 1].
    field
        Field of view to apply.

    Returns
    -------
    Tensor
        Picture ``(H, W)``, with gray `Field.shade` outside.
    Tensor
        Mask ``(H, W)`` bool, True inside; vessels count only there.
    """
    inside = field.inside((picture.shape[-2], picture.shape[-1]), picture.device)
    open_share = torch.sigmoid(4 * inside / field.soft)
    return torch.lerp(torch.full_like(picture, field.shade), picture, open_share), (
        inside > 0
    )


def draw_field(
    shape: tuple[int, int], generator: torch.Generator, shade: float
) -> Field:
    """Draw a field of view whose edge usually crosses the picture.

    Parameters
    ----------
    shape
        Number of rows and columns of the picture.
    generator
        Generator of the random numbers, on the CPU.
    shade
        Gray outside the field, as share of full scale.
    """

    def one(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    kind = DRAWN[int(torch.randint(len(DRAWN), (), generator=generator))]
    rows, columns = shape
    side = min(shape)
    middle = (columns / 2, rows / 2)
    if kind == "round":
        # from a circle within the picture to an arc that cuts off a corner
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
