"""Transform a picture together with its flow, and change gray values.

Turning a flow field moves its vectors to other pixels and rotates the vectors as well.
Flow has channel 0 = x (columns, right) and 1 = y (rows, down).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# largest changes of the gray values of a picture at strength 1
GAMMA, CONTRAST, BRIGHTNESS, NOISE = 0.3, 0.3, 0.1, 0.02


def mirror(picture: Tensor) -> Tensor:
    """Mirror ``(..., H, W)`` left to right."""
    return picture.flip(-1)


def mirror_flow(flow: Tensor) -> Tensor:
    """Mirror a flow field ``(..., 2, H, W)`` left to right, including its vectors."""
    x, y = flow.flip(-1).unbind(-3)
    return torch.stack((-x, y), dim=-3)


def turn(picture: Tensor, quarters: int) -> Tensor:
    """Turn ``(..., H, W)`` counter-clockwise by `quarters` times 90 degrees."""
    return torch.rot90(picture, quarters, (-2, -1))


def turn_flow(flow: Tensor, quarters: int) -> Tensor:
    """Turn a flow field ``(..., 2, H, W)`` like `turn`, including its vectors.

    Notes
    -----
    A vector to the right (x) becomes one upwards (-y); downwards (y) becomes right (x).
    """
    flow = turn(flow, quarters)
    for _ in range(quarters % 4):
        x, y = flow.unbind(-3)
        flow = torch.stack((y, -x), dim=-3)
    return flow


class Pose(NamedTuple):
    """Size, mirroring and quarter turns with which a window is shown.

    Attributes
    ----------
    size
        Rows and columns to which the window is resized, before it is turned.
    mirrored
        Whether left and right are swapped.
    quarters
        Number of quarter turns, counter-clockwise; even unless the size is square.
    """

    size: tuple[int, int]
    mirrored: bool
    quarters: int

    def picture(self, window: Tensor, *, mixed: bool = True) -> Tensor:
        """Return a window ``(C, H, W)`` in this pose, ``(C, *size)``.

        Parameters
        ----------
        window
            Planes ``(C, H, W)`` of floating point numbers.
        mixed
            Whether neighbouring values are mixed as the window is resized; numbers of
            classes must not be.
        """
        shown = self._resized(window, mixed)
        return turn(mirror(shown) if self.mirrored else shown, self.quarters)

    def flow(self, window: Tensor, *, mixed: bool = True) -> Tensor:
        """Return the flow ``(2, H, W)`` of a window in this pose, ``(2, *size)``.

        Vectors are scaled by the change of size, which is that of the columns.
        `mixed` is as for `picture`.
        """
        shown = self._resized(window, mixed) * (self.size[1] / window.shape[-1])
        return turn_flow(mirror_flow(shown) if self.mirrored else shown, self.quarters)

    def _resized(self, window: Tensor, mixed: bool) -> Tensor:
        if window.shape[-2:] == self.size:
            return window
        how: dict[str, Any] = {"mode": "nearest-exact"}
        if mixed:
            how = {"mode": "bilinear", "antialias": True}
        return functional.interpolate(window[None], self.size, **how)[0]


class Place(NamedTuple):
    """Window of a picture with its pose.

    Attributes
    ----------
    rows, columns
        Rows and columns of the window in the picture.
    pose
        How the window is shown.
    """

    rows: slice
    columns: slice
    pose: Pose


def drawn_place(
    sides: tuple[int, int],
    seen: tuple[int, int],
    zoom: tuple[float, float],
    mirror: bool,
    generator: torch.Generator,
    *,
    scale: float = 1.0,
) -> Place:
    """Draw a window of a picture.

    Parameters
    ----------
    sides
        Rows and columns of the picture.
    seen
        Rows and columns that the network sees, at most `sides`.
    zoom
        Range of the size of the window in units of `seen`, drawn uniformly in its
        logarithm. Windows are also turned by quarters unless it is ``(1, 1)``.
    mirror
        Whether half of the windows are mirrored.
    generator
        Generator of the random numbers, on the CPU.
    scale
        Further factor on the size of every window, for pictures in which everything is
        larger than the network should see it.
    """

    def draw(bound: int) -> int:
        return int(torch.randint(bound, (1,), generator=generator))

    factor, quarters = scale, 0
    if zoom != (1, 1):
        (low, high), share = zoom, float(torch.rand((), generator=generator))
        factor *= low * (high / low) ** share
        quarters = draw(4) if seen[0] == seen[1] else 2 * draw(2)
    factor = min(factor, sides[0] / seen[0], sides[1] / seen[1])
    window = max(1, round(seen[0] * factor)), max(1, round(seen[1] * factor))
    row, column = draw(sides[0] - window[0] + 1), draw(sides[1] - window[1] + 1)
    mirrored = bool(draw(2)) and mirror
    return Place(
        slice(row, row + window[0]),
        slice(column, column + window[1]),
        Pose(seen, mirrored, quarters),
    )


def jitter(pictures: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Change gamma, contrast and brightness of each picture, and add noise.

    Parameters
    ----------
    pictures
        Pictures ``(B, C, H, W)`` in [0, 1]; all channels of one change alike.
    generator
        Generator of the random numbers, on the CPU.
    strength
        Strength of the changes; 0 changes nothing.

    Returns
    -------
    Tensor
        Pictures ``(B, C, H, W)`` in [0, 1].
    """
    if strength == 0:
        return pictures

    def around_zero() -> Tensor:
        shape = (len(pictures), 1, 1, 1)
        drawn = strength * (2 * torch.rand(shape, generator=generator) - 1)
        return drawn.to(pictures.device)

    gamma = torch.exp(GAMMA * around_zero())
    contrast, brightness = 1 + CONTRAST * around_zero(), BRIGHTNESS * around_zero()
    noise_level = NOISE * around_zero().abs()
    curved = pictures.pow(gamma)
    middle = curved.mean(dim=(1, 2, 3), keepdim=True)
    noise = torch.randn(pictures.shape, generator=generator).to(pictures.device)
    noise = noise.mul_(noise_level)
    changed = (curved - middle) * contrast + middle + brightness + noise
    return changed.clamp_(0, 1)
