"""Flow of a whole loop, and the settings that it was estimated with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError, SettingsError
from napari_motionseg.models.precision import Precision
from napari_motionseg.motion.colors import full_color_length

# Ma et al. (2019), 4.2: four frames, at the 30 frames a second of their loops
USEFUL_INTERVAL_MS = 1000 * 4 / 30


@dataclass(frozen=True)
class FlowSettings:
    """How flow is estimated.

    Parameters
    ----------
    gap
        Frames from one picture of a pair to the other; ``"auto"`` is the gap nearest to
        133 ms, the paper's.
    method
        A name in `ESTIMATORS`.
    backward
        Also from t + gap to t.
    weights
        A PWC-Net checkpoint; None for what ships.
    device
        For networks.
    precision
        ``"auto"``: bf16 where the device computes in it.

    Raises
    ------
    SettingsError
        If the gap is no positive integer.
    """

    gap: int | Literal["auto"] = "auto"
    method: str = "pwcnet"
    backward: bool = False
    weights: str | None = None
    device: str = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        whole = isinstance(self.gap, int) and not isinstance(self.gap, bool)
        if self.gap != "auto" and not (whole and self.gap >= 1):  # type: ignore[operator]
            raise SettingsError(f"gap must be 'auto' or an integer >= 1: {self.gap!r}")


@dataclass(frozen=True)
class FlowSequence:
    """Flow between the frames of a loop.

    Parameters
    ----------
    forward
        ``(T - gap, 2, H, W)`` float32, px: entry t leads from frame t to t + gap.
    backward
        The same shape, or None: entry t leads from frame t + gap to t.
    gap
        Frames between the two.
    method
        The estimator.
    notes
        What was guessed.
    """

    forward: NDArray[np.float32]
    backward: NDArray[np.float32] | None
    gap: int
    method: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.forward)

    @cached_property
    def full_color_px(self) -> float:
        """Length in px that is shown in full colour, the same on all frames."""
        return full_color_length(self.forward)


def choose_gap(cine: Cine, interval_ms: float = USEFUL_INTERVAL_MS) -> int:
    """Return the gap whose time is nearest to `interval_ms`; 1 where time is unknown.

    At 7.5 frames/s it is 1, at 15 frames/s 2, at 30 frames/s the paper's 4. A loop too
    short for it gets the widest gap that it has.
    """
    interval = cine.frame_interval
    wanted = 1 if interval is None else max(1, round(interval_ms / interval))
    return min(wanted, max(1, len(cine) - 1))


def resolve_gap(cine: Cine, gap: int | Literal["auto"]) -> tuple[int, tuple[str, ...]]:
    """Return the gap in frames, and what had to be guessed.

    Raises
    ------
    MotionError
        If the loop is too short for any motion, or for this gap.
    """
    if len(cine) < 2:
        raise MotionError(
            f"{cine.name}: has one frame only; motion needs at least two frames"
        )
    if gap == "auto":
        unknown = cine.frame_interval is None
        notes = ("frame times are unknown, so the gap is 1 frame",) if unknown else ()
        return choose_gap(cine), notes
    if len(cine) < gap + 1:
        raise MotionError(
            f"{cine.name}: has {len(cine)} frames; a gap of {gap} needs {gap + 1} or "
            "more. Choose a smaller gap"
        )
    return gap, ()
