"""Model heartbeat, breathing and table motion as maps of space that vary in time.

Each map has a closed form, so the flow between any two times is exact. Inverse maps
have a closed form too, except for the pull of the heart on the tissue around it; its
fixed-point iteration converges to far below a hundredth of a pixel.
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
INVERSE_STEPS = 6  # iterations of the fixed point
MIDDLE, HALF = 256.0, 256.0  # centre and half side of the picture, px at 512 px
TISSUE, SPINE, RIBS = range(3)  # the edges of organs are the next layer
# share of breathing that moves each layer: in the middle, and its increase half a
# picture below the middle
BREATHING_SHARE = ((0.55, 0.35), (0.0, 0.0), (0.3, 0.1), (0.9, 0.1))


@dataclass(frozen=True)
class Heartbeats:
    """Motions of the hearts, one row for each scene.

    Parameters
    ----------
    period
        Duration ``(B,)`` of a beat in seconds.
    phase
        Share ``(B,)`` of a beat that has passed at time 0.
    radial, axial
        Contraction ``(B,)`` across and along the long axis at end systole, as shares.
    twist
        Rotation ``(B,)`` of the apex against the base at end systole, in radians.
    rock
        Rotation ``(B, 3)`` of the whole heart at end systole, in radians about its
        axes.
    shift
        Shift ``(B, 3)`` of the whole heart at end systole, along its axes, in px at 512
        px.
    """

    period: Tensor
    phase: Tensor
    radial: Tensor
    axial: Tensor
    twist: Tensor
    rock: Tensor
    shift: Tensor

    def contraction(self, time: Tensor) -> Tensor:
        """Return the contraction at times ``(B,)``: 0 at rest, 1 at end systole."""
        share = (time / self.period + self.phase) % 1
        squeeze = 0.5 - 0.5 * torch.cos(math.pi * share / SYSTOLE)
        rest = ((share - SYSTOLE) / (1 - SYSTOLE)).clamp(min=0)
        # filling is fast at first; then the heart waits for the next beat
        fill = 0.5 + 0.5 * torch.cos(math.pi * rest**0.6)
        contracted: Tensor = torch.where(share < SYSTOLE, squeeze, fill)
        return contracted

    def move(self, points: Tensor, scene: Tensor, time: Tensor) -> Tensor:
        """Return where points ``(N, 3)`` of scenes ``(N,)`` are at `time` ``(B,)``."""
        c = self.contraction(time)[scene]
        height = points[:, 2] / SEMI_AXES[2]
        angle = self.twist[scene] * c * height
        scale = 1 - self.radial[scene] * c * (0.75 + 0.25 * height)
        x = scale * (points[:, 0] * angle.cos() - points[:, 1] * angle.sin())
        y = scale * (points[:, 0] * angle.sin() + points[:, 1] * angle.cos())
        z = points[:, 2] * (1 - self.axial[scene] * c)
        moved = torch.stack((x, y, z), dim=1)
        # the rotation is small, so its first order suffices and keeps the map exact
        turned: Tensor = torch.linalg.cross(self.rock[scene] * c[:, None], moved)
        return moved + turned + c[:, None] * self.shift[scene]


def draw_heartbeats(config: SynthesisConfig, count: int, draws: Draws) -> Heartbeats:
    """Draw heartbeats within the configuration's ranges."""
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
    """Motion of the layers in front of and behind the heart, in px at 512 px.

    The layers are soft tissue, spine (with everything that lies still on the table),
    ribs, and the edges of diaphragm and lung. A point of layer l that is at m at rest
    is at::

        m + pan * t + wave(t) * breathing * (a_l + b_l * (y(m) - 256) / 256)
          + pull * exp(-|m - centre|^2 / (2 reach^2)) * contraction(t)

    The last term applies to tissue only; a_l and b_l are `BREATHING_SHARE`.

    Parameters
    ----------
    breathing
        Amplitude ``(B, 2)`` of breathing along x and y.
    period, phase
        Period in seconds and phase in radians of breathing, ``(B,)`` each.
    pan
        Velocity ``(B, 2)`` of the table in px per second.
    pull
        Largest displacement ``(B, 2)`` of tissue by the beating heart.
    centre
        Centre ``(B, 2)`` of this displacement.
    reach
        Standard deviation ``(B,)`` of this displacement in space.
    beats
        Motions of the hearts.
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
        """Return the state of breathing ``(B,)``, which is 0 at time 0."""
        return torch.sin(2 * math.pi * time / self.period + self.phase) - torch.sin(
            self.phase
        )

    def place(self, layer: int, rest: Tensor, time: Tensor) -> Tensor:
        """Return where rest points ``(B, 2, ...)`` of a layer are at `time`."""
        like = (-1, 2) + (1,) * (rest.ndim - 2)
        x, y = rest.unbind(dim=1)
        share, slope = BREATHING_SHARE[layer]
        depth = share + slope * (y - MIDDLE) / HALF
        breath = (self.wave(time)[:, None] * self.breathing).view(like)
        moved = rest + breath * depth[:, None] + (self.pan * time[:, None]).view(like)
        return moved + self._dragged(rest, time) if layer == TISSUE else moved

    def rest(self, layer: int, points: Tensor, time: Tensor) -> Tensor:
        """Return the rest points of a layer that are at `points` ``(B, 2, ...)``."""
        if layer != TISSUE:
            return self._undone(layer, points, time)
        rest = self._undone(layer, points, time)
        for _ in range(INVERSE_STEPS if bool((self.pull != 0).any()) else 0):
            rest = self._undone(layer, points - self._dragged(rest, time), time)
        return rest

    def rigid(self, time: Tensor) -> Tensor:
        """Return the shift ``(B, 2)`` of the heart's centre by table and breathing."""
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
        """Return the points before pan and breathing, by inverting the affine map."""
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
    """Draw the motions of the layers within the configuration's ranges."""
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
