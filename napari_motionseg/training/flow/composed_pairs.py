"""Compose pairs from the user's loops during training; settings of adaptation."""

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
from napari_motionseg.training.engine.recipes import find_recipe
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.engine.settings import TrainingSettings, at_least
from napari_motionseg.training.flow.flow_loss import Penalty
from napari_motionseg.training.flow.pairs import Pairs
from napari_motionseg.training.flow.settings import CROP_MULTIPLE, FlowTrainingSettings

PAIRS_A_STEP = 2**20  # numbers of pairs in a step, so that no two steps share a pair
HELD_OUT_STREAM = 2**31  # larger than the number of any step
TABLE_SHIFT_PX = 8  # largest shift of the second picture as a whole, in px


@dataclass(frozen=True)
class AdaptationSettings:
    """Settings of flow adaptation; the defaults are the recipe ``"cpu"``.

    Parameters
    ----------
    batch
        Number of pairs in a step of the smallest windows; larger windows have fewer.
    crop, largest_crop
        Sides of the smallest and largest windows in pixels, multiples of 64. They are
        reduced to the size of the smallest loop if necessary.
    vessel, background
        Ranges of the motion of each layer, in pixels of a frame of 512 pixels.
    penalty
        ``"l2"``, or ``"robust"``, which gives large errors less weight and suits a
        network that already follows vessels.
    vessel_weight
        Additional weight of a pixel in a vessel; all others have weight 1.
    held_out
        Number of pairs that are never trained on, for the errors before and after.
    training
        Settings of the training loop: steps, rate, schedule, precision, device, seed.

    Raises
    ------
    SettingsError
        If a value is out of range.
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
            preview_every=50,
        )
    )

    def __post_init__(self) -> None:
        at_least(self, "held_out", 1)
        self._of_task(self.crop, self.largest_crop)

    @classmethod
    def recipe(cls, name: str) -> AdaptationSettings:
        """Return the settings of a named recipe.

        Parameters
        ----------
        name
            ``"cpu"``: adapts within minutes on two cores.

        Raises
        ------
        SettingsError
            If there is no such recipe.
        """
        return find_recipe(name, {"cpu": cls})

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
    """Pairs that are composed on request, like a pool that stores nothing.

    Parameters
    ----------
    loops
        Loops, separated into layers; each pair is composed from one of them.
    size
        Side of the pairs in pixels.
    settings
        Settings with the motion of the layers and the seed.
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

        The pair depends only on seed, step and index. It is computed on the device of
        the loops, and returned on the CPU.
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
