"""Settings of fine-tuning, and its recipes.

As in Ma et al. (2019), 4.3 and 4.4: binary cross entropy, Adam at a fixed rate of
0.001, flips, rotations, scalings and shears, the same for a pretrained start and for
scratch. `FinetuneSettings()` is the paper's recipe, `FinetuneSettings.tuned()` the one
that trials on real loops bore out.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import get_args

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import UNetConfig
from napari_motionseg.segmentation.augmentation import AugmentSettings
from napari_motionseg.segmentation.dataset import CROP_MULTIPLE
from napari_motionseg.segmentation.flow_propagation import CarrySettings
from napari_motionseg.segmentation.initialization import Kept
from napari_motionseg.segmentation.losses import LossName
from napari_motionseg.training.engine.recipes import find_recipe
from napari_motionseg.training.engine.settings import TrainingSettings, at_least

TUNED_GROWTH = 0.4
TUNED_EARLY_STOPPING_EVERY = 20


@dataclass(frozen=True)
class FinetuneSettings:
    """Settings of fine-tuning; the defaults are the recipe ``"paper"``.

    Parameters
    ----------
    steps
        Optimizer steps for one labelled frame: the paper's 200 epochs, where an epoch
        of the few labelled frames is one batch.
    growth
        Power of the number of labelled frames that `steps` is multiplied by; 0 takes
        the same steps however many are labelled.
    loss
        ``"bce"`` (cross entropy where there are more than two classes) or
        ``"bce+dice"``.
    batch
        Number of pictures in a step; the paper's limit is 3.
    crop
        Side of the random windows in pixels, a multiple of 16; None trains on whole
        frames.
    augmentation
        Random changes of pictures and labels.
    network
        Configuration of a network that is trained from scratch.
    kept
        Share of the initial weights in the final ones, 0 to 1, where the initial
        network segments already. ``"earned"``: the larger, the better its masks fit
        the labels; see `earned_share` and `blend_with_start`.
    pseudo_labels
        Whether predictions of a start that segments replace missing labels; see
        `with_pseudo_labels`.
    early_stopping_every
        Steps between two updates of early stopping, which ends training when the mask
        of a frame no longer changes; see `EarlyStopping`. 0 never stops early.
    carry
        Settings with which labels are carried along the flow to the frames around
        them; None trains on the labelled frames alone.
    training
        Learning rate, schedule, precision, device, seed. Its `steps` are not used.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    steps: int = 200
    growth: float = 0.0
    loss: LossName = "bce"
    batch: int = 3
    crop: int | None = None
    augmentation: AugmentSettings = field(default_factory=AugmentSettings)
    network: UNetConfig = field(default_factory=UNetConfig)
    kept: Kept = 0.0
    pseudo_labels: bool = False
    early_stopping_every: int = 0
    carry: CarrySettings | None = None
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(steps=200)
    )

    def __post_init__(self) -> None:
        if self.loss not in get_args(LossName):
            raise SettingsError(f"loss must be 'bce' or 'bce+dice', not {self.loss!r}")
        for name in ("early_stopping_every", "growth"):
            at_least(self, name, 0)
        number = isinstance(self.kept, int | float)
        if self.kept != "earned" and not (number and 0 <= float(self.kept) <= 1):
            raise SettingsError(f"kept must be 0 to 1 or 'earned'; got {self.kept!r}")
        for name in ("steps", "batch"):
            if getattr(self, name) < 1:
                raise SettingsError(
                    f"{name} must be at least 1; got {getattr(self, name)}"
                )
        if self.crop is not None and (self.crop < 1 or self.crop % CROP_MULTIPLE):
            raise SettingsError(
                f"crop must be a multiple of {CROP_MULTIPLE} pixels, or None for "
                f"whole frames; got {self.crop}"
            )

    def steps_for(self, frames: int) -> int:
        """Return the optimizer steps for so many labelled frames."""
        return round(self.steps * math.pow(frames, self.growth))

    def with_steps(self, steps: int) -> FinetuneSettings:
        """Return a copy that takes so many steps, however much is labelled."""
        return dataclasses.replace(self, steps=steps, growth=0.0)

    @classmethod
    def tuned(cls) -> FinetuneSettings:
        """Return the recipe ``"tuned"``, which trials on real loops bore out."""
        return cls(
            steps=250,
            growth=TUNED_GROWTH,
            loss="bce+dice",
            batch=2,
            crop=256,
            network=UNetConfig(flat_field=True),
            kept="earned",
            pseudo_labels=True,
            early_stopping_every=TUNED_EARLY_STOPPING_EVERY,
            training=TrainingSettings(steps=250, schedule="cosine"),
        )

    @classmethod
    def recipe(cls, name: str) -> FinetuneSettings:
        """Return the settings of a named recipe.

        Parameters
        ----------
        name
            ``"tuned"``: binary cross entropy plus Dice with a falling rate, which
            trials on real loops bore out. ``"paper"``: as Ma et al. (2019) train.

        Raises
        ------
        SettingsError
            If there is no such recipe.
        """
        return find_recipe(name, {"tuned": cls.tuned, "paper": lambda: cls()})
