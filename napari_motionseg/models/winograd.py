"""Compute 3 x 3 convolutions by Winograd's algorithm: a fifth of the multiplications.

After A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016:
a tile of m x m outputs is the transform of an elementwise product of a transformed tile
of (m + 2) x (m + 2) inputs and a transformed kernel. Summed over channels, the products
are matrix products, for which every CPU has fast routines. The data are laid out for
those routines, in blocks that fit the cache of a CPU.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

KERNEL = 3  # side of the kernels that can be transformed
# Evaluation points of the polynomials behind the transforms, besides infinity. Of all
# small fractions tried, these have the smallest rounding errors (Barabasz et al. 2020,
# Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural
# Networks): 1e-6 of the outputs for m = 4, 2e-5 for m = 8.
POINTS = {
    4: ("0", "1", "-1", "2", "-1/2"),
    8: ("0", "3/8", "-3/8", "3/4", "-3/4", "5/4", "-5/4", "5/2", "-5/2"),
}
# Number of values in a block of tiles. The exact size hardly matters: from 64 Ki to
# 2 Mi values, the CPU time of a network showed no trend within 10%.
BLOCK_FLOATS = 512 * 1024
# reading a value of a transformed kernel takes as long as using it for so many tiles
READING = 16


@dataclass(frozen=True)
class Transforms:
    """The three matrices of Winograd's F(m x m, 3 x 3).

    Parameters
    ----------
    inputs
        ``(m + 2, m + 2)``, applied to a tile of the picture along one axis.
    kernels
        ``(m + 2, 3)`` float64, applied to a kernel along one axis.
    outputs
        ``(m, m + 2)``, applied to a product along one axis.
    """

    inputs: Tensor
    kernels: Tensor
    outputs: Tensor


@lru_cache
def transforms(m: int) -> Transforms:
    """Return the matrices for tiles of m x m outputs; m is a key of `POINTS`.

    Notes
    -----
    This is the transposed Toom-Cook construction. Let V_k be the matrix of the powers 0
    to k - 1 of each point. The matrix of the outputs is V_m transposed, that of the
    kernels is V_3, and that of the inputs is the transposed inverse of V_(m + 2). The
    rows of the last are scaled to about 1 by powers of two, which the kernels undo:
    this is exact, and best for rounding.
    """
    points = [Fraction(point) for point in POINTS[m]]
    side = m + KERNEL - 1
    inputs = [list(row) for row in zip(*_inverse(_powers(points, side)), strict=True)]
    kernels = _powers(points, KERNEL)
    for row, (given, kernel) in enumerate(zip(inputs, kernels, strict=True)):
        scale = Fraction(2) ** round(math.log2(max(abs(value) for value in given)))
        inputs[row] = [value / scale for value in given]
        kernels[row] = [value * scale for value in kernel]
    outputs = _as_tensor(_powers(points, m)).T.contiguous()
    with torch.inference_mode(False):
        return Transforms(
            _as_tensor(inputs).float(), _as_tensor(kernels), outputs.float()
        )


def _powers(points: Sequence[Fraction], count: int) -> list[list[Fraction]]:
    infinity = [Fraction(0)] * (count - 1) + [Fraction(1)]
    return [*([point**k for k in range(count)] for point in points), infinity]


def _inverse(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    """Return the exact inverse by Gauss-Jordan elimination."""
    size = len(matrix)
    rows = [
        [*row, *(Fraction(int(i == j)) for j in range(size))]
        for i, row in enumerate(matrix)
    ]
    for c in range(size):
        pivot = next(r for r in range(c, size) if rows[r][c])
        rows[c], rows[pivot] = rows[pivot], rows[c]
        rows[c] = [value / rows[c][c] for value in rows[c]]
        for r in range(size):
            if r != c:
                factor = rows[r][c]
                pairs = zip(rows[r], rows[c], strict=True)
                rows[r] = [a - factor * b for a, b in pairs]
    return [row[size:] for row in rows]


def _as_tensor(rows: list[list[Fraction]]) -> Tensor:
    return torch.tensor([[float(value) for value in row] for row in rows]).double()


@dataclass(frozen=True)
class Tiling:
    """Division of a picture into tiles.

    A convolution of dilation d consists of d * d convolutions of dilation 1, each on
    every d-th row and column. Their tiles follow one another.

    Parameters
    ----------
    height, width
        Size of the picture in pixels.
    dilation
        Dilation of the convolution.
    m
        Side of the output of a tile.
    """

    height: int
    width: int
    dilation: int
    m: int

    @property
    def side(self) -> int:
        """Side of the input of a tile."""
        return self.m + KERNEL - 1

    @property
    def rows(self) -> int:
        """Number of tiles from top to bottom of a sub-picture."""
        return math.ceil(math.ceil(self.height / self.dilation) / self.m)

    @property
    def columns(self) -> int:
        """Number of tiles from left to right of a sub-picture."""
        return math.ceil(math.ceil(self.width / self.dilation) / self.m)

    @property
    def count(self) -> int:
        """Number of tiles of all sub-pictures."""
        return self.dilation**2 * self.rows * self.columns

    @property
    def cost(self) -> int:
        """Multiplications for a pair of channels, plus reading the kernel."""
        return self.side**2 * (self.count + READING)

    def blocks(self, channels: int) -> Iterator[tuple[int, slice, slice]]:
        """Yield a row of the dilation's grid, its rows of tiles, and their numbers."""
        line = self.dilation * self.columns
        step = max(1, BLOCK_FLOATS // (self.side**2 * line * channels))
        for p in range(self.dilation):
            for start in range(0, self.rows, step):
                end = min(start + step, self.rows)
                first = p * self.rows
                tiles = slice((first + start) * line, (first + end) * line)
                yield p, slice(start, end), tiles


def choose_tiling(height: int, width: int, dilation: int = 1) -> Tiling | None:
    """Return the tiling of lowest cost; None if a picture is too small for tiles."""
    choices = [Tiling(height, width, dilation, m) for m in sorted(POINTS)]
    cheapest = min(choices, key=lambda tiling: tiling.cost)
    plain = KERNEL**2 * (height * width + READING)
    return cheapest if cheapest.cost < plain else None


class Workspace(threading.local):
    """Reusable memory of a thread, because the system clears newly allocated memory."""

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}
        self._turns: dict[str, int] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """Return an uninitialized tensor, valid until `name` is taken again."""
        size = math.prod(shape)
        kept = self._kept.get(name)
        self._turns[name] = self.turn(name) + 1
        if kept is None or kept.numel() < size:
            with torch.inference_mode(False):
                kept = self._kept[name] = torch.empty(size)
        return kept[:size].view(shape)

    def again(self, name: str, *shape: int) -> Tensor:
        """Return the tensor that was taken last, with its present content."""
        return self._kept[name][: math.prod(shape)].view(shape)

    def turn(self, name: str) -> int:
        """Return how often `name` was taken."""
        return self._turns.get(name, 0)


def kernel_tiles(weight: Tensor, m: int) -> Tensor:
    """Transform the kernels ``(N, C, 3, 3)`` to ``((m + 2)^2, C, N)``.

    The transform is computed once, in double precision; the result is float32.
    """
    side, matrix = m + KERNEL - 1, transforms(m).kernels
    with torch.inference_mode(False), torch.no_grad():
        given = weight.detach().double()
        made = torch.einsum("bj,ai,ncij->bacn", matrix, matrix, given)
        return made.reshape(side * side, *made.shape[2:]).float().contiguous()


def to_tiles(picture: Tensor, tiling: Tiling, out: Tensor, space: Workspace) -> None:
    """Transform the tiles of a picture.

    Parameters
    ----------
    picture
        Picture ``(H, W, C)``; it is computed in float32.
    tiling
        Tiling of a picture of this size.
    out
        Result ``((m + 2)^2, tiles, C)``, which is filled; may be a part of more
        channels.
    space
        Reusable memory for intermediate results.
    """
    d, m, side, columns = tiling.dilation, tiling.m, tiling.side, tiling.columns
    height, width, channels = picture.shape
    wide = d * (m * columns + 2)
    padded = space.take("padded", d * (m * tiling.rows + 2), wide, channels)
    padded[d : d + height, d : d + width] = picture
    for edge in (
        padded[:d], padded[d + height :],
        padded[d : d + height, :d], padded[d : d + height, d + width :],
    ):  # fmt: skip
        edge.zero_()
    row = wide * channels
    matrix = transforms(m).inputs
    for p, rows, tiles in tiling.blocks(channels):
        count = rows.stop - rows.start
        # axes: row of tiles, row in a tile, column and channel
        given = _strided(
            padded[p + m * d * rows.start :],
            (count, side, row),
            (m * d * row, d * row, 1),
        )
        half = space.take("half", count, side, row)
        torch.bmm(matrix.expand(count, side, side), given, out=half)
        # axes: column in a tile, frequency of rows, row of tiles, column of the grid,
        # tile, channel
        cut = space.take("cut", side, side, count, d, columns, channels)
        stride = (d * channels, row, side * row, channels, m * d * channels, 1)
        cut.copy_(_strided(half, cut.shape, stride))
        whole = space.take("whole", side, cut[0].numel())
        torch.mm(matrix, cut.view(side, -1), out=whole)
        out[:, tiles] = whole.view(side * side, -1, channels)


def _strided(tensor: Tensor, shape: Sequence[int], stride: Sequence[int]) -> Tensor:
    return tensor.as_strided(shape, stride, tensor.storage_offset())


def from_tiles(
    products: Tensor,
    tiling: Tiling,
    space: Workspace,
    bias: Tensor | None = None,
    slope: float = 1.0,
) -> Tensor:
    """Transform products back, and add bias and activation while they are in the cache.

    Parameters
    ----------
    products
        Contiguous products ``((m + 2)^2, tiles, N)``.
    tiling
        Tiling of the picture.
    space
        Reusable memory for intermediate results.
    bias
        Bias ``(N,)`` to add; None adds nothing.
    slope
        Slope of the LeakyReLU that follows; 1 for none.

    Returns
    -------
    Tensor
        A new tensor ``(H, W, N)`` float32.
    """
    d, m, side, columns = tiling.dilation, tiling.m, tiling.side, tiling.columns
    channels, tile = products.shape[2], products.stride(0)
    matrix = transforms(m).outputs
    made = torch.empty(tiling.rows, m, d, m * columns * d * channels)
    for p, rows, tiles in tiling.blocks(channels):
        count, size = rows.stop - rows.start, (tiles.stop - tiles.start) * channels
        # axes: frequency of rows, frequency or then row of columns, tiles and channels
        given = _strided(products[:, tiles], (side, side, size), (tile, side * tile, 1))
        across = space.take("half", side, m, count, d, columns, channels)
        torch.bmm(matrix.expand(side, m, side), given, out=across.view(side, m, size))
        strips = space.take("cut", count, side, columns, m, d, channels)
        strips.copy_(across.permute(2, 0, 4, 1, 3, 5))
        lines = strips.view(count, side, -1)
        down = made[rows, :, p]
        # rows of `made` are interleaved with those of the other grids of a dilation
        target = down if d == 1 else space.take("down", *down.shape)
        torch.bmm(matrix.expand(count, m, side), lines, out=target)
        pixels = target.view(count, m, -1, channels)
        if bias is not None:
            pixels += bias
        if slope != 1:
            functional.leaky_relu_(pixels, slope)
        if d != 1:
            down.copy_(target)
    whole = made.view(m * tiling.rows * d, m * columns * d, channels)
    return whole[: tiling.height, : tiling.width]
