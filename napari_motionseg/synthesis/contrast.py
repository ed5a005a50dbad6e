"""Model contrast agent over time: arrival, streaming, wash-out, blush."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws

VISIBLE_DENSITY = 0.3  # share of full contrast from which a vessel counts as visible
SECOND_TREE_DENSITY = 0.45  # share of full contrast in the other tree
FILLED = -1e3  # seconds: an arrival long before the first frame


@dataclass(frozen=True)
class Boluses:
    """Contrast agent in many scenes, one row for each scene.

    Parameters
    ----------
    arrival
        Time ``(B,)`` in seconds at which it leaves the catheter.
    speed
        Speed ``(B,)`` in px per second, for a picture of 512 px.
    rise
        Time ``(B,)`` in seconds from no to full contrast at a point.
    end
        Time ``(B,)`` in seconds at which the injection ends.
    decay
        Time ``(B,)`` in seconds in which contrast falls to a third (1/e).
    streaming
        Unevenness ``(B,)`` along the vessels, 0 to 1.
    clouds
        Waves ``(B, 3)`` of this unevenness: px per radian, radians per second, phase.
    faint
        Density ``(B, 2)`` of contrast agent in the left and the right tree, 0 to 1.
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
        """Return the share of full blush ``(B,)``, which follows the vessels."""
        late = (time - self.arrival - 1.0) / 2.0
        return late.clamp(0, 1)

    def injected(self, time: Tensor) -> Tensor:
        """Return the share of full contrast ``(B,)`` at the tip of the catheter."""
        begun = ((time - self.arrival) / self.rise).clamp(0, 1)
        return begun * torch.exp(-(time - self.end).clamp(min=0) / 0.4)


def draw_boluses(
    config: SynthesisConfig, tree: Tensor, count: int, draws: Draws
) -> Boluses:
    """Draw boluses that fill the tree early in a loop.

    Parameters
    ----------
    config
        Configuration whose frames and frame rate give the duration of the loop.
    tree
        Tree ``(B,)`` that is injected: 0 for left, 1 for right.
    count
        Number of scenes.
    draws
        Source of the random numbers.
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
