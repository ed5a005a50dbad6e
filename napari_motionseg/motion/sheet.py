"""Where views stand: cells beside a loop, one for each flow that is compared."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Room between cells, as shares of a frame. Captions stand in that between rows: a line,
# or two where flows are compared
ACROSS, DOWN, DOWN_TWO_LINES = 1 / 24, 1 / 8, 1 / 4


@dataclass(frozen=True)
class Sheet:
    """Blocks of cells in rows; the first block is the loop itself.

    A block has a cell for each flow, from left to right, so that what is to be compared
    stands side by side. Blocks fill rows so that the whole comes close to a square.

    Parameters
    ----------
    size
        Rows and columns of a frame, which is a cell.
    flows
        How many flows are looked at.
    pictures
        How many views stand beside the loop.
    """

    size: tuple[int, int]
    flows: int = 1
    pictures: int = 0

    @property
    def shift(self) -> int:
        """Columns from a pixel of one cell to the same pixel of the next."""
        return self.size[1] + max(2, round(self.size[1] * ACROSS))

    @property
    def blocks_a_row(self) -> int:
        """How many blocks stand side by side."""
        blocks = 1 + self.pictures
        return min(blocks, math.ceil(math.sqrt(blocks / self.flows)))

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return (1 + self.pictures) * self.flows

    def corner(self, block: int, flow: int = 0) -> tuple[int, int]:
        """Return row and column of the first pixel of a cell, counted from the loop's.

        Parameters
        ----------
        block
            0 is the loop, then come the views.
        flow
            From 0.
        """
        down, across = divmod(block, self.blocks_a_row)
        room = DOWN if self.flows == 1 else DOWN_TWO_LINES
        height = self.size[0] + max(2, round(self.size[0] * room))
        return down * height, (across * self.flows + flow) * self.shift

    def cell_at(self, row: int, column: int) -> tuple[int, int, int] | None:
        """Return flow, row and column in its cell of a point of the sheet, or None."""
        for block in range(1 + self.pictures):
            for flow in range(self.flows):
                top, left = self.corner(block, flow)
                inner = row - top, column - left
                if 0 <= inner[0] < self.size[0] and 0 <= inner[1] < self.size[1]:
                    return flow, *inner
        return None
