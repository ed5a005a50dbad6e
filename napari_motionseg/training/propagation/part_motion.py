"""Draw motions of numbered parts, and the guidance that a user would give for them.

A click on a vessel says that something moves there, not what moves with it. The motions
drawn here move the clicked part alone, several parts, or the whole group. A network
that learns them predicts how likely each pixel is to move with the click.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.objectives.guidance import guidance_mask

LEAST_PART_PX = 24  # smaller parts are hardly visible, so nobody clicks them
# what moves in a motion that is told by clicks: the part, several parts, the group, the
# background
PART, SEVERAL, GROUP = 0.5, 0.65, 0.95
STILL_POINTS = 0.45  # share of click motions that also have points without motion
NMS_KERNELS = (15, 15, 31, 81)  # for watershed points; 15 and 81 are the paper's
GRID_STRIDES = (0, 40, 80, 80, 200)  # 80 and 200 are the paper's
NEAR_PX = 41  # side of the square in which a point without motion is placed


class Guided(NamedTuple):
    """A motion and its guidance.

    Parameters
    ----------
    flow
        Flow ``(2, H, W)`` in px.
    guided
        Mask ``(H, W)`` bool of the pixels whose flow is given.
    clicked
        Whether the points are clicks on objects, which say only that they move.
    """

    flow: Tensor
    guided: Tensor
    clicked: bool = False


class PartMotions:
    """Draw motions of the parts of one picture.

    Parameters
    ----------
    parts, groups
        Numbers ``(H, W)`` of part and group of each pixel, 0 for the background.
    scene_flow
        Flow ``(2, H, W)`` in px of the scene itself.
    limit
        Bound in px of the flow that the network can predict.
    generator
        Generator of the random numbers, on the CPU.
    opened
        Field of view ``(H, W)`` bool; parts, motion and points lie inside it. None
        means the whole picture.
    """

    def __init__(
        self,
        parts: Tensor,
        groups: Tensor,
        scene_flow: Tensor,
        limit: float,
        generator: torch.Generator,
        opened: Tensor | None = None,
    ) -> None:
        self._opened = torch.ones_like(parts, dtype=torch.bool)
        if opened is not None:
            self._opened = opened
        parts = parts * self._opened
        self.parts, self.groups = parts, groups * self._opened
        self.scene_flow = scene_flow * self._opened
        self.limit, self.generator = limit, generator
        counts = torch.bincount(parts.flatten().long())
        large = (counts >= LEAST_PART_PX).nonzero().flatten()
        self.numbers = [int(number) for number in large if number > 0]
        rows, columns = parts.shape
        axes = (torch.arange(n, dtype=torch.float32) for n in (rows, columns))
        y, x = torch.meshgrid(*axes, indexing="ij")
        self._places = torch.stack((x, y))

    def clicks(self) -> Guided:
        """Return a motion of one part or group, with clicks as guidance."""
        moved, seeds = self._chosen()
        flow = self.affine(moved, self.speed()) * moved
        guided = torch.zeros_like(moved)
        for part in seeds:
            self._mark(guided, part, 1)
        self._mark(guided, moved, self._few(0.55))
        if self._chance(STILL_POINTS):
            square = moved[None, None].float()
            near = functional.max_pool2d(square, NEAR_PX, 1, NEAR_PX // 2)[0, 0] > 0
            near &= self._opened
            others = (self.parts > 0) & ~moved
            for where in (others, ~moved & near):
                self._mark(guided, where, self._few(0.4))
        return Guided(flow, guided, clicked=True)

    def all_parts(self) -> Guided:
        """Return a motion in which every part or group moves by itself."""
        flow = torch.zeros_like(self.scene_flow)
        if self._chance(0.5):
            everywhere = torch.ones_like(self.parts, dtype=torch.bool)
            flow = self.affine(everywhere, 0.3 * self.speed())
        numbers = self.groups if self._chance(0.5) else self.parts
        for number in torch.unique(numbers).tolist():  # type: ignore[no-untyped-call]
            if number and self._chance(0.7):
                moved = numbers == number
                flow = torch.where(moved, self.affine(moved, self.speed()), flow)
        return self._sampled(flow)

    def scene(self) -> Guided:
        """Return the motion of the scene, faster or slower."""
        return self._sampled(self.scene_flow * self._log_range(0.5, 2.5))

    def affine(self, moved: Tensor, speed: float) -> Tensor:
        """Return a flow ``(2, H, W)`` with a slight rotation and growth of a part.

        Parameters
        ----------
        moved
            Mask ``(H, W)`` bool of the part.
        speed
            Length of the flow in its middle, in px.
        """
        angle = self._one(0, 2 * math.pi)
        shift = torch.tensor([math.cos(angle), math.sin(angle)]) * speed
        flow = shift[:, None, None].expand_as(self._places)
        if self._chance(0.5) or not moved.any():
            return flow
        points = self._places[:, moved]
        away = self._places - points.mean(dim=1)[:, None, None]
        size = float(points.std(dim=1, correction=0).norm()) + 8
        growth, turn = (0.25 * speed / size * self._one(-1, 1) for _ in range(2))
        x, y = away
        return flow + torch.stack((growth * x - turn * y, growth * y + turn * x))

    def speed(self) -> float:
        """Return a speed in px, drawn uniformly in its logarithm."""
        return self._log_range(2.0, 0.9 * self.limit)

    def _chosen(self) -> tuple[Tensor, list[Tensor]]:
        """Return the mask of what moves, and the parts that must have a point."""
        drawn = self._one(0, 1)
        if not self.numbers or drawn >= GROUP:
            everything = self._chance(0.5)
            moved = self._opened
            back = (self.parts == 0) & self._opened
            return (moved if everything else back), [back]
        first = self.parts == self._pick(self.numbers)
        if drawn < PART:
            return first, [first]
        group = self.groups == self.groups[first][0]
        if drawn >= SEVERAL:
            return group, [first]
        others = [n for n in self.numbers if bool(((self.parts == n) & group).any())]
        more = [self.parts == self._pick(others) for _ in range(self._few(0.4) + 1)]
        return torch.stack((first, *more)).any(dim=0), [first, *more]

    def _sampled(self, flow: Tensor) -> Guided:
        kernel, stride = self._pick(NMS_KERNELS), self._pick(GRID_STRIDES)
        mask = guidance_mask(
            flow[None], nms_kernel=kernel, grid_stride=stride, generator=self.generator
        )
        guided = mask[0] & self._opened
        if not guided.any():  # nothing could be predicted from no point at all
            self._mark(guided, self._opened, 1)
        return Guided(flow * self._opened, guided)

    def _mark(self, guided: Tensor, where: Tensor, count: int) -> None:
        """Mark `count` random pixels of a mask as guided."""
        rows, columns = where.nonzero(as_tuple=True)
        if count and len(rows):
            chosen = torch.randint(len(rows), (count,), generator=self.generator)
            guided[rows[chosen], columns[chosen]] = True

    def _few(self, more: float) -> int:
        """Return 0, or with probability `more` one more, and so on up to 8."""
        count = 0
        while count < 8 and self._chance(more):
            count += 1
        return count

    def _one(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def _log_range(self, low: float, high: float) -> float:
        return math.exp(self._one(math.log(low), math.log(high)))

    def _chance(self, share: float) -> bool:
        return self._one(0, 1) < share

    def _pick(self, choices: list[int] | tuple[int, ...]) -> int:
        return choices[int(torch.randint(len(choices), (), generator=self.generator))]
