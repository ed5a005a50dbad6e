"""Pairs composed of a user's loops while training, and how it is trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from napari_motionseg.motion.cutout import LoopLayers
from napari_motionseg.motion.pair_composition import (
    BACKGROUND_MOTION,
    VESSEL_MOTION,
    Motion,
    compose_pair,
)
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.engine.settings import TrainingSettings, at_least
from napari_motionseg.training.flow.flow_loss import Penalty
from napari_motionseg.training.flow.pairs import Pairs
from napari_motionseg.training.flow.settings import CROP_MULTIPLE, FlowTrainingSettings

PAIRS_A_STEP = 2**20  # to draw from; the pairs of two steps are never the same
HELD_OUT_STREAM = 2**31  # no step has this number
TABLE_SHIFT_PX = 8


@dataclass(frozen=True)
class AdaptationSettings:
    """How to fine-tune a network to loops.

    Parameters
    ----------
    batch
        Pairs a step, of the smallest windows; of larger ones fewer.
    crop, largest_crop
        Sides in px of the smallest and largest windows, multiples of 64; cut down to
        what the loops hold.
    vessel, background
        How far the layers move, in px of a frame of 512 px.
    penalty
        ``"robust"`` makes little of large errors: for a network that follows vessels
        already and is to be refined.
    vessel_weight
        A vessel's pixel counts 1 + this.
    held_out
        Composed pairs that are measured before and after, and never trained on.
    training
        Steps, rate, schedule, precision, device, seed.

    Raises
    ------
    SettingsError
        If a value cannot be.
    """

    batch: int = 4
    crop: int = 192
    largest_crop: int = 384
    vessel: Motion = VESSEL_MOTION
    background: Motion = BACKGROUND_MOTION
    penalty: Penalty = "l2"
    vessel_weight: float = 20.0
    held_out: int = 16
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=400,
            learning_rate=4e-4,
            schedule="one-cycle",
            weight_decay=1e-4,
            clip_norm=10.0,
            checkpoint_every=50,
        )
    )

    def __post_init__(self) -> None:
        at_least(self, "held_out", 1)
        self._of_task(self.crop, self.largest_crop)

    def for_side(self, side: int) -> FlowTrainingSettings:
        """Return the task's settings for loops whose shorter side is `side` px."""
        most = max(CROP_MULTIPLE, side // CROP_MULTIPLE * CROP_MULTIPLE)
        return self._of_task(min(self.crop, most), min(self.largest_crop, most))

    def _of_task(self, crop: int, largest: int) -> FlowTrainingSettings:
        return FlowTrainingSettings(
            batch=self.batch,
            crop=crop,
            largest_crop=largest,
            pair_size=largest + TABLE_SHIFT_PX,
            shift=TABLE_SHIFT_PX,
            penalty=self.penalty,
            vessel_weight=self.vessel_weight,
            held_out=self.held_out,
            training=self.training,
        )


class ComposedPairs:
    """Pairs composed when they are asked for; a pool that stores nothing.

    Parameters
    ----------
    loops
        What to compose them of; each pair is of one loop.
    size
        Side in px.
    settings
        How layers move, and the seed.
    """

    def __init__(
        self, loops: Sequence[LoopLayers], size: int, settings: AdaptationSettings
    ) -> None:
        self._loops = loops
        self._size = size
        self._settings = settings

    def __len__(self) -> int:
        return PAIRS_A_STEP

    def pair(self, step: int, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures ``(2, H, W)``, flow ``(2, H, W)`` and vessel ``(H, W)``.

        A pure function of seed, step and index; computed where the loops are, returned
        on the CPU.
        """
        settings = self._settings
        generator = step_generator(settings.training.seed, step, index)
        chosen = int(torch.randint(len(self._loops), (), generator=generator))
        pictures, flow, vessel = compose_pair(
            self._loops[chosen],
            self._size,
            generator,
            settings.vessel,
            settings.background,
        )
        return pictures.cpu(), flow.cpu(), vessel.cpu()

    def held_out(self, count: int) -> Pairs:
        """Return pairs that no step trains on."""
        parts = [self.pair(HELD_OUT_STREAM, index) for index in range(count)]
        pictures, flow, vessel = (
            torch.stack(part) for part in zip(*parts, strict=True)
        )
        return Pairs(pictures.half(), flow.half(), vessel)
