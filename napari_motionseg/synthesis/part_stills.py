"""Make single frames whose moving parts are numbered, for learning what moves together.

A part is a branch of a vessel, a device, or a textured shape. Parts that belong
together, such as the branches of one coronary tree, form a group.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import draw_any
from napari_motionseg.synthesis.layers import LayerMoment
from napari_motionseg.synthesis.scenes import Moment
from napari_motionseg.synthesis.stills import (
    BOLUS_SHARE,
    DURATION_S,
    FRAMES,
    RATE,
    STILLS_PER_SCENE,
)

SCENES_AT_ONCE = 4  # scenes that are drawn in one batch
INTERVALS_S = (0.03, 0.3)  # time between the two moments of the flow
TREES = 2  # a scene has a left and a right tree


class PartStills(NamedTuple):
    """Single frames with the numbers of their parts, and the flow to another time.

    Parameters
    ----------
    pictures
        Pictures ``(N, H, W)`` in [0, 1].
    parts
        Number ``(N, H, W)`` int16 of the part that each pixel shows, 0 for the
        background.
    groups
        Number ``(N, H, W)`` int16 of the group of that part, 0 for the background. A
        device or a shape is a group of its own.
    flow
        Flow ``(N, 2, H, W)`` in px of the front layer to another time.
    vessels
        Masks ``(N, H, W)`` bool of the vessels among the parts, or of the strokes.
    """

    pictures: Tensor
    parts: Tensor
    groups: Tensor
    flow: Tensor
    vessels: Tensor


def part_stills(
    count: int,
    size: int,
    seed: int,
    config: SynthesisConfig | None = None,
    device: str | torch.device = "cpu",
) -> PartStills:
    """Make frames with numbered parts and exact flow.

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
        ``"xa-coronary"``. Scenes of angiograms and of layers have parts.
    device
        Device on which the frames are computed and stay.
    """
    base = config or SynthesisConfig.preset("xa-coronary")
    drawn = base.changed(size=size, frames=FRAMES, frame_rate=RATE)
    where = torch.device(device)
    draws = Draws(torch.Generator().manual_seed(seed), where)
    grain = torch.Generator(where).manual_seed(seed + 1)
    made: list[PartStills] = []
    missing = count
    while missing > 0:
        batch = min(SCENES_AT_ONCE, -(-missing // STILLS_PER_SCENE))
        bolus = base.bolus and bool(draws.happens(1, BOLUS_SHARE))
        scenes = draw_any(drawn.changed(bolus=bolus), batch, draws)
        for _ in range(STILLS_PER_SCENE):
            time = draws.uniform(batch, 0.3, DURATION_S)
            later = time + draws.uniform(batch, *INTERVALS_S) * draws.sign(batch)
            now, then = scenes.at(time), scenes.at(later)
            parts, groups = numbered_parts(now)
            flow = now.flow(then)
            made.append(
                PartStills(now.frames(grain), parts, groups, flow, now.outlined)
            )
        missing -= batch * STILLS_PER_SCENE
    return PartStills(*(torch.cat(c)[:count] for c in zip(*made, strict=True)))


def numbered_parts(moment: object) -> tuple[Tensor, Tensor]:
    """Return the number of part and group of each pixel, ``(B, H, W)`` int16 each.

    Parameters
    ----------
    moment
        Angiograms or layers at one time. The vessels are those that a person would
        outline; devices are covered by vessels.
    """
    if isinstance(moment, LayerMoment):
        front = moment.front.short()
        return front, front
    if not isinstance(moment, Moment):
        raise TypeError(f"scenes of {type(moment).__name__} have no numbered parts")
    trees, devices = moment.scenes.trees, moment.scenes.devices
    seen = moment.vessel_front.clamp(min=0)
    vessel = moment.outlined
    device_branch = torch.cat((devices.tethered.branch, devices.in_vessel.branch))
    front = moment.device_front
    bare = (front >= 0) & ~moment.masks & moment.scenes.imagings.open_field
    parts = torch.where(vessel, trees.branch[seen] + 1, 0)
    groups = torch.where(vessel, trees.tree[seen] + 1, 0)
    if len(device_branch):
        device = device_branch[front.clamp(min=0)]
        first = int(trees.branch.max()) + 2
        parts = torch.where(bare, device + first, parts)
        groups = torch.where(bare, device + 1 + TREES, groups)
    return _renumbered(parts), _renumbered(groups)


def _renumbered(numbers: Tensor) -> Tensor:
    """Return numbers that are consecutive in each picture; 0 stays 0."""
    rows = []
    for row in numbers:
        values, index = torch.unique(row, return_inverse=True)
        rows.append(index + int(values[0] != 0))
    return torch.stack(rows).short()
