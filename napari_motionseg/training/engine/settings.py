"""Settings of the training loop, stored in every checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.precision import Precision as Precision
from napari_motionseg.registry import unknown_name

Schedule = Literal["constant", "cosine", "one-cycle"]

# One cycle after Smith & Topin (2018), with the shape that became customary: a rise
# from a 25th of the rate over the first tenth, then down to a 10,000th of the start.
RISE = 0.1
START_DIVISOR = 25.0
END_DIVISOR = 25.0 * 1e4


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the training loop; the defaults are those of Ma et al. (2019).

    Parameters
    ----------
    steps
        Optimizer steps.
    learning_rate
        Of Adam; the highest one of its schedule.
    schedule
        ``"constant"``, ``"cosine"`` (down to 0) or ``"one-cycle"``.
    weight_decay
        Decoupled decay (AdamW); 0 is plain Adam.
    clip_norm
        Gradients longer than this are shortened to it; None leaves them.
    precision
        ``"bf16"``, ``"float32"``, or ``"auto"``: bf16 where the device computes in it.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    seed
        Of the batches and, in the tasks, of fresh weights.
    checkpoint_every
        Steps between two states on disk; a kill costs at most so many.
    preview_every
        Steps between two previews, the first and last step's apart; 0 for none.
    micro_batches
        Number of micro-batches of a step, whose gradients are accumulated. Processes
        share them; which process computes which changes no number. 0 is one for each
        process.
    tensorboard
        Whether curves are written as TensorBoard's event files too.

    Raises
    ------
    SettingsError
        If a value is none of the above.
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
    """Return the rate of `step`, counted from 0: a pure function, so resume is exact.

    Parameters
    ----------
    settings
        Its `schedule`, `learning_rate` and `steps` are used.
    step
        From 0 to ``settings.steps - 1``.
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
    """Go from start to end along half a cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(1.0, fraction)))


def at_least(settings: object, name: str, bound: float) -> None:
    """Refuse a setting below `bound` or not finite."""
    value = getattr(settings, name)
    if not (math.isfinite(value) and value >= bound):
        raise SettingsError(f"{name} must be at least {bound}; got {value}")


def positive(settings: object, name: str) -> None:
    """Refuse a setting that is not a positive finite number."""
    value = getattr(settings, name)
    if not (math.isfinite(value) and value > 0):
        raise SettingsError(f"{name} must be positive; got {value}")


def one_of(settings: object, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a setting that is none of `choices`, and name the nearest."""
    value = getattr(settings, name)
    if value not in choices:
        raise SettingsError(unknown_name(name, value, dict.fromkeys(choices)))
