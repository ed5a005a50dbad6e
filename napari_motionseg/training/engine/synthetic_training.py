"""Share what all trainings on synthetic pictures do: pool, held-out part, identity."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.seeds import derived_seed
from napari_motionseg.training.engine.settings import TrainingSettings

HELD_OUT_STREAM = 2**31  # larger than the number of any block of a pool
NO_IDENTITY = ("training", "held_out")  # settings that change no weight
Block = TypeVar("Block")
Pool = TypeVar("Pool", bound=ExamplePool[Any])


class PoolSettings(Protocol):
    """Settings of a training whose examples come from a pool."""

    @property
    def pool_size(self) -> int:
        """Number of examples in memory, rounded up to whole blocks."""

    @property
    def block(self) -> int:
        """Number of examples in a block."""

    @property
    def refresh_every(self) -> int:
        """Number of steps after which the oldest block is renewed; 0 never renews."""

    @property
    def training(self) -> TrainingSettings:
        """Settings of the training loop, with the seed."""


def pool_of(
    kind: type[Pool], make: Callable[[int, int], Any], settings: PoolSettings
) -> Pool:
    """Return the empty pool from which a training draws its examples.

    Parameters
    ----------
    kind
        Class of the pool.
    make
        Function that makes a block of so many examples from a seed.
    settings
        Settings of the training.
    """
    return kind(
        make,
        blocks=-(-settings.pool_size // settings.block),
        block=settings.block,
        refresh_every=settings.refresh_every,
        seed=settings.training.seed,
    )


def held_out_seed(settings: PoolSettings) -> int:
    """Return the seed of the examples that a training never sees."""
    return derived_seed(settings.training.seed, HELD_OUT_STREAM)


def identity_of(settings: Any) -> dict[str, Any]:
    """Return the settings that a run must share with the one that it continues.

    Parameters
    ----------
    settings
        Settings of the training, a dataclass.
    """
    whole = dataclasses.asdict(settings)
    return {name: value for name, value in whole.items() if name not in NO_IDENTITY}


def drawn_window(
    vessels: Tensor,
    crop: int,
    zoom: tuple[float, float],
    count: int,
    generator: torch.Generator,
) -> tuple[slice, slice]:
    """Return rows and columns of the window with most vessels, of several drawn ones.

    Parameters
    ----------
    vessels
        Plane ``(H, W)`` whose sum within a window says how much it shows.
    crop
        Side of the window in px, before zooming.
    zoom
        Smallest and largest factor of the side.
    count
        Number of square windows that are drawn.
    generator
        Generator of the random numbers, on the CPU.
    """
    low, high = zoom
    factor = low + (high - low) * float(torch.rand((), generator=generator))
    side = round(crop * factor)
    room = vessels.shape[-1] - side + 1
    windows = []
    for _ in range(count):
        row, column = torch.randint(room, (2,), generator=generator).tolist()
        windows.append((slice(row, row + side), slice(column, column + side)))
    return max(windows, key=lambda window: float(vessels[window].sum()))
