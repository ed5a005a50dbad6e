"""Hold the flow of a whole loop, and the settings of its estimation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.cine.frame_stack import describe_damage
from napari_motionseg.errors import MotionError, SettingsError
from napari_motionseg.models.precision import Precision
from napari_motionseg.motion.colors import full_color_length

# Ma et al. (2019), 4.2: four frames, at 30 frames per second
USEFUL_INTERVAL_MS = 1000 * 4 / 30


@dataclass(frozen=True)
class FlowSettings:
    """Settings of flow estimation.

    Parameters
    ----------
    gap
        Number of frames from the first to the second picture of a pair; ``"auto"`` is
        the gap nearest to 133 ms, the paper's.
    method
        Name of the estimator, a key of `ESTIMATORS`.
    backward
        Whether to estimate the flow from t + gap to t too.
    weights
        Path of a PWC-Net checkpoint; None uses the weights of the package.
    device
        Device for networks; ``"auto"`` is CUDA, else MPS, else CPU.
    precision
        Precision of networks. ``"auto"`` is bf16 on GPUs that support it and on CPUs
        with matrix units, and float32 on other CPUs, where its fast convolutions win.
    compiled
        Whether the network is compiled first, which takes minutes; only on CUDA GPUs.

    Raises
    ------
    SettingsError
        If the gap is not a positive integer, or the precision is unknown.
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
            raise SettingsError(
                f"gap must be 'auto' or an integer of at least 1; got {self.gap!r}"
            )
        if self.precision not in get_args(Precision):
            raise SettingsError(
                f"precision must be auto, float32 or bf16; got {self.precision!r}"
            )


@dataclass(frozen=True)
class FlowSequence:
    """Flow between the frames of a loop.

    Parameters
    ----------
    forward
        ``(T - gap, 2, H, W)`` float32 in px; entry t leads from frame t to t + gap. It
        is an array, or a `FlowStack` that estimates entries on access.
    backward
        Flow of the same shape, or None; entry t leads from frame t + gap to t.
    gap
        Number of frames from the first to the second frame of a pair.
    method
        Name of the estimator.
    notes
        Sentences about what was guessed.
    missing
        Entries without meaning, whose flow is zero, because one of the two frames is
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
            Index of the pair, from 0.
        threshold
            Largest error in px that counts as agreement; None uses that of
            `motion.occlusion`.

        Returns
        -------
        ndarray
            Mask ``(H, W)`` bool.

        Raises
        ------
        MotionError
            If there is no backward flow.
        """
        import torch

        from napari_motionseg.motion.warping import occlusion

        if self.backward is None:
            raise MotionError(
                "occlusion needs backward flow; estimate it with backward=True"
            )
        there, back = (
            torch.from_numpy(np.array(flow[t]))[None]
            for flow in (self.forward, self.backward)
        )
        return occlusion(there, back, threshold)[0].numpy()

    @cached_property
    def full_color_px(self) -> float:
        """Length in px with full colour, the same for all frames."""
        if not self.missing:
            return full_color_length(self.forward)
        known = [t for t in range(len(self)) if t not in self.missing]
        return full_color_length(self.forward[known])


def missing_pairs(cine: Cine, gap: int) -> tuple[frozenset[int], tuple[str, ...]]:
    """Return the pairs of frames with a damaged frame, and a note about them.

    Parameters
    ----------
    cine
        The loop; frames that were not decoded before are decoded.
    gap
        Number of frames from the first to the second frame of a pair.

    Returns
    -------
    frozenset of int
        Indices of the first frames of these pairs.
    tuple of str
        Notes for the user; empty if no frame is damaged.

    Raises
    ------
    MotionError
        If no pair of undamaged frames remains.
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
    return missing, (
        f"{words}: the flow of {len(missing)} pairs is missing and set to zero",
    )


def choose_gap(cine: Cine, interval_ms: float = USEFUL_INTERVAL_MS) -> int:
    """Return the gap with a time nearest to `interval_ms`; 1 if times are unknown.

    At 7.5 frames/s it is 1, at 15 frames/s it is 2, at 30 frames/s it is 4 as in the
    paper.
    A loop that is too short gets the widest possible gap.
    """
    interval = cine.frame_interval
    wanted = 1 if interval is None else max(1, round(interval_ms / interval))
    return min(wanted, max(1, len(cine) - 1))


def resolve_gap(cine: Cine, gap: int | Literal["auto"]) -> tuple[int, tuple[str, ...]]:
    """Return the gap in frames, and notes about what had to be guessed.

    Raises
    ------
    MotionError
        If the loop is too short for any motion, or for this gap.
    """
    if len(cine) < 2:
        raise MotionError(f"{cine.name}: has only one frame; motion needs at least two")
    if gap == "auto":
        unknown = cine.frame_interval is None
        notes = ("frame times are unknown, so the gap is 1 frame",) if unknown else ()
        return choose_gap(cine), notes
    if len(cine) < gap + 1:
        raise MotionError(
            f"{cine.name}: has {len(cine)} frames, but a gap of {gap} needs {gap + 1} "
            "or more; choose a smaller gap"
        )
    return gap, ()
