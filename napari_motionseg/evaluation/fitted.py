"""Hold what a method has learnt from labelled frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.float32]
Mask = NDArray[np.bool_]
Predict = Callable[[Frame], Mask]


@dataclass(frozen=True)
class Fitted:
    """A method after it has learnt.

    Parameters
    ----------
    predict
        Function that maps a frame ``(H, W)`` float32 in [0, 1] to its mask ``(H, W)``
        bool.
    scores
        Function that maps a frame to scores ``(H, W)`` that are larger on vessels; None
        if the method has none.
    snapshots
        The method as it was during training: functions like `predict`, by the number of
        steps.
    """

    predict: Predict
    scores: Callable[[Frame], NDArray[np.float32]] | None = None
    snapshots: Mapping[int, Predict] = field(default_factory=dict)

    def __call__(self, frame: Frame) -> Mask:
        """Segment one frame; see `predict`."""
        return self.predict(frame)


def as_fitted(found: Predict | Fitted) -> Fitted:
    """Return what a method has returned, which may be a bare function."""
    return found if isinstance(found, Fitted) else Fitted(found)
