"""What the training loop asks of that which is trained."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


class Task(Protocol):
    """What is trained, and on what.

    A task computes only through `model`, which the loop moves to its device, and draws
    only from the generator it is given.
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
            From 0.
        generator
            On the CPU, seeded by the run's seed and `step`.
        device
            Where the model is.
        """
        ...

    def preview(self) -> Any:
        """Return something to look at; the model may be put in eval mode for it."""
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
class ForeseeingTask(Protocol):
    """A task that can prepare a step while the one before computes."""

    def foresee(self, step: int, generator: torch.Generator, size: int) -> None:
        """Begin with what the loss of a coming step will need; return at once.

        Parameters
        ----------
        step
            The coming one, from 0.
        generator
            Equal to the one that `Task.loss` will be given; it is this call's own.
        size
            Pictures that the loss will be of.
        """
        ...


@runtime_checkable
class NamingTask(Protocol):
    """A task that can say what its last batch was made of, for a person to look at."""

    def batch_in_words(self) -> str:
        """Return e.g. ``"loop 2 (name), frames 3 to 4"`` for each picture."""
        ...
