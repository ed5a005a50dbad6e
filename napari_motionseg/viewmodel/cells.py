"""Positions of pictures in cells beside a loop, for the Motion and Embedding docks."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

COLUMN_GAP = 1 / 24  # gap between cells in a row, as a share of a frame's width
# Gaps between rows of cells, of a frame's height. Captions stand in them: one line
# above a flow, two where flows are compared; two lines above views of an embedding
FLOW_ROW_GAP, COMPARED_FLOWS_ROW_GAP = 1 / 8, 1 / 4
CHECKPOINT_ROW_GAP, COMPARED_CHECKPOINTS_ROW_GAP = 1 / 5, 1 / 3
LEAST_GAP_PX = 2


class CellHit(NamedTuple):
    """The cell under a point, and the pixel of that cell.

    Parameters
    ----------
    block
        Index of the block: 0 is the loop, then come the pictures.
    member
        Index of the flow or the checkpoint that the cell belongs to, from 0.
    pixel
        Row and column in the cell.
    """

    block: int
    member: int
    pixel: tuple[int, int]


@dataclass(frozen=True)
class CellGrid(ABC):
    """Blocks of cells of one size; block 0 is the loop itself.

    Each block has one cell for each member, where members are the flows or the
    checkpoints that are compared. Subclasses say in which order the cells stand.

    Parameters
    ----------
    size
        Rows and columns of a frame, which are those of a cell.
    members
        Number of flows or checkpoints that are compared.
    pictures
        Number of pictures beside the loop; 0 if all of them lie over the loop.
    """

    size: tuple[int, int]
    members: int = 1
    pictures: int = 0

    @property
    def cells(self) -> int:
        """The number of cells, those of the loop included."""
        return self.members * (1 + self.pictures)

    @property
    def column_step(self) -> int:
        """Columns from a pixel of one cell to the same pixel of the next."""
        return _step(self.size[1], COLUMN_GAP)

    @property
    def row_step(self) -> int:
        """Rows from a pixel of one cell to the same pixel of the cell below."""
        return _step(self.size[0], self._row_gap)

    def corner(self, block: int, member: int = 0) -> tuple[int, int]:
        """Return row and column of a cell's first pixel, counted from the loop's.

        Parameters
        ----------
        block
            Index of the block: 0 is the loop, then come the pictures.
        member
            Index of the flow or the checkpoint, from 0.
        """
        row, column = self._row_and_column(block, member)
        return row * self.row_step, column * self.column_step

    def cell_at(self, row: int, column: int) -> CellHit | None:
        """Return the cell under a pixel of the whole, or None between the cells.

        Parameters
        ----------
        row, column
            Position in pixels, counted from the first pixel of the loop.
        """
        for block in range(1 + self.pictures):
            for member in range(self.members):
                top, left = self.corner(block, member)
                pixel = row - top, column - left
                if 0 <= pixel[0] < self.size[0] and 0 <= pixel[1] < self.size[1]:
                    return CellHit(block, member, pixel)
        return None

    @property
    @abstractmethod
    def _row_gap(self) -> float:
        """The gap between rows of cells as a share of a frame's height."""

    @abstractmethod
    def _row_and_column(self, block: int, member: int) -> tuple[int, int]:
        """Return the row and the column of a cell, counted in cells."""


class FlowCells(CellGrid):
    """Cells of views of flow: those of one block stand side by side.

    Members of a block are to be compared, so they are neighbours in a row. Blocks fill
    rows so that the whole comes close to a square.
    """

    @property
    def blocks_per_row(self) -> int:
        """The number of blocks that stand side by side."""
        blocks = 1 + self.pictures
        return min(blocks, math.ceil(math.sqrt(blocks / self.members)))

    @property
    def _row_gap(self) -> float:
        return FLOW_ROW_GAP if self.members == 1 else COMPARED_FLOWS_ROW_GAP

    def _row_and_column(self, block: int, member: int) -> tuple[int, int]:
        row, place = divmod(block, self.blocks_per_row)
        return row, place * self.members + member


class CheckpointCells(CellGrid):
    """Cells of views of an embedding: a near square, or one row a checkpoint.

    A row belongs to one checkpoint where two are compared, so that one layer, of one
    contrast, can hold a view of both.
    """

    @property
    def _row_gap(self) -> float:
        if self.members == 1:
            return CHECKPOINT_ROW_GAP
        return COMPARED_CHECKPOINTS_ROW_GAP  # narrow cells, and captions of two lines

    def _row_and_column(self, block: int, member: int) -> tuple[int, int]:
        if self.members > 1:
            return member, block
        return divmod(block, math.ceil(math.sqrt(1 + self.pictures)))


def _step(length: int, gap: float) -> int:
    """Return the length of a cell and of the gap after it, in px."""
    return length + max(LEAST_GAP_PX, round(length * gap))
