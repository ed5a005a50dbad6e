"""Draw the anatomy around the heart: soft tissue, spine, ribs and organ edges.

Each layer is drawn once for a scene, on a canvas that is larger than the picture
because motion brings in its surroundings. A frame samples it at the origin of each
pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.filters import gaussian
from napari_motionseg.synthesis.config import REFERENCE_SIDE, SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.territories import territory_of
from napari_motionseg.synthesis.territory import Skeleton

CANVAS = 768  # px, side of a canvas for a picture of 512 px
# margin on each side, into which the table can move
BORDER = (CANVAS - REFERENCE_SIDE) / 2
LAYERS = ("tissue", "spine", "ribs", "edges")
# standard deviation of the absorbance of tissue, by the size of its structures in px
TISSUE = ((256, 0.10), (96, 0.05), (40, 0.03), (18, 0.018), (8, 0.011), (4, 0.006))
STRUCTURE_PX = 5.0  # px over which the structure of a layer is averaged


@dataclass(frozen=True)
class Canvases:
    """Canvases of the layers at rest.

    Parameters
    ----------
    absorbance
        Absorbance ``(B, 4, n, n)``, in the order of `LAYERS`, at the picture's
        resolution.
    structure
        Visible structure ``(B, 4, m, m)`` on a coarser grid: the local mean of the
        squared slope of each layer.
    """

    absorbance: Tensor
    structure: Tensor

    def sample(self, layer: int, rest: Tensor) -> Tensor:
        """Return the absorbance ``(B, H, W)`` at rest points ``(B, 2, H, W)``.

        Points are in px of a picture of 512 px.
        """
        smooth = "bicubic" if layer == 0 else "bilinear"
        return _sampled(self.absorbance[:, layer], rest, smooth)

    def structure_at(self, layer: int, rest: Tensor) -> Tensor:
        """Return the visible structure ``(B, H, W)`` of a layer at rest points."""
        return _sampled(self.structure[:, layer], rest, "bilinear")


def _sampled(canvas: Tensor, rest: Tensor, mode: str) -> Tensor:
    grid = (rest.movedim(1, -1) + BORDER) * (2 / CANVAS) - 1
    return functional.grid_sample(
        canvas[:, None], grid, mode, padding_mode="reflection", align_corners=False
    )[:, 0]


def draw_canvases(config: SynthesisConfig, centre: Tensor, draws: Draws) -> Canvases:
    """Draw the layers of scenes within the configuration's ranges.

    Parameters
    ----------
    config
        Its `tissue`, `bones` and `silhouettes` are used.
    centre
        Position ``(B, 2)`` of the organ in the picture, x and y in px at 512 px.
    draws
        Source of the random layers.
    """
    count = len(centre)
    side = round(CANVAS * config.scale)
    axis = (torch.arange(side, device=draws.device) + 0.5) / config.scale - BORDER
    y, x = torch.meshgrid(axis - 0.5, axis - 0.5, indexing="ij")
    one = _Canvas(count, x[None], y[None], draws)
    bones = draws.range(count, config.bones)[:, None, None]
    territory = territory_of(config)
    skeleton = None if territory is None else territory.skeleton
    absorbance = torch.stack(
        (
            one.tissue(side) * draws.range(count, config.tissue)[:, None, None],
            *(bones * layer for layer in one.bones(skeleton, centre)),
            draws.range(count, config.silhouettes)[:, None, None] * one.edges(),
        ),
        dim=1,
    )
    return Canvases(absorbance, _structure(absorbance, config.scale))


def _structure(absorbance: Tensor, scale: float) -> Tensor:
    """Return the mean squared slope around each point, on a coarser grid."""
    factor = max(1, round(4 * scale))
    fine = gaussian(absorbance, 1.2 * scale)
    slope = (
        fine[..., 1:, 1:] - fine[..., :-1, 1:],
        fine[..., 1:, 1:] - fine[..., 1:, :-1],
    )
    square = functional.pad(slope[0].square() + slope[1].square(), (0, 1, 0, 1))
    coarse = functional.avg_pool2d(square, factor, ceil_mode=True)
    return gaussian(coarse, STRUCTURE_PX * scale / factor)


class _Canvas:
    """Draw layers on a grid ``(1, n, n)`` for `count` scenes."""

    def __init__(self, count: int, x: Tensor, y: Tensor, draws: Draws) -> None:
        self.count, self.x, self.y, self.draws = count, x, y, draws

    def _any(self, low: float, high: float) -> Tensor:
        return self.draws.uniform((self.count, 1, 1), low, high)

    def tissue(self, side: int) -> Tensor:
        """Return noise of several scales, weaker when finer, with a gradient."""
        total = torch.zeros((self.count, side, side), device=self.x.device)
        for size, strength in TISSUE:
            cells = math.ceil(CANVAS / size * 2) + 3
            grid = self.draws.normal((self.count, 1, cells, cells))
            smooth = functional.interpolate(
                grid, size=(side, side), mode="bicubic", align_corners=False
            )[:, 0]
            # strands instead of grains, because folds of tissue have edges
            bent = self._any(0, 1)
            folded = (smooth.abs() - 0.8) * 1.6
            mixed = (1 - bent) * smooth + bent * folded
            total += strength * self._any(0.5, 1.5) * mixed
        slope = self.draws.normal((self.count, 2, 1, 1)) * 0.12
        return total + slope[:, 0] * self.x / 512 + slope[:, 1] * self.y / 512

    def bones(self, skeleton: Skeleton | None, centre: Tensor) -> tuple[Tensor, Tensor]:
        """Return the bones that lie still, and those that breathing moves."""
        if skeleton is None:
            return self.spine(), self.ribs()
        right, down = centre[:, :, None, None].unbind(dim=1)
        still = skeleton(self.x - right, self.y - down, self.draws)
        return still, torch.zeros_like(still)

    def spine(self) -> Tensor:
        """Return vertebrae with their end plates and pedicles, and folds of skin."""
        lean = self._any(-0.25, 0.25)
        across = self.x - self._any(-60, 560) - lean * (self.y - 256)
        along = self.y + lean * across
        width, height = self._any(36, 58), self._any(66, 96)
        phase = (along + self._any(0, 1) * height) / height
        part = phase - phase.floor() - 0.5  # 0 in a vertebra's middle, +-0.5 in a disc
        waist = width * (1 - 0.16 * torch.cos(2 * math.pi * part).clamp(min=0))
        body = torch.sigmoid((waist - across.abs()) / self._any(1.0, 3.0))
        disc = torch.sigmoid((part.abs() - 0.43) * height / 2)
        plate = torch.exp(-(((part.abs() - 0.42) * height / 2.0) ** 2))
        wall = torch.exp(-(((across.abs() - waist) / 2.5) ** 2))
        pedicle_y, pedicle_x = part * height + 8, across.abs() - 0.62 * width
        ring = torch.hypot(pedicle_y / 1.4, pedicle_x) - 8
        pedicles = torch.exp(-((ring / 2.2) ** 2))
        bone = 0.18 * body * (1 - 0.35 * disc) + 0.05 * plate * body
        bone = bone + 0.05 * wall * (1 - disc) + 0.05 * pedicles
        strength = self._any(0.15, 1.1) * self.draws.happens((self.count, 1, 1), 0.75)
        return strength * bone + self._folds()

    def _folds(self) -> Tensor:
        """Return thin lines as of skin folds, sheets and cables on the table."""
        total = torch.zeros_like(self.x)
        for _ in range(2):
            slope, bend = self._any(-1.5, 1.5), 8e-4 * self._any(-1, 1)
            distance = self.y - self._any(-100, 620) - slope * (self.x - 256)
            distance = distance - bend * (self.x - 256) ** 2
            distance = distance / torch.sqrt(1 + slope**2)
            there = self.draws.happens((self.count, 1, 1), 0.35)
            edge = torch.sigmoid(distance / self._any(0.8, 3.0))
            line = torch.exp(-((distance / self._any(1.0, 4.0)) ** 2))
            total = total + there * (self._any(-0.05, 0.05) * edge + 0.02 * line)
        return total

    def ribs(self) -> Tensor:
        """Return posterior ribs, and anterior ribs that cross them."""
        total = torch.zeros_like(self.x)
        for sense in (-1.0, 1.0):
            slope, bend = sense * self._any(0.1, 0.7), 6e-4 * self._any(-1, 1)
            spacing, half = self._any(75, 125), self._any(9, 16)
            line = self.y - slope * (self.x - 256) - bend * (self.x - 256) ** 2
            phase = line / spacing + self._any(0, 1)
            distance = (phase - phase.floor() - 0.5) * spacing / half
            # cortical bone is denser than the inside of a rib, so its edges are darker
            wall = torch.exp(-(((distance.abs() - 1) / 0.25) ** 2))
            inner = torch.sigmoid((1 - distance.abs()) * 7)
            strength = self._any(0.0, 0.06)
            total = total + strength * (0.5 * wall + inner)
        return total

    def edges(self) -> Tensor:
        """Return the silhouettes of diaphragm, heart and lung."""
        domes = torch.zeros_like(self.x)
        for _ in range(2):
            middle, width = self._any(-100, 620), self._any(10, 34)
            top = self._any(180, 620) + ((self.x - middle) / width) ** 2
            soft = torch.sigmoid((self.y - top) / self._any(1.0, 6.0))
            domes = domes + self._any(0.0, 0.32) * soft
        lung_edge = self._any(250, 600) + self._any(-0.7, 0.7) * (self.y - 256)
        lung_edge = lung_edge + 1e-3 * self._any(-1, 1) * (self.y - 256) ** 2
        side = self.draws.sign((self.count, 1, 1))
        lung = torch.sigmoid(side * (self.x - 256 - side * (lung_edge - 256))
                             / self._any(1.5, 18))  # fmt: skip
        heart = torch.exp(
            -(((self.x - self._any(200, 320)) / self._any(140, 260)) ** 2)
            - ((self.y - self._any(210, 330)) / self._any(120, 240)) ** 2
        )
        return domes - self._any(0.0, 0.4) * lung + self._any(0.0, 0.35) * heart
