"""Define the settings of fine-tuning, and its recipes.

Following Ma et al. (2019), 4.3 and 4.4: binary cross entropy, Adam at a fixed rate of
0.001, flips, rotations, scalings and shears, equally for a pretrained start and for
scratch. `FinetuneSettings()` is the paper's recipe; `FinetuneSettings.tuned()` is the
one that was best in trials on real loops.
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
QUICK_STEPS = 120
QUICK_BATCH = 3
QUICK_LEVELS = 1
# A whole frame teaches more than strokes. With two levels instead of one, two synthetic
# loops rose from .767 to .809 and from .851 to .871, for half as much time again. The
# first rose to .835 if it kept a tenth of its start, which its Dice of .56 has earned.
QUICK_WHOLE_LEVELS = 2
QUICK_WINDOWS = 32
TUNED_EARLY_STOPPING_EVERY = 20  # steps from one check to the next


@dataclass(frozen=True)
class FinetuneSettings:
    """Settings of fine-tuning; the defaults are the recipe ``"paper"``.

    Parameters
    ----------
    steps
        Number of optimizer steps for one labelled frame. 200 are the paper's 200
        epochs, because an epoch of a few labelled frames is one batch.
    growth
        Exponent of the number of labelled frames in the factor on `steps`; 0 takes the
        same number of steps for any number of frames.
    loss
        ``"bce"``, which is cross entropy for more than two classes, or ``"bce+dice"``.
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
        Share of the initial weights in the final ones, 0 to 1, if the initial network
        is a segmentation network. ``"earned"`` makes it larger the better the initial
        masks fit whole frames; see `earned_share` and `blend_with_start`.
    whitening_frames
        Number of frames of the labelled loops over which the features of a start
        without a head, an ``"embedding"`` checkpoint, are brought to mean 0 and
        deviation 1 before the new head is trained; see `whiten_features`. 0 leaves the
        features as they are.
    fitted_head
        Whether the new last layer of such a start begins with what fits the labels best
        in closed form, in place of random weights; see `fit_new_head`.
    pseudo_labels
        Whether predictions of an initial segmentation network replace missing labels;
        see `with_pseudo_labels`.
    early_stopping_every
        Number of steps between two checks for early stopping, which ends training when
        the mask of a frame no longer changes; see `EarlyStopping`. 0 disables it.
    levels
        Number of levels of the decoder that are trained, from the last one, together
        with the last layer and the head. Layers before them are not changed, and their
        features are computed once for each window; see `QuickTask`. None trains all
        layers, which also happens if the start is not a segmentation network.
    whole_levels
        Number of levels that are trained if a frame is completely labelled. None takes
        `levels`.
    windows
        Number of windows for one labelled frame whose features are kept, if `levels` is
        a number; it grows with the number of frames like `steps`.
    carry
        Settings of carrying labels along the flow to neighbouring frames; None trains
        only on the labelled frames.
    training
        Settings of the training loop; its `steps` are ignored.

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
    whitening_frames: int = 3
    fitted_head: bool = False
    pseudo_labels: bool = False
    early_stopping_every: int = 0
    levels: int | None = None
    whole_levels: int | None = None
    windows: int = QUICK_WINDOWS
    carry: CarrySettings | None = None
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(steps=200)
    )

    def __post_init__(self) -> None:
        if self.loss not in get_args(LossName):
            raise SettingsError(f"loss must be 'bce' or 'bce+dice'; got {self.loss!r}")
        for name in ("early_stopping_every", "growth", "whitening_frames"):
            at_least(self, name, 0)
        number = isinstance(self.kept, int | float)
        if self.kept != "earned" and not (number and 0 <= float(self.kept) <= 1):
            raise SettingsError(f"kept must be 0 to 1 or 'earned'; got {self.kept!r}")
        for name in ("steps", "batch", "windows"):
            if getattr(self, name) < 1:
                raise SettingsError(
                    f"{name} must be at least 1; got {getattr(self, name)}"
                )
        for name in ("levels", "whole_levels"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(f"{name} must be at least 1, or None; got {value}")
        if self.crop is not None and (self.crop < 1 or self.crop % CROP_MULTIPLE):
            raise SettingsError(
                f"crop must be a multiple of {CROP_MULTIPLE} pixels, or None for "
                f"whole frames; got {self.crop}"
            )

    def steps_for(self, frames: int) -> int:
        """Return the number of optimizer steps for a number of labelled frames."""
        return round(self.steps * math.pow(frames, self.growth))

    def training_for(self, frames: int) -> TrainingSettings:
        """Return the settings of the loop for a number of labelled frames."""
        return dataclasses.replace(self.training, steps=self.steps_for(frames))

    def windows_for(self, frames: int) -> int:
        """Return the number of windows for a number of labelled frames."""
        return round(self.windows * math.pow(frames, self.growth))

    def for_start(
        self, kind: str, depth: int, *, fits: bool = True, whole: bool = False
    ) -> FinetuneSettings:
        """Return the settings for a start, with the `levels` that are trained.

        Parameters
        ----------
        kind
            Kind of the start. Only layers of a ``"segmentation"`` network know enough
            of vessels to stay as they are.
        depth
            Number of levels of the start's decoder; 0 if it has none.
        fits
            Whether the start's masks resemble the labels; see `initialization.fits`. If
            not, its features miss what the labels show, and all layers must learn.
        whole
            Whether a frame is completely labelled.
        """
        if self.levels is None:
            return self
        if kind == "segmentation" and fits and self.levels <= depth:
            if not whole:
                return self
            levels = min(self.whole_levels or self.levels, depth)
            return dataclasses.replace(self, levels=levels)
        tuned = self.tuned()
        chosen = self.growth == 0  # a number of steps that `with_steps` has set
        steps = self.steps if chosen else tuned.steps
        return dataclasses.replace(self, levels=None, steps=steps, batch=tuned.batch)

    def with_steps(self, steps: int) -> FinetuneSettings:
        """Return a copy with a fixed number of steps, however much is labelled."""
        return dataclasses.replace(self, steps=steps, growth=0.0)

    @classmethod
    def tuned(cls) -> FinetuneSettings:
        """Return the recipe ``"tuned"``, which was best in trials on real loops."""
        return cls(
            steps=250,
            growth=TUNED_GROWTH,
            loss="bce+dice",
            batch=2,
            crop=256,
            network=UNetConfig(flat_field=True),
            kept="earned",
            fitted_head=True,
            pseudo_labels=True,
            early_stopping_every=TUNED_EARLY_STOPPING_EVERY,
            training=TrainingSettings(steps=250, schedule="cosine"),
        )

    @classmethod
    def quick(cls) -> FinetuneSettings:
        """Return the recipe ``"quick"``, which trains the last layers of the start."""
        tuned = cls.tuned()
        return dataclasses.replace(
            tuned,
            steps=QUICK_STEPS,
            batch=QUICK_BATCH,
            levels=QUICK_LEVELS,
            whole_levels=QUICK_WHOLE_LEVELS,
        )

    @classmethod
    def recipe(cls, name: str) -> FinetuneSettings:
        """Return the settings of a named recipe.

        Parameters
        ----------
        name
            ``"quick"``: the last layers of a segmentation network, in seconds.
            ``"tuned"``: all layers, with binary cross entropy plus Dice and a falling
            rate. ``"paper"``: as in Ma et al. (2019).

        Raises
        ------
        SettingsError
            If there is no such recipe.
        """
        return find_recipe(
            name, {"quick": cls.quick, "tuned": cls.tuned, "paper": lambda: cls()}
        )
