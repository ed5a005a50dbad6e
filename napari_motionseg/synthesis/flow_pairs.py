"""Make picture pairs with exact flow, for training optical flow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.kinds import SceneMoment, draw_any

FRAME_RATES = (7.5, 7.5, 10.0, 15.0, 30.0)  # frames/s; 7.5 is drawn twice as often
PAIRS_PER_SCENE = 4  # a scene takes longer to make than a pair of it
SCENES_AT_ONCE = 3  # scenes that are drawn in one batch
FAR_SHARE = 0.1  # share of pairs that skip a frame
DURATION_S = 3.0  # seconds of a scene from which the times of a pair are drawn
FRAMES, RATE = 45, 15.0  # only their ratio counts: the duration of a bolus


class PairBatch(NamedTuple):
    """Picture pairs with their flow.

    Attributes
    ----------
    first
        First pictures ``(N, H, W)`` in [0, 1].
    second
        Second pictures ``(N, H, W)`` in [0, 1].
    flow
        Flow ``(N, 2, H, W)`` in px, from the first to the second picture.
    vessel
        Vessel masks ``(N, H, W)`` bool of the first pictures.
    """

    first: Tensor
    second: Tensor
    flow: Tensor
    vessel: Tensor


def training_pairs(
    count: int,
    size: int,
    seed: int,
    config: SynthesisConfig | None = None,
    device: str | torch.device = "cpu",
) -> PairBatch:
    """Make pairs of frames and the flow from the first to the second.

    Parameters
    ----------
    count
        Number of pairs.
    size
        Side of the pictures in px.
    seed
        Seed of scenes and times. Time runs backwards in half of the pairs.
    config
        Ranges of the scenes, except size, frames and frame rate. None is the preset
        ``"xa-coronary"``.
    device
        Device on which the pairs are computed and stay.
    """
    where = torch.device(device)
    grain = torch.Generator(where).manual_seed(seed + 1)
    moments = moment_pairs(count, size, seed, config, where)
    parts = [_pair(now, then, grain) for now, then in moments]
    columns = (torch.cat(column)[:count] for column in zip(*parts, strict=True))
    return PairBatch(*columns)


def moment_pairs(
    count: int,
    size: int,
    seed: int,
    config: SynthesisConfig | None = None,
    device: str | torch.device = "cpu",
) -> Iterator[tuple[SceneMoment, SceneMoment]]:
    """Yield the scenes of `training_pairs` at both of their times.

    Moments know what pictures do not show: each vessel, what hides it, and its flow.
    The pictures of `training_pairs` are their frames, with noise that one generator
    with the seed ``seed + 1`` draws for all pairs in turn.

    Parameters
    ----------
    count
        Least number of pairs; the last moments may hold more.
    size, seed, config, device
        As in `training_pairs`.

    Yields
    ------
    tuple[SceneMoment, SceneMoment]
        One or more scenes at the time of the first and of the second picture.
    """
    base = config or SynthesisConfig.preset("xa-coronary")
    drawn = base.changed(size=size, frames=FRAMES, frame_rate=RATE)
    draws = Draws(torch.Generator().manual_seed(seed), torch.device(device))
    missing = count
    while missing > 0:
        batch = min(SCENES_AT_ONCE, -(-missing // PAIRS_PER_SCENE))
        # half of the scenes are fully filled, because flow is learnt on contrast
        bolus = base.bolus and bool(draws.happens(1, 0.5))
        scenes = draw_any(drawn.changed(bolus=bolus), batch, draws)
        for _ in range(PAIRS_PER_SCENE):
            now, then = _times(batch, draws)
            yield scenes.at(now), scenes.at(then)
        missing -= batch * PAIRS_PER_SCENE


def _pair(now: SceneMoment, then: SceneMoment, grain: torch.Generator) -> PairBatch:
    first, second = now.frames(grain), then.frames(grain)
    return PairBatch(first, second, now.flow(then), now.masks)


def _times(count: int, draws: Draws) -> tuple[Tensor, Tensor]:
    """Return two times for each scene, one or two frames apart."""
    rates = torch.tensor(FRAME_RATES, device=draws.device)
    interval = 1 / rates[draws.integers(count, 0, len(rates))]
    interval = interval * (1 + draws.happens(count, FAR_SHARE).float())
    start = draws.uniform(count, 0.3, DURATION_S)
    return start, start + interval * draws.sign(count)
