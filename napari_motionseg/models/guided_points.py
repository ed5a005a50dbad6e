"""List the guided points of sparse motion, of which there are few in a picture."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class GuidedPoints(NamedTuple):
    """The N guided pixels of B guidances, so that nothing is computed where none is.

    Parameters
    ----------
    guidances
        Number B of guidances.
    which
        Index ``(N,)`` int64 of the guidance of each point.
    row, column
        Place ``(N,)`` int64 of each point in px.
    vector
        Motion ``(N, 2)`` of each point in px: x, then y.
    """

    guidances: int
    which: Tensor
    row: Tensor
    column: Tensor
    vector: Tensor

    @property
    def moving(self) -> Tensor:
        """Whether each point moves, ``(N,)`` bool."""
        return (self.vector != 0).any(dim=1)

    def cells(self, side: int, height: int, width: int) -> Tensor:
        """Return the index ``(N,)`` of each point's cell among those of all guidances.

        Parameters
        ----------
        side
            Side of a cell in px.
        height, width
            Number of rows and columns of cells.
        """
        inside = (self.row // side) * width + self.column // side
        return self.which * (height * width) + inside


def guided_points(sparse_motion: Tensor) -> GuidedPoints:
    """Return the points of guidance ``(B, 3, H, W)``: flow x and y in px, and mask."""
    which, row, column = sparse_motion[:, 2].nonzero(as_tuple=True)
    vector = sparse_motion[which, :2, row, column].float()
    return GuidedPoints(len(sparse_motion), which, row, column, vector)


def largest_near(values: Tensor, points: GuidedPoints, side: int) -> Tensor:
    """Return the largest value ``(N,)`` in a square around each point.

    Parameters
    ----------
    values
        Values ``(F, 1, H, W)`` of F frames; B is a multiple of F, and the first B / F
        guidances belong to the first frame.
    points
        The points of B guidances.
    side
        Odd side of the square in px.
    """
    half = side // 2
    padded = functional.pad(values[:, 0], (half,) * 4, value=-torch.inf)
    steps = torch.arange(side, device=values.device)
    frame = points.which // (points.guidances // len(values))
    found = padded[
        frame[:, None, None],
        points.row[:, None, None] + steps[:, None],
        points.column[:, None, None] + steps,
    ]
    return found.flatten(1).amax(dim=1)
