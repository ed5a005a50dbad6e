"""Contrast agent along the trees over time: arrival, streaming, wash-out, blush."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws

VISIBLE_DENSITY = 0.3  # share of full contrast from which a vessel counts as visible
SECOND_TREE_DENSITY = 0.45
FILLED = -1e3  # seconds: long before any frame


@dataclass(frozen=True)
class Boluses:
    """Contrast of many scenes, a row each.

    Parameters
    ----------
    arrival
        ``(B,)`` seconds at which it leaves the catheter.
    speed
        ``(B,)`` px at 512 px a second.
    rise
        ``(B,)`` seconds from none to full at a point.
    end
        ``(B,)`` seconds at which injection ends.
    decay
        ``(B,)`` seconds in which it is washed out to a third.
    streaming
        ``(B,)`` unevenness along the vessels.
    clouds
        ``(B, 3)``: px a radian of that unevenness, radians a second, phase.
    faint
        ``(B, 2)`` density of left and right tree.
    """

    arrival: Tensor
    speed: Tensor
    rise: Tensor
    end: Tensor
    decay: Tensor
    streaming: Tensor
    clouds: Tensor
    faint: Tensor

    def density(
        self, path: Tensor, scene: Tensor, tree: Tensor, time: Tensor
    ) -> Tensor:
        """Return the share of full contrast ``(N,)`` of samples at times ``(B,)``."""
        delay = path / self.speed[scene]
        now = time[scene]
        share = (now - self.arrival[scene] - delay) / self.rise[scene]
        share = share.clamp(0, 1)
        filled = share * share * (3 - 2 * share)
        since = (now - self.end[scene] - delay).clamp(min=0)
        length, turn, phase = self.clouds[scene].unbind(dim=1)
        cloud = 0.5 + 0.5 * torch.sin(path / length - turn * now + phase)
        uneven = 1 - self.streaming[scene] * cloud
        faint = self.faint[scene].gather(1, tree[:, None])[:, 0]
        return filled * uneven * torch.exp(-since / self.decay[scene]) * faint

    def muscle(self, time: Tensor) -> Tensor:
        """Return the share of full blush ``(B,)``: it comes after the vessels."""
        late = (time - self.arrival - 1.0) / 2.0
        return late.clamp(0, 1)

    def injected(self, time: Tensor) -> Tensor:
        """Return the share of full contrast ``(B,)`` at the catheter's tip."""
        begun = ((time - self.arrival) / self.rise).clamp(0, 1)
        return begun * torch.exp(-(time - self.end).clamp(min=0) / 0.4)


def draw_boluses(
    config: SynthesisConfig, tree: Tensor, count: int, draws: Draws
) -> Boluses:
    """Return boluses that fill the tree early in a loop.

    Parameters
    ----------
    config
        Its frames and frame rate say how long the loop is.
    tree
        ``(B,)``: the one that is injected into.
    count, draws
        How many; random numbers.
    """
    duration = config.frames / config.frame_rate
    fill = draws.uniform(count, 0.4, 1.1).clamp(max=0.4 * duration)
    start = draws.uniform(count, 0.05, 0.6).clamp(max=0.15 * duration)
    end = duration * draws.uniform(count, 0.6, 1.3)
    if not config.bolus:
        start, end = torch.full_like(start, FILLED), torch.full_like(end, -FILLED)
    clouds = torch.stack(
        (
            draws.uniform(count, 8, 60),
            draws.uniform(count, 2, 12),
            draws.uniform(count, 0, 2 * math.pi),
        ),
        dim=1,
    )
    faint = torch.full((count, 2), SECOND_TREE_DENSITY, device=draws.device)
    faint.scatter_(1, tree[:, None], 1.0)
    return Boluses(
        arrival=start,
        speed=500 / fill,
        rise=0.35 * fill,
        end=end,
        decay=draws.uniform(count, 0.5, 1.8),
        streaming=draws.range(count, config.streaming),
        clouds=clouds,
        faint=faint,
    )
