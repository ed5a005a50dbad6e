"""Settings of PWC-Net's training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from napari_motionseg.errors import SettingsError
from napari_motionseg.synthesis import SynthesisConfig
from napari_motionseg.training.engine.settings import TrainingSettings, at_least, one_of
from napari_motionseg.training.flow.flow_loss import Penalty

Network = Literal["layered", "published"]

CROP_MULTIPLE = 64  # the coarsest level of the pyramid


@dataclass(frozen=True)
class FlowTrainingSettings:
    """How to train PWC-Net.

    Parameters
    ----------
    batch
        Pairs a step, of the smallest windows; of larger ones fewer, so that a step
        holds about as many pixels.
    crop, largest_crop
        Sides in pixels, multiples of 64, of the smallest and largest windows that are
        trained on; each step draws one between them. `largest_crop` None is `crop`.
        A network that has seen small windows alone fails on large pictures: its
        coarsest levels have never been larger than a few pixels.
    pair_size
        Side in pixels of the pairs that are made.
    pool_size
        Pairs that are kept; rounded up to whole blocks.
    block
        Pairs that are made at a time.
    refresh_every
        Steps after which the oldest block gives way to a new one; 0 for never.
    penalty
        ``"l2"``, or ``"robust"`` for fine-tuning.
    vessel_weight
        A vessel's pixel counts 1 + this; 0 is the paper, but vessels are few percent
        of the pixels.
    near_weight
        Background within 12 px of a vessel counts 1 + this.
    matching_weight
        Of `matching_loss`, for networks whose features are normalised; 0 is the paper.
    shift
        Largest shift, in px along each axis, of the second picture as a whole: a table
        that moves. A third of the pairs is shifted.
    jitter
        Strength of the changes of gray.
    network
        ``"layered"``: `LayeredPWCNet`; ``"published"``: `PWCNet`.
    in_channels, normalized
        Of a network from scratch, see `PWCNet`.
    held_out
        Pairs that are never trained on and measured at the end.
    synthesis
        How the angiograms look; None for the synthesis' own variety.
    training
        Steps, rate, schedule, precision, device, seed.

    Raises
    ------
    SettingsError
        If a value cannot be.
    """

    batch: int = 4
    crop: int = 192
    largest_crop: int | None = None
    pair_size: int = 384
    pool_size: int = 256
    block: int = 16
    refresh_every: int = 100
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
    synthesis: SynthesisConfig | None = None
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=2000,
            learning_rate=4e-4,
            schedule="one-cycle",
            weight_decay=1e-4,
            clip_norm=10.0,
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

    @property
    def crops(self) -> tuple[int, ...]:
        """The sides of windows that are drawn from."""
        largest = self.crop if self.largest_crop is None else self.largest_crop
        return (*range(self.crop, largest, CROP_MULTIPLE), largest)
