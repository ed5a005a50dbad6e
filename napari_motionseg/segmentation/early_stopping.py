"""When to stop without labels to validate on: when the masks no longer change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.mask_overlap import dice

ALIKE = 0.985  # Dice of a mask and the one before: what a person cannot tell apart
IN_A_ROW = 3


class Steadiness:
    """Watches the mask of a frame while a network learns.

    Parameters
    ----------
    alike
        Dice with the mask of the look before from which nothing has changed.
    in_a_row
        Looks without a change after which it is steady.

    Raises
    ------
    SettingsError
        If a value cannot be.
    """

    def __init__(self, alike: float = ALIKE, in_a_row: int = IN_A_ROW) -> None:
        if not 0 < alike <= 1 or in_a_row < 1:
            raise SettingsError(
                "alike must be above 0 and at most 1, in_a_row at least 1; got "
                f"{alike} and {in_a_row}"
            )
        self._alike, self._in_a_row = alike, in_a_row
        self._last: NDArray[np.bool_] | None = None
        self._unchanged = 0

    def look(self, probability: NDArray[np.floating]) -> bool:
        """Look at the foreground probability ``(H, W)``; return whether it is steady.

        A frame without foreground is never steady: nothing is learnt yet.
        """
        mask = np.asarray(probability >= 0.5)
        last, self._last = self._last, mask
        same = last is not None and bool(mask.any()) and dice(mask, last) >= self._alike
        self._unchanged = self._unchanged + 1 if same else 0
        return self._unchanged >= self._in_a_row
