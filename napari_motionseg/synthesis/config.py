"""What a synthetic angiogram may look like; a seed draws the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from napari_motionseg.errors import SettingsError

Range = tuple[float, float]
Tree = Literal["left", "right", "any"]
SMALLEST_SIDE = 48
REFERENCE_SIDE = 512  # lengths of the scene are given in px of a picture of this side


@dataclass(frozen=True)
class SynthesisConfig:
    """Ranges that a seed draws from, and the size of the loop.

    Parameters
    ----------
    size
        Side in px, or rows and columns; at least 48. Everything scales with it.
    frames
        Frames of the loop, at least 1.
    frame_rate
        Frames a second, 1 to 120; hospitals use 7.5, 10, 15 and 30.
    heart_rate_bpm
        Beats a minute, 20 to 250.
    tree
        Coronary tree: ``"left"``, ``"right"`` or ``"any"``.
    generations
        Branchings after the trunks, 0 to 5.
    heart_motion
        Factor on contraction, twist and shift of the heart; 0 stands still, 1 moves a
        coronary by 5 to 25 px between two frames at 7.5 frames/s and 512 px.
    breathing
        Factor on breathing, which moves the background.
    table_pan
        Speed of the table in px a second at 512 px.
    opacity
        Absorbance of a filled vessel of 12 px at 512 px; 0.3 is faint, 1 is dense.
    bolus
        Whether contrast arrives during the loop; else the tree is filled throughout.
    catheter, collimator, bones
        Whether these may be in the picture.
    noise
        Factor on quantum noise; 0 for none.
    blur
        Standard deviation of the detector's blur in px at 512 px.

    Raises
    ------
    SettingsError
        If a value is outside its range.
    """

    size: int | tuple[int, int] = 512
    frames: int = 24
    frame_rate: float = 15.0
    heart_rate_bpm: Range = (55.0, 100.0)
    tree: Tree = "any"
    generations: int = 3
    heart_motion: float = 1.0
    breathing: float = 1.0
    table_pan: Range = (0.0, 6.0)
    opacity: Range = (0.35, 0.8)
    bolus: bool = True
    catheter: bool = True
    collimator: bool = True
    bones: bool = True
    noise: float = 1.0
    blur: Range = (0.7, 1.2)

    def __post_init__(self) -> None:
        for side in self.shape:
            if not isinstance(side, int) or not SMALLEST_SIDE <= side <= 4096:
                raise SettingsError(
                    f"size must be {SMALLEST_SIDE} to 4096 px a side; got {self.size!r}"
                )
        self._within("frames", 1, 10_000)
        self._within("frame_rate", 1, 120)
        self._within("generations", 0, 5)
        self._within("heart_motion", 0, 3)
        self._within("breathing", 0, 3)
        self._within("noise", 0, 10)
        self._range("heart_rate_bpm", 20, 250)
        self._range("table_pan", 0, 200)
        self._range("opacity", 0, 3)
        self._range("blur", 0, 10)
        if self.tree not in ("left", "right", "any"):
            raise SettingsError(
                f"tree must be 'left', 'right' or 'any'; got {self.tree!r}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        if isinstance(self.size, tuple):
            return self.size
        return self.size, self.size

    @property
    def scale(self) -> float:
        """Pixels of this loop for one at 512 px."""
        return min(self.shape) / REFERENCE_SIDE

    def _within(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not (math.isfinite(value) and low <= value <= high):
            raise SettingsError(f"{name} must be {low} to {high}; got {value!r}")

    def _range(self, name: str, low: float, high: float) -> None:
        first, last = getattr(self, name)
        if not low <= first <= last <= high:
            raise SettingsError(
                f"{name} must be two rising values from {low} to {high}; got "
                f"{getattr(self, name)!r}"
            )
