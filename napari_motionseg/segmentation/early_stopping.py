"""Stop training early, without validation labels, when a mask no longer changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.mask_overlap import dice

# Dice of two successive masks from which a person sees no difference
MIN_DICE = 0.985
PATIENCE = 3


class EarlyStopping:
    """Stop a training when the mask of one frame no longer changes.

    Parameters
    ----------
    min_dice
        Dice with the mask of the previous update from which a mask counts as unchanged.
    patience
        Number of successive unchanged masks after which training stops.

    Raises
    ------
    SettingsError
        If a value is out of range.
    """

    def __init__(self, min_dice: float = MIN_DICE, patience: int = PATIENCE) -> None:
        if not 0 < min_dice <= 1 or patience < 1:
            raise SettingsError(
                "min_dice must be above 0 and at most 1, patience at least 1; got "
                f"{min_dice} and {patience}"
            )
        self._min_dice, self._patience = min_dice, patience
        self._last: NDArray[np.bool_] | None = None
        self._unchanged = 0

    def update(self, probability: NDArray[np.floating]) -> bool:
        """Compare the next mask; return whether training can stop.

        Parameters
        ----------
        probability
            Foreground probability ``(H, W)`` in [0, 1]. An empty mask never counts as
            unchanged, because nothing is learnt yet.
        """
        mask = np.asarray(probability >= 0.5)
        last, self._last = self._last, mask
        same = (
            last is not None and bool(mask.any()) and dice(mask, last) >= self._min_dice
        )
        self._unchanged = self._unchanged + 1 if same else 0
        return self._unchanged >= self._patience
