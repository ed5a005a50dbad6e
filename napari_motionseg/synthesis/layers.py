"""Draw generic layers: textured shapes that move over each other.

This follows Flying Chairs (Dosovitskiy et al., FlowNet, ICCV 2015, section 4): each
layer has its own affine motion and hides the layers behind it. A flow network learns
general matching from it before it sees angiograms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.synthesis import textures
from napari_motionseg.synthesis.config import REFERENCE_SIDE, SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.imaging import Imagings, draw_imagings

SHAPES = 7  # layers in front of the background; every second one is a stroke
ROOM = 1.5  # side of the canvas divided by that of the picture
FAINT_SHARE = 0.4  # share of shapes that are transparent


@dataclass(frozen=True)
class LayerScenes:
    """Scenes of moving layers; layer 0 is the background.

    Parameters
    ----------
    config
        Configuration of size, imaging, and speed of motion (`heart_motion` as a
        factor).
    colour, alpha
        Gray values and opacity ``(B, K, n, n)`` at rest.
    centre
        Centre of rotation ``(B, K, 2)`` from the picture's middle, in px at 512 px.
    velocity
        Velocity ``(B, K, 2)`` in px per second.
    turn, growth
        Rotation in radians per second, and growth of log size per second, ``(B, K)``.
    thin
        Whether ``(K,)`` a layer is a stroke.
    imagings
        Imaging chains from gray values to pictures; gray is taken for light.
    """

    config: SynthesisConfig
    colour: Tensor
    alpha: Tensor
    centre: Tensor
    velocity: Tensor
    turn: Tensor
    growth: Tensor
    thin: Tensor
    imagings: Imagings

    def __len__(self) -> int:
        return len(self.colour)

    def at(self, time: Tensor) -> LayerMoment:
        """Return the scenes at times ``(B,)`` in seconds."""
        return LayerMoment(self, time)

    @cached_property
    def pixels(self) -> Tensor:
        """Position ``(2, H, W)`` of pixel centres from the middle, px at 512 px."""
        rows, columns = self.config.shape
        axes = [
            (torch.arange(n, device=self.colour.device) - (n - 1) / 2)
            / self.config.scale
            for n in (rows, columns)
        ]
        y, x = torch.meshgrid(*axes, indexing="ij")
        return torch.stack((x, y))

    def place(self, rest: Tensor, time: Tensor) -> Tensor:
        """Return the positions of rest points ``(B, K, 2, H, W)`` at times ``(B,)``."""
        matrix, shift = self._map(time)
        about = rest - self.centre[..., None, None]
        return torch.einsum("bkij,bkjhw->bkihw", matrix, about) + shift

    def rest(self, time: Tensor) -> Tensor:
        """Return the rest points ``(B, K, 2, H, W)`` that the pixels show."""
        matrix, shift = self._map(time)
        away = self.pixels - shift
        about = torch.einsum("bkij,bkjhw->bkihw", torch.linalg.inv(matrix), away)
        return about + self.centre[..., None, None]

    def _map(self, time: Tensor) -> tuple[Tensor, Tensor]:
        t = time[:, None]
        angle, size = self.turn * t, torch.exp(self.growth * t)
        c, s = size * angle.cos(), size * angle.sin()
        matrix = torch.stack((torch.stack((c, -s), -1), torch.stack((s, c), -1)), -2)
        return matrix, (self.centre + self.velocity * t[..., None])[..., None, None]


class LayerMoment:
    """Layer scenes at one time each; see `Moment` for the properties."""

    def __init__(self, scenes: LayerScenes, time: Tensor) -> None:
        self.scenes = scenes
        self.time = time
        self.rest = scenes.rest(time)

    @cached_property
    def _opacity(self) -> Tensor:
        """Opacity ``(B, K, H, W)`` of each layer; that of the background is 1."""
        opacity = self._sample(self.scenes.alpha)
        return torch.cat((torch.ones_like(opacity[:, :1]), opacity[:, 1:]), dim=1)

    @cached_property
    def front(self) -> Tensor:
        """Index ``(B, H, W)`` of the front layer with an opacity of a fifth."""
        count = self.scenes.alpha.shape[1]
        order = torch.arange(count, device=self.time.device)[:, None, None]
        return torch.where(self._opacity >= 0.2, order, 0).amax(dim=1)

    @cached_property
    def masks(self) -> Tensor:
        """Mask ``(B, H, W)`` bool of the strokes that lie in front."""
        return self.scenes.thin[self.front]

    @property
    def outlined(self) -> Tensor:
        """Mask of the strokes, equal to `masks` because their edges are sharp."""
        return self.masks

    @property
    def catheters(self) -> Tensor:
        """Empty mask ``(B, H, W)``: the scenes have no catheters."""
        return torch.zeros_like(self.masks)

    def frames(self, generator: torch.Generator) -> Tensor:
        """Return the pictures ``(B, H, W)`` in [0, 1]."""
        colour = self._sample(self.scenes.colour)
        gray = colour[:, 0]
        for k in range(1, colour.shape[1]):
            gray = gray + self._opacity[:, k] * (colour[:, k] - gray)
        absorbance = 3 * (0.6 - gray)
        return self.scenes.imagings.expose(absorbance, generator)

    def flow(self, then: LayerMoment) -> Tensor:
        """Return the flow ``(B, 2, H, W)`` of the front layer in px."""
        flows = self.scenes.place(self.rest, then.time) - self.scenes.pixels
        index = self.front[:, None, None].expand(-1, 1, 2, -1, -1)
        return flows.gather(1, index)[:, 0] * self.scenes.config.scale

    def _sample(self, canvas: Tensor) -> Tensor:
        batch, count, _, rows, columns = self.rest.shape
        grid = self.rest.movedim(2, -1) * (2 / (ROOM * REFERENCE_SIDE))
        sampled = functional.grid_sample(
            canvas.flatten(0, 1)[:, None],
            grid.reshape(batch * count, rows, columns, 2),
            padding_mode="reflection",
            align_corners=False,
        )
        return sampled.view(batch, count, rows, columns)


def draw_layer_scenes(config: SynthesisConfig, count: int, draws: Draws) -> LayerScenes:
    """Draw `count` scenes of textured shapes."""
    side, scale = round(ROOM * REFERENCE_SIDE * config.scale), config.scale
    number = 1 + SHAPES
    colour = textures.noise(count * number, side, scale, draws)
    shapes = [
        (textures.strokes if k % 2 else textures.blobs)(count, side, scale, draws)
        for k in range(SHAPES)
    ]
    solid = torch.stack([torch.ones_like(shapes[0]), *shapes], dim=1)
    faint = draws.happens((count, number, 1, 1), FAINT_SHARE)
    opacity = torch.where(faint, draws.uniform((count, number, 1, 1), 0.3, 0.7), 1.0)
    amount = draws.range((count, 1), config.heart_motion)
    spread = torch.full((number,), 90.0, device=draws.device)
    spread[0] = 20.0  # the background is slower
    speed = amount * spread * draws.uniform((count, number), 0, 1) ** 2 * 2
    angle = draws.uniform((count, number), 0, 2 * math.pi)
    thin = torch.arange(-1, SHAPES, device=draws.device) % 2 == 1
    thin[0] = False
    return LayerScenes(
        config=config,
        colour=colour.view(count, number, side, side),
        alpha=solid * opacity,
        centre=draws.uniform((count, number, 2), -180, 180),
        velocity=speed[..., None] * torch.stack((angle.cos(), angle.sin()), dim=-1),
        turn=amount * 0.5 * draws.normal((count, number)),
        growth=amount * 0.25 * draws.normal((count, number)),
        thin=thin,
        imagings=draw_imagings(config, count, draws),
    )
