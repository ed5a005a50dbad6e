"""Draw the bones around the vessels of a head and of a knee.

Lengths are in px of a picture of 512 px. The bones lie still on the table, and have the
same shape from all sides.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from napari_motionseg.synthesis.draws import Draws

INSIDE = 0.8  # absorbance of what a shell of bone has inside, divided by that of bone


def knee(x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    """Return the absorbance ``(B, n, n)`` of femur, tibia and fibula.

    Parameters
    ----------
    x, y
        Position ``(B, n, n)`` of each point in px, from the middle of the organ.
    draws
        Source of the random shapes.
    """
    one = partial(draws.uniform, (len(x), 1, 1))
    joint, size = one(-120, -92), one(0.9, 1.1)
    across = x - one(-14, 14) - one(-0.06, 0.06) * y
    above, below = (joint - y) / size, (y - joint) / size
    femur = _shaft(across, above, size, (31, 88, 95))
    tibia = _shaft(across, below, size, (29, 80, 85))
    beside = across - draws.sign((len(x), 1, 1)) * size * (
        62 + 14 * torch.exp(-below / 60)
    )
    fibula = _shaft(beside, below - 34, size, (13, 20, 30))
    return one(0.5, 1.0) * (femur + tibia + 0.8 * fibula)


def _shaft(
    across: Tensor, along: Tensor, size: Tensor, shape: tuple[float, float, float]
) -> Tensor:
    """Return the absorbance of a long bone that begins at a joint.

    Parameters
    ----------
    across
        Distance ``(B, n, n)`` in px from the axis of the bone.
    along
        Distance ``(B, n, n)`` in px from the joint, divided by `size`.
    size
        Size ``(B, 1, 1)`` of the bone; 1 is usual.
    shape
        Half width in px of the shaft and of the end, and length of the end.
    """
    narrow, wide, end = shape
    flare = torch.exp(-((along.clamp(min=0) / end) ** 2))
    half = size * (narrow + (wide - narrow) * flare)
    # the wall is thick in the shaft and thin at the end
    share = (across / half).abs()
    inner = 0.55 + 0.38 * flare
    outer = (1 - share**2).clamp(min=0).sqrt()
    hollow = (inner**2 - share**2).clamp(min=0).sqrt()
    there = torch.sigmoid((along - 6) / 1.5)
    return 0.3 * there * (outer - INSIDE * hollow) * (half / narrow / size).sqrt()


def skull(x: Tensor, y: Tensor, draws: Draws) -> Tensor:
    """Return the absorbance ``(B, n, n)`` of the calvaria and the base of the skull.

    Parameters
    ----------
    x, y
        Position ``(B, n, n)`` of each point in px, from the middle of the organ.
    draws
        Source of the random shapes.
    """
    one = partial(draws.uniform, (len(x), 1, 1))
    right, down = x - one(-8, 8), y - one(-12, 12)
    wide, high = one(205, 245), one(190, 215)
    square = (right / wide) ** 2 + (down / high) ** 2
    shell = (1 - square).clamp(min=0).sqrt() - (0.93**2 - square).clamp(min=0).sqrt()
    base = one(85, 125) + one(-0.15, 0.15) * right
    shell = shell * torch.sigmoid((base + 30 - down) / 20)
    # the face is as long as the skull, and narrower
    face = (right / (0.72 * wide)) ** 2 + (down / (1.3 * high)) ** 2
    inside = torch.sigmoid((1 - face) * one(3, 8))
    floor = torch.sigmoid((down - base) / one(4, 14)) * inside
    total = 0.7 * shell + one(0.3, 0.6) * floor
    for _ in range(6):  # petrous bones, sinuses and orbits, dense or full of air
        place = torch.hypot(
            (right - one(-150, 150)) / one(18, 70),
            (down - base - one(0, 90)) / one(10, 40),
        )
        total = total + one(-0.16, 0.24) * torch.sigmoid((1 - place) * one(2, 8))
    return one(0.5, 1.0) * total
