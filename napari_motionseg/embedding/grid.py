"""Where views stand beside a loop: in a row each checkpoint, or in a near square."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Room between cells, as shares of a frame. Captions of two lines stand between rows
ACROSS, DOWN = 1 / 24, 1 / 5


@dataclass(frozen=True)
class Grid:
    """Blocks of cells; block 0 is the loop itself, each has a cell a checkpoint.

    Parameters
    ----------
    size
        Rows and columns of a frame, which is a cell.
    models
        How many checkpoints are looked at.
    pictures
        How many views stand beside the loop; 0 where they lie over it.
    """

    size: tuple[int, int]
    models: int = 1
    pictures: int = 0

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return self.models * (1 + self.pictures)

    @property
    def down(self) -> int:
        """Rows of pixels from one row of cells to the next."""
        return self.size[0] + max(2, round(self.size[0] * DOWN))

    def corner(self, block: int, model: int = 0) -> tuple[int, int]:
        """Return row and column of the first pixel of a cell, counted from the loop's.

        Parameters
        ----------
        block
            0 is the loop, then come the views.
        model
            From 0.
        """
        if self.models == 1:
            a_row = math.ceil(math.sqrt(1 + self.pictures))
            line, place = divmod(block, a_row)
        else:
            line, place = model, block
        across = self.size[1] + max(2, round(self.size[1] * ACROSS))
        return line * self.down, place * across

    def cell_at(
        self, row: float, column: float
    ) -> tuple[int, int, tuple[float, float]] | None:
        """Return block, model and position in its cell of a point, or None."""
        for block in range(1 + self.pictures):
            for model in range(self.models):
                top, left = self.corner(block, model)
                inner = (row - top, column - left)
                if _within(inner, self.size):
                    return block, model, inner
        return None


def _within(position: tuple[float, float], size: tuple[int, int]) -> bool:
    pairs = zip(position, size, strict=True)
    return all(-0.5 <= place < length - 0.5 for place, length in pairs)
