"""Flow of a whole loop, and the settings that it was estimated with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.cine.frame_stack import describe_damage
from napari_motionseg.errors import MotionError, SettingsError
from napari_motionseg.models.precision import Precision
from napari_motionseg.motion.colors import full_color_length
from napari_motionseg.motion.warping import occlusion

# Ma et al. (2019), 4.2: four frames, at the 30 frames a second of their loops
USEFUL_INTERVAL_MS = 1000 * 4 / 30


@dataclass(frozen=True)
class FlowSettings:
    """Settings of the estimation of flow.

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
        ``"auto"``: bf16 on a GPU that computes in it and on a processor with matrix
        units; float32, by tiles, on other processors, where it is faster.
    compiled
        Compile the network first, which takes minutes; on a CUDA GPU alone.

    Raises
    ------
    SettingsError
        If the gap is no positive integer, or there is no such precision.
    """

    gap: int | Literal["auto"] = "auto"
    method: str = "pwcnet"
    backward: bool = False
    weights: str | None = None
    device: str = "auto"
    precision: Precision = "auto"
    compiled: bool = False

    def __post_init__(self) -> None:
        whole = isinstance(self.gap, int) and not isinstance(self.gap, bool)
        if self.gap != "auto" and not (whole and self.gap >= 1):  # type: ignore[operator]
            raise SettingsError(f"gap must be 'auto' or an integer >= 1: {self.gap!r}")
        if self.precision not in get_args(Precision):
            raise SettingsError(
                f"precision must be auto, float32 or bf16: {self.precision!r}"
            )


@dataclass(frozen=True)
class FlowSequence:
    """Flow between the frames of a loop.

    Parameters
    ----------
    forward
        ``(T - gap, 2, H, W)`` float32, px: entry t leads from frame t to t + gap. An
        array, or a `FlowStack` that estimates what is asked for.
    backward
        The same shape, or None: entry t leads from frame t + gap to t.
    gap
        Frames between the two.
    method
        The estimator.
    notes
        What was guessed.
    missing
        Entries whose flow is zero and means nothing, because one of the two frames is
        damaged.
    """

    forward: NDArray[np.float32]
    backward: NDArray[np.float32] | None
    gap: int
    method: str
    notes: tuple[str, ...] = ()
    missing: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.forward)

    def occlusion(self, t: int, threshold: float | None = None) -> NDArray[np.bool_]:
        """Return which pixels of frame t are hidden in frame t + gap.

        Parameters
        ----------
        t
            Index of the pair.
        threshold
            See `motion.occlusion`.

        Returns
        -------
        ndarray
            ``(H, W)`` bool.

        Raises
        ------
        MotionError
            If the flow back was not estimated.
        """
        if self.backward is None:
            raise MotionError(
                "occlusion needs the flow back: estimate it with backward=True"
            )
        there, back = (
            torch.from_numpy(np.array(flow[t]))[None]
            for flow in (self.forward, self.backward)
        )
        return occlusion(there, back, threshold)[0].numpy()

    @cached_property
    def full_color_px(self) -> float:
        """Length in px that is shown in full colour, the same on all frames."""
        if not self.missing:
            return full_color_length(self.forward)
        known = [t for t in range(len(self)) if t not in self.missing]
        return full_color_length(self.forward[known])


def missing_pairs(cine: Cine, gap: int) -> tuple[frozenset[int], tuple[str, ...]]:
    """Return the pairs of frames of which one is damaged, and a note about them.

    Parameters
    ----------
    cine
        The loop; frames that nobody has tried to decode are decoded.
    gap
        Frames from one frame of a pair to the other.

    Returns
    -------
    frozenset of int
        First frames of the pairs.
    tuple of str
        What a person should know; empty if no frame is damaged.

    Raises
    ------
    MotionError
        If no pair of good frames is left.
    ReadError
        If no frame of the loop can be decoded.
    """
    damaged = cine.frames.find_damaged()
    pairs = range(len(cine) - gap)
    missing = frozenset(t for t in pairs if t in damaged or t + gap in damaged)
    if not damaged:
        return missing, ()
    words = describe_damage(damaged, len(cine))
    if len(missing) == len(pairs):
        raise MotionError(f"{cine.name}: {words}; no pair {gap} frames apart is left")
    return missing, (f"{words}: flow of {len(missing)} pairs is missing, zero",)


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
