"""Heartbeat, breathing and table of many scenes: maps of space, smooth in time.

Each map is given in closed form, so flow between any two times is exact. Where an
inverse is needed it is closed as well, but for the heart's pull on the tissue around
it, whose fixed-point iteration contracts to far below a hundredth of a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.vessels import SEMI_AXES

SYSTOLE = 0.36  # share of a beat in which the heart contracts
INVERSE_STEPS = 6
MIDDLE, HALF = 256.0, 256.0  # of the picture, px at 512 px
TISSUE, SPINE, RIBS = range(3)  # the edges of organs are the layer after these
# How far each layer goes along with breathing, at the middle and more a half below it
BREATHING_SHARE = ((0.55, 0.35), (0.0, 0.0), (0.3, 0.1), (0.9, 0.1))


@dataclass(frozen=True)
class Heartbeats:
    """The hearts' motions, a row for each scene.

    Parameters
    ----------
    period
        ``(B,)`` seconds of a beat.
    phase
        ``(B,)`` share of a beat that has passed at time 0.
    radial, axial
        ``(B,)`` contraction across and along the axis at end systole, as shares.
    twist
        ``(B,)`` turn of the apex against the base at end systole, radians.
    rock
        ``(B, 3)`` turn of the whole heart at end systole, radians about its axes.
    shift
        ``(B, 3)`` motion of the whole heart at end systole, its axes, px at 512 px.
    """

    period: Tensor
    phase: Tensor
    radial: Tensor
    axial: Tensor
    twist: Tensor
    rock: Tensor
    shift: Tensor

    def contraction(self, time: Tensor) -> Tensor:
        """Return 0 at rest to 1 at end systole, at times ``(B,)`` in seconds."""
        share = (time / self.period + self.phase) % 1
        squeeze = 0.5 - 0.5 * torch.cos(math.pi * share / SYSTOLE)
        rest = ((share - SYSTOLE) / (1 - SYSTOLE)).clamp(min=0)
        # filling is quick at first, then the heart waits for the next beat
        fill = 0.5 + 0.5 * torch.cos(math.pi * rest**0.6)
        contracted: Tensor = torch.where(share < SYSTOLE, squeeze, fill)
        return contracted

    def move(self, points: Tensor, scene: Tensor, time: Tensor) -> Tensor:
        """Return where points ``(N, 3)`` of scenes ``(N,)`` are at times ``(B,)``."""
        c = self.contraction(time)[scene]
        height = points[:, 2] / SEMI_AXES[2]
        angle = self.twist[scene] * c * height
        scale = 1 - self.radial[scene] * c * (0.75 + 0.25 * height)
        x = scale * (points[:, 0] * angle.cos() - points[:, 1] * angle.sin())
        y = scale * (points[:, 0] * angle.sin() + points[:, 1] * angle.cos())
        z = points[:, 2] * (1 - self.axial[scene] * c)
        moved = torch.stack((x, y, z), dim=1)
        # a small turn: its first order is a map like any other
        turned: Tensor = torch.linalg.cross(self.rock[scene] * c[:, None], moved)
        return moved + turned + c[:, None] * self.shift[scene]


def draw_heartbeats(config: SynthesisConfig, count: int, draws: Draws) -> Heartbeats:
    """Return heartbeats within the configuration's ranges."""
    amount = draws.range(count, config.heart_motion)
    size = torch.tensor([9.0, 9.0, 11.0], device=draws.device)
    return Heartbeats(
        period=60 / draws.range(count, config.heart_rate_bpm),
        phase=draws.uniform(count, 0, 1),
        radial=amount * draws.uniform(count, 0.1, 0.22),
        axial=amount * draws.uniform(count, 0.06, 0.14),
        twist=amount * draws.uniform(count, 0.1, 0.3),
        rock=amount[:, None] * 0.05 * draws.normal((count, 3)),
        shift=amount[:, None] * draws.normal((count, 3)) * size,
    )


@dataclass(frozen=True)
class LayerMotions:
    """Motion of the layers before and behind the heart, px at 512 px.

    Layers are soft tissue, spine (with all that lies still on the table), ribs, and the
    edges of diaphragm and lung. A point m of layer l at rest is at::

        m + pan * t + wave(t) * breathing * (a_l + b_l * (y(m) - 256) / 256)
          + pull * exp(-|m - centre|^2 / (2 reach^2)) * contraction(t)

    the last term for tissue alone; a_l and b_l are `BREATHING_SHARE`.

    Parameters
    ----------
    breathing
        ``(B, 2)`` amplitude x, y.
    period, phase
        ``(B,)`` of breathing, seconds and radians.
    pan
        ``(B, 2)`` the table's velocity, px a second.
    pull
        ``(B, 2)`` how far the beating heart drags the tissue around it.
    centre
        ``(B, 2)`` of that pull.
    reach
        ``(B,)`` of that pull.
    beats
        The hearts' motions.
    """

    breathing: Tensor
    period: Tensor
    phase: Tensor
    pan: Tensor
    pull: Tensor
    centre: Tensor
    reach: Tensor
    beats: Heartbeats

    def wave(self, time: Tensor) -> Tensor:
        """Return the breath ``(B,)``, 0 at time 0."""
        return torch.sin(2 * math.pi * time / self.period + self.phase) - torch.sin(
            self.phase
        )

    def place(self, layer: int, rest: Tensor, time: Tensor) -> Tensor:
        """Return where points ``(B, 2, ...)`` of a layer are at times ``(B,)``."""
        like = (-1, 2) + (1,) * (rest.ndim - 2)
        x, y = rest.unbind(dim=1)
        share, slope = BREATHING_SHARE[layer]
        depth = share + slope * (y - MIDDLE) / HALF
        breath = (self.wave(time)[:, None] * self.breathing).view(like)
        moved = rest + breath * depth[:, None] + (self.pan * time[:, None]).view(like)
        return moved + self._dragged(rest, time) if layer == TISSUE else moved

    def rest(self, layer: int, points: Tensor, time: Tensor) -> Tensor:
        """Return which rest points of a layer are at `points` ``(B, 2, ...)``."""
        if layer != TISSUE:
            return self._undone(layer, points, time)
        rest = self._undone(layer, points, time)
        for _ in range(INVERSE_STEPS if bool((self.pull != 0).any()) else 0):
            rest = self._undone(layer, points - self._dragged(rest, time), time)
        return rest

    def rigid(self, time: Tensor) -> Tensor:
        """Return the shift ``(B, 2)`` of the heart's centre, which it rides on."""
        centre = self.centre[:, :, None]
        calm = self.place(TISSUE, centre, time) - self._dragged(centre, time) - centre
        return calm[..., 0]

    def _dragged(self, rest: Tensor, time: Tensor) -> Tensor:
        like = (-1, 2) + (1,) * (rest.ndim - 2)
        one = (-1,) + (1,) * (rest.ndim - 2)
        square = (rest - self.centre.view(like)).square().sum(dim=1)
        drag = torch.exp(-square / (2 * self.reach.view(one) ** 2))
        amount = self.pull * self.beats.contraction(time)[:, None]
        return amount.view(like) * drag[:, None]

    def _undone(self, layer: int, points: Tensor, time: Tensor) -> Tensor:
        """Undo pan and breathing, an affine map."""
        like = (-1,) + (1,) * (points.ndim - 2)
        share, slope = BREATHING_SHARE[layer]
        breath = self.wave(time)[:, None] * self.breathing
        x_breath, y_breath = (part.view(like) for part in breath.unbind(dim=1))
        x, y = (points - (self.pan * time[:, None]).view(-1, 2, *like[1:])).unbind(1)
        fixed = y - y_breath * (share - slope * MIDDLE / HALF)
        y = fixed / (1 + y_breath * slope / HALF)
        depth = share + slope * (y - MIDDLE) / HALF
        return torch.stack((x - x_breath * depth, y), dim=1)


def draw_layer_motions(
    config: SynthesisConfig, centre: Tensor, beats: Heartbeats, draws: Draws
) -> LayerMotions:
    """Return the layers' motions within the configuration's ranges."""
    count = len(centre)
    angle = draws.uniform(count, 0, 2 * math.pi)
    speed = draws.range(count, config.table_pan)[:, None]
    amount = draws.range(count, config.breathing)[:, None]
    sideways = 2 * draws.normal((count, 1))
    breath = torch.cat((sideways, draws.uniform((count, 1), 3, 16)), dim=1)
    return LayerMotions(
        breathing=amount * breath,
        period=draws.uniform(count, 2.8, 5.0),
        phase=draws.uniform(count, 0, 2 * math.pi),
        pan=speed * torch.stack((angle.cos(), angle.sin()), dim=1),
        pull=25 * beats.radial[:, None] * draws.normal((count, 2)),
        centre=centre,
        reach=draws.uniform(count, 80, 140),
        beats=beats,
    )
