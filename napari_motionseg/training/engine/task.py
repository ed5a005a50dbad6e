"""Define the interface of the tasks that the training loop trains."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


class Task(Protocol):
    """A network with the batches and the loss of its training.

    A task computes only with `model`, which the loop moves to its device, and draws
    random numbers only from the generator that it gets.
    """

    @property
    def model(self) -> nn.Module:
        """The network, trained in place."""
        ...

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the scalar loss of the batch of `step`, and metrics to display.

        Parameters
        ----------
        step
            Number of the step, from 0.
        generator
            Generator on the CPU, whose seed depends on the seed of the run and on
            `step`.
        device
            Device of the model.
        """
        ...

    def preview(self) -> Any:
        """Return a picture of the present result; the model may be in eval mode."""
        ...


@runtime_checkable
class ResizableTask(Protocol):
    """A task that can continue with fewer pictures in a step if memory runs out."""

    batch_size: int


@runtime_checkable
class CroppingTask(Protocol):
    """A task that can continue with smaller pictures if memory runs out."""

    def crop_smaller(self) -> str:
        """Use smaller pictures from now on.

        Return their size in words, or "" if none.
        """
        ...


@runtime_checkable
class PrefetchingTask(Protocol):
    """A task that can prepare a step while the previous one is computed."""

    def prefetch(self, step: int, generator: torch.Generator, size: int) -> None:
        """Begin to prepare the data of a coming step, and return at once.

        Parameters
        ----------
        step
            Number of the coming step, from 0.
        generator
            Copy of the generator that `Task.loss` will get.
        size
            Number of pictures for which the loss will be computed.
        """
        ...


@runtime_checkable
class DescribingTask(Protocol):
    """A task that can describe its last batch, for an error message."""

    def describe_batch(self) -> str:
        """Return a text such as ``"loop 2 (name), frames 3 to 4"`` for each picture."""
        ...
