"""Combine an objective's settings with the parameters that are trained with it."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from torch import nn


class HasPoints(Protocol):
    """An objective that uses a number of random pixels of each picture."""

    @property
    def points(self) -> int:
        """Number of pixels that are drawn from each picture."""


Objective = TypeVar("Objective", bound=HasPoints)


class LearnedObjective(nn.Module, Generic[Objective]):
    """Base class of modules for objectives; a subclass adds the parameters.

    Parameters
    ----------
    objective
        Objective whose loss is computed.
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    @property
    def points(self) -> int:
        """Number of pixels that are drawn from each picture."""
        return self.objective.points
