"""Transform a picture together with its flow, and change gray values.

Turning a flow field moves its vectors to other pixels and rotates the vectors as well.
Flow has channel 0 = x (columns, right) and 1 = y (rows, down).
"""

from __future__ import annotations

import torch
from torch import Tensor

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
