"""Fill the frames between two labelled ones, with labels carried along the flow.

`carry_labels` carries labels from both sides. A pixel gets a label if both sides agree
on it, or if only one side has one. If the sides disagree, it gets the label with the
clearly larger weight, or none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.io.labels import UNLABELLED
from napari_motionseg.motion import FlowSequence
from napari_motionseg.segmentation.flow_propagation import (
    CarriedLabel,
    CarrySettings,
    carry_labels,
)


@dataclass(frozen=True)
class FillSettings:
    """Settings of how frames between two labelled ones are filled.

    Parameters
    ----------
    tolerance
        Forward-backward error in px at which a label's weight falls to 0.61.
    decay
        Factor on the weight with each pair of frames.
    least
        Smallest weight of a label; labels with a smaller weight are left out.
    margin
        Ratio of weights from which a label prevails over a contradicting label from the
        other side.
    reach
        Distance in px from a class up to which background is filled in as well. Farther
        away, a branch may have come into view that is not labelled.

    Raises
    ------
    SettingsError
        If a value is outside its range.
    """

    tolerance: float = 1.5
    decay: float = 0.9
    least: float = 0.1
    margin: float = 1.5
    reach: int = 8

    def __post_init__(self) -> None:
        if not self.margin >= 1:
            raise SettingsError(f"margin must be at least 1; got {self.margin}")
        if self.reach < 0:
            raise SettingsError(f"reach must be at least 0 px; got {self.reach}")

    def carried(self, steps: int) -> CarrySettings:
        """Return the settings of labels that are carried over `steps` pairs."""
        return CarrySettings(steps, self.tolerance, self.decay, self.least)


def fill_between(
    first: int,
    last: int,
    targets: tuple[NDArray[np.int16], NDArray[np.int16]],
    flow: FlowSequence,
    settings: FillSettings | None = None,
) -> dict[int, NDArray[np.int16]]:
    """Return labels of the frames between two labelled ones.

    Parameters
    ----------
    first, last
        Indices of the labelled frames, the earlier one first.
    targets
        Classes ``(H, W)`` of the two frames: 0 = background, -1 = unlabelled.
    flow
        Forward and backward flow between neighbouring frames of the loop.
    settings
        Settings of the filling; None for the defaults.

    Returns
    -------
    dict
        ``(H, W)`` int16 classes, -1 = unlabelled, by the index of each frame between
        that labels came to.

    Raises
    ------
    LabelError
        If the flow reaches no frame between the two.
    MotionError
        If the flow has only one direction.
    """
    settings = settings or FillSettings()
    steps = (last - first - 1) // flow.gap
    if steps < 1:
        raise LabelError(
            f"no frame between {first} and {last} is reached by flow over {flow.gap} "
            "frames: choose two labelled frames that are further apart"
        )
    carried: dict[int, list[CarriedLabel]] = {}
    for frame, target in zip((first, last), targets, strict=True):
        for label in carry_labels({frame: target}, flow, settings.carried(steps)):
            if first < label.frame < last:
                carried.setdefault(label.frame, []).append(label)
    return {
        t: _near_classes(_agreed(labels, settings.margin), settings.reach)
        for t, labels in sorted(carried.items())
    }


def _agreed(labels: list[CarriedLabel], margin: float) -> NDArray[np.int16]:
    """Return the classes of one frame that the labels from both sides agree on."""
    if len(labels) == 1:
        return labels[0].target
    one, other = labels
    same = one.target == other.target
    # an unlabelled pixel has no weight, so that the other side alone decides
    wins = one.weight > margin * other.weight
    loses = other.weight > margin * one.weight
    found = np.select(
        [same | wins, loses], [one.target, other.target], np.int16(UNLABELLED)
    )
    return found.astype(np.int16)


def _near_classes(target: NDArray[np.int16], reach: int) -> NDArray[np.int16]:
    """Remove background that is farther than `reach` px from any class."""
    classes = target > 0
    if not classes.any():
        return np.full_like(target, UNLABELLED)
    far = ndimage.distance_transform_edt(~classes) > reach
    return np.where(far, np.int16(UNLABELLED), target)
