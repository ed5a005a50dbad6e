"""Settings of flow training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from napari_motionseg.errors import SettingsError
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.training.engine.recipes import find_recipe, with_changes
from napari_motionseg.training.engine.settings import TrainingSettings, at_least, one_of
from napari_motionseg.training.flow.flow_loss import Penalty

Network = Literal["layered", "published"]

CROP_MULTIPLE = 64  # px: size of a pixel of the coarsest level of the pyramid
LEAST_PAIR_PX = 512  # px: side at which vessels are as wide as in most loops
SHIFT_BORDER_PX = 64  # px by which pairs exceed the largest window, for shifts


@dataclass(frozen=True)
class FlowTrainingSettings:
    """Settings of flow training; the defaults are the recipe ``"cpu"``.

    Parameters
    ----------
    batch
        Number of pairs in a step of the smallest windows. Steps of larger windows have
        fewer pairs, so that each step has about as many pixels.
    crop, largest_crop
        Sides in pixels, multiples of 64, of the smallest and the largest training
        windows; each step draws one between them. None for `largest_crop` is `crop`. A
        network trained only on small windows fails on large pictures, because its
        coarsest levels never had more than a few pixels.
    pair_size
        Side of the synthetic pairs, in pixels.
    pool_size
        Number of pairs in memory, rounded up to whole blocks.
    block
        Number of pairs that are made at once.
    refresh_every
        Number of steps after which the oldest block is renewed; 0 never renews.
    penalty
        ``"l2"``, or ``"robust"`` for fine-tuning.
    vessel_weight
        Additional weight of vessel pixels, besides 1. 0 is the paper's, but vessels are
        only a few percent of the pixels.
    near_weight
        Additional weight of background within 12 px of a vessel, besides 1.
    matching_weight
        Weight of `matching_loss`, for networks with normalized features; 0 is the
        paper's.
    shift
        Largest shift of the second picture along each axis in px, like a moving table.
        A third of the pairs is shifted.
    jitter
        Strength of random changes of gray values; 0 makes none.
    network
        ``"layered"`` is `LayeredPWCNet`; ``"published"`` is `PWCNet`.
    in_channels, normalized
        Configuration of a network that is trained from scratch; see `FlowNet`.
    held_out
        Number of pairs that are never trained on, for the final end-point errors.
    synthesis
        Ranges of the synthetic angiograms; None is the preset ``"xa-coronary"``.
    training
        Settings of the training loop: steps, rate, schedule, precision, device, seed.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    batch: int = 4
    crop: int = 192
    largest_crop: int | None = None
    pair_size: int = 512
    pool_size: int = 192
    block: int = 16
    refresh_every: int = 50
    penalty: Penalty = "l2"
    vessel_weight: float = 4.0
    near_weight: float = 1.0
    matching_weight: float = 0.05
    shift: int = 8
    jitter: float = 1.0
    network: Network = "layered"
    in_channels: int = 1
    normalized: bool = True
    held_out: int = 16
    synthesis: SynthesisConfig | None = field(
        default_factory=lambda: SynthesisConfig.preset("xa-coronary")
    )
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=4000,
            learning_rate=8e-4,
            schedule="one-cycle",
            weight_decay=1e-4,
            clip_norm=3.0,
            checkpoint_every=50,
            preview_every=200,
        )
    )

    def __post_init__(self) -> None:
        for name in ("batch", "pool_size", "block", "in_channels", "held_out"):
            at_least(self, name, 1)
        for name in (
            "refresh_every", "vessel_weight", "near_weight", "matching_weight",
            "shift", "jitter",
        ):  # fmt: skip
            at_least(self, name, 0)
        one_of(self, "penalty", get_args(Penalty))
        one_of(self, "network", get_args(Network))
        for name, side in (("crop", self.crop), ("largest_crop", self.crops[-1])):
            if side < 1 or side % CROP_MULTIPLE:
                raise SettingsError(
                    f"{name} must be a multiple of {CROP_MULTIPLE} pixels; got {side}"
                )
        if self.crops[-1] < self.crop:
            raise SettingsError(
                f"largest_crop must be at least crop ({self.crop}); "
                f"got {self.crops[-1]}"
            )
        if self.pair_size < self.crops[-1] + self.shift:
            raise SettingsError(
                "pair_size must be at least crop + shift "
                f"({self.crops[-1]} + {self.shift}); got {self.pair_size}"
            )

    @classmethod
    def recipe(cls, name: str) -> FlowTrainingSettings:
        """Return the settings of a named recipe.

        Parameters
        ----------
        name
            ``"cpu"``: trains in one night on two cores.

        Raises
        ------
        SettingsError
            If there is no such recipe.
        """
        return find_recipe(name, {"cpu": cls})

    def with_changes(self, changes: Mapping[str, Any]) -> FlowTrainingSettings:
        """Return a copy with other values, and pairs as large as its windows need.

        Parameters
        ----------
        changes
            New values by field name; see `engine.recipes.with_changes`.
        """
        crop = changes.get("crop", self.crop)
        largest = changes.get("largest_crop", self.largest_crop) or crop
        pair_size = max(LEAST_PAIR_PX, largest + SHIFT_BORDER_PX)
        return with_changes(self, {"pair_size": pair_size, **changes})

    @property
    def crops(self) -> tuple[int, ...]:
        """Sides from which each step draws that of its windows."""
        largest = self.crop if self.largest_crop is None else self.largest_crop
        return (*range(self.crop, largest, CROP_MULTIPLE), largest)
