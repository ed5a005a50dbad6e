"""Make single frames with vessel masks, for training segmentation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import draw_any

STILLS_PER_SCENE = 2  # a scene is costlier than a frame, but its frames are similar
SCENES_AT_ONCE = 4  # scenes that are drawn in one batch
DURATION_S = 3.0  # length of a loop, long enough for contrast to arrive and leave
FRAMES, RATE = 45, 15.0  # only their ratio counts: the duration of a bolus
BOLUS_SHARE = 0.5  # share of scenes with a bolus; the others are always filled


class Stills(NamedTuple):
    """Single frames with their masks.

    Parameters
    ----------
    pictures
        Pictures ``(N, H, W)`` in [0, 1].
    masks
        Masks ``(N, H, W)`` bool of vessels as people outline them; see
        `Moment.outlined`.
    catheters
        Masks ``(N, H, W)`` bool of catheters; see `Moment.catheters`.
    """

    pictures: Tensor
    masks: Tensor
    catheters: Tensor


def training_stills(
    count: int,
    size: int,
    seed: int,
    config: SynthesisConfig | None = None,
    device: str | torch.device = "cpu",
) -> Stills:
    """Make frames and the masks that a person would outline on them.

    Parameters
    ----------
    count
        Number of frames.
    size
        Side of the frames in px.
    seed
        Seed of scenes and times.
    config
        Ranges of the scenes, except size, frames and frame rate. None is the preset
        ``"xa-coronary"``.
    device
        Device on which the frames are computed and stay.
    """
    base = config or SynthesisConfig.preset("xa-coronary")
    drawn = base.changed(size=size, frames=FRAMES, frame_rate=RATE)
    where = torch.device(device)
    draws = Draws(torch.Generator().manual_seed(seed), where)
    grain = torch.Generator(where).manual_seed(seed + 1)
    parts: list[Stills] = []
    missing = count
    while missing > 0:
        batch = min(SCENES_AT_ONCE, -(-missing // STILLS_PER_SCENE))
        bolus = base.bolus and bool(draws.happens(1, BOLUS_SHARE))
        scenes = draw_any(drawn.changed(bolus=bolus), batch, draws)
        for _ in range(STILLS_PER_SCENE):
            moment = scenes.at(draws.uniform(batch, 0.3, DURATION_S))
            frames = moment.frames(grain)
            parts.append(Stills(frames, moment.outlined, moment.catheters))
        missing -= batch * STILLS_PER_SCENE
    return Stills(*(torch.cat(c)[:count] for c in zip(*parts, strict=True)))
