"""Draw random numbers for a batch of scenes from one generator on the CPU.

Numbers are drawn on the CPU and then moved to the device, so that a seed gives the same
scene on every device.
"""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import Range


class Draws:
    """Random generator with the distributions that scenes are drawn from.

    Parameters
    ----------
    generator
        Generator of the random numbers, on the CPU.
    device
        Device to which the numbers are moved.
    """

    def __init__(self, generator: torch.Generator, device: torch.device) -> None:
        self.generator = generator
        self.device = device

    def aside(self) -> Draws:
        """Return a second source, whose use leaves the numbers of this one unchanged.

        It lets a new setting draw numbers while every older configuration gives the
        same scenes as before. Its seed follows from the state of this source.
        """
        state = self.generator.get_state().numpy().tobytes()
        own = torch.Generator().manual_seed(zlib.crc32(state))
        return Draws(own, self.device)

    def uniform(self, shape: int | tuple[int, ...], low: float, high: float) -> Tensor:
        """Return uniform numbers of `shape` in [low, high)."""
        sizes = (shape,) if isinstance(shape, int) else shape
        drawn = torch.rand(sizes, generator=self.generator)
        return (low + (high - low) * drawn).to(self.device)

    def range(self, shape: int | tuple[int, ...], limits: float | Range) -> Tensor:
        """Return uniform numbers from a range, or a number that was given instead."""
        low, high = limits if isinstance(limits, tuple) else (limits, limits)
        return self.uniform(shape, low, high)

    def normal(self, shape: int | tuple[int, ...]) -> Tensor:
        """Return standard normal numbers of `shape`."""
        sizes = (shape,) if isinstance(shape, int) else shape
        return torch.randn(sizes, generator=self.generator).to(self.device)

    def happens(self, shape: int | tuple[int, ...], share: float) -> Tensor:
        """Return a bool tensor of `shape`, True with probability `share`."""
        return self.uniform(shape, 0, 1) < share

    def sign(self, shape: int | tuple[int, ...]) -> Tensor:
        """Return -1 or 1, each with probability one half."""
        return self.happens(shape, 0.5).float() * 2 - 1

    def integers(self, shape: int | tuple[int, ...], low: int, high: int) -> Tensor:
        """Return integers from `low` to `high` - 1."""
        sizes = (shape,) if isinstance(shape, int) else shape
        return torch.randint(low, high, sizes, generator=self.generator).to(self.device)
