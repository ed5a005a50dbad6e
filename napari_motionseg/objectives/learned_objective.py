"""Hold an objective's settings beside the parameters that are trained with it."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from torch import nn


class HasPoints(Protocol):
    """An objective that looks at a number of random pixels of each picture."""

    @property
    def points(self) -> int:
        """Number of pixels that are drawn of each picture."""


Objective = TypeVar("Objective", bound=HasPoints)


class LearnedObjective(nn.Module, Generic[Objective]):
    """Hold the settings of an objective; a subclass adds the parameters.

    Parameters
    ----------
    objective
        The objective that is computed.
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    @property
    def points(self) -> int:
        """Number of pixels that are drawn of each picture."""
        return self.objective.points
