"""Protocols of the tasks that the training loop trains."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


class Task(Protocol):
    """A network with the batches and the loss that it is trained with.

    A task computes only through `model`, which the loop moves to its device, and draws
    random numbers only from the generator that it is given.
    """

    @property
    def model(self) -> nn.Module:
        """The network, trained in place."""
        ...

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the scalar loss of the batch of `step`, and metrics to show with it.

        Parameters
        ----------
        step
            Number of the step, from 0.
        generator
            Generator on the CPU, seeded by the seed of the run and `step`.
        device
            Device that the model lies on.
        """
        ...

    def preview(self) -> Any:
        """Return a picture of what is learnt; the model may be put in eval mode."""
        ...


@runtime_checkable
class ResizableTask(Protocol):
    """A task that goes on with fewer pictures a step when memory runs out."""

    batch_size: int


@runtime_checkable
class CroppingTask(Protocol):
    """A task that goes on with smaller pictures when memory runs out."""

    def crop_smaller(self) -> str:
        """Take smaller pictures from now on; return which, or "" at the smallest."""
        ...


@runtime_checkable
class PrefetchingTask(Protocol):
    """A task that can prepare a step while the one before computes."""

    def prefetch(self, step: int, generator: torch.Generator, size: int) -> None:
        """Start to prepare the data of a coming step; return at once.

        Parameters
        ----------
        step
            Number of the coming step, from 0.
        generator
            A copy of the generator that `Task.loss` will be given.
        size
            Number of pictures that the loss will be computed on.
        """
        ...


@runtime_checkable
class DescribingTask(Protocol):
    """A task that can describe its last batch, for an error message."""

    def describe_batch(self) -> str:
        """Return e.g. ``"loop 2 (name), frames 3 to 4"`` for each picture."""
        ...
