"""Settings of the training loop, stored in every checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.precision import Precision as Precision
from napari_motionseg.registry import unknown_name

Schedule = Literal["constant", "cosine", "one-cycle"]

# One cycle after Smith & Topin (2018) in its customary form: a rise from a 25th of the
# rate over the first tenth of the steps, then a fall to a 10,000th of the initial rate.
RISE = 0.1
START_DIVISOR = 25.0
END_DIVISOR = 25.0 * 1e4


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the training loop; the defaults are those of Ma et al. (2019).

    Parameters
    ----------
    steps
        Number of optimizer steps.
    learning_rate
        Learning rate of Adam; the highest one if the schedule varies it.
    schedule
        Course of the rate: ``"constant"``, ``"cosine"`` (falls to 0) or
        ``"one-cycle"``.
    weight_decay
        Decoupled weight decay (AdamW); 0 is plain Adam.
    clip_norm
        Largest norm of the gradient, to which it is scaled down; None does not limit
        it.
    precision
        ``"bf16"``, ``"float32"``, or ``"auto"``, which is bf16 on devices that support
        it.
    device
        ``"auto"`` (CUDA, else MPS, else CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or
        ``"mps"``.
    seed
        Seed of the batches and of newly drawn weights.
    checkpoint_every
        Number of steps between two saved states; a kill loses at most that many.
    preview_every
        Number of steps between two previews, besides those of the first and last step;
        0 makes none.
    micro_batches
        Number of micro-batches of a step, whose gradients are accumulated. Processes
        share them, and the result does not depend on which process computes which. 0
        means one for each process.
    tensorboard
        Whether to write curves also as TensorBoard event files.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    steps: int
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    weight_decay: float = 0.0
    clip_norm: float | None = None
    precision: Precision = "auto"
    device: str = "auto"
    seed: int = 0
    checkpoint_every: int = 200
    preview_every: int = 0
    micro_batches: int = 0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        least = {
            "steps": 1, "seed": 0, "checkpoint_every": 1, "preview_every": 0,
            "micro_batches": 0,
        }  # fmt: skip
        for name, bound in least.items():
            at_least(self, name, bound)
        at_least(self, "weight_decay", 0.0)
        positive(self, "learning_rate")
        if self.clip_norm is not None:
            positive(self, "clip_norm")
        one_of(self, "schedule", get_args(Schedule))
        one_of(self, "precision", get_args(Precision))


def learning_rate(settings: TrainingSettings, step: int) -> float:
    """Return the learning rate of a step; it depends on nothing else, for exact resume.

    Parameters
    ----------
    settings
        Settings whose `schedule`, `learning_rate` and `steps` are used.
    step
        Number of the step, from 0 to ``settings.steps - 1``.
    """
    peak = settings.learning_rate
    if settings.schedule == "constant":
        return peak
    if settings.schedule == "cosine":
        return _glide(peak, 0.0, step / settings.steps)
    last = max(1, settings.steps - 1)
    rise = max(1.0, RISE * last)
    if step < rise:
        return _glide(peak / START_DIVISOR, peak, step / rise)
    return _glide(peak, peak / END_DIVISOR, (step - rise) / max(1.0, last - rise))


def _glide(start: float, end: float, fraction: float) -> float:
    """Return a value between start and end, along half a cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(1.0, fraction)))


def at_least(settings: object, name: str, bound: float) -> None:
    """Raise an error for a setting that is below `bound` or not finite."""
    value = getattr(settings, name)
    if not (math.isfinite(value) and value >= bound):
        raise SettingsError(f"{name} must be at least {bound}; got {value}")


def positive(settings: object, name: str) -> None:
    """Raise an error for a setting that is not a positive finite number."""
    value = getattr(settings, name)
    if not (math.isfinite(value) and value > 0):
        raise SettingsError(f"{name} must be positive; got {value}")


def one_of(settings: object, name: str, choices: tuple[str, ...]) -> None:
    """Raise an error for a setting that is not one of `choices`; name the nearest."""
    value = getattr(settings, name)
    if value not in choices:
        raise SettingsError(unknown_name(name, value, dict.fromkeys(choices)))
