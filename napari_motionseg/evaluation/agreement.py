"""Compare masks with a reference; only changed frames are computed again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.segmentation.metrics import (
    Spacing,
    cldice,
    compared,
    dice,
    hd95,
)

Values = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement of each frame; NaN without a reference or without a result yet.

    Parameters
    ----------
    dice, cldice, hd95
        Metrics ``(T,)`` of each frame; `hd95` is in `unit`.
    unit
        Unit of the distances, ``"mm"`` or ``"px"``.
    compared
        ``(T,)`` bool, the frames with a reference.
    complete
        Whether all of those frames were compared.
    """

    dice: NDArray[np.float64]
    cldice: NDArray[np.float64]
    hd95: NDArray[np.float64]
    unit: str
    compared: NDArray[np.bool_]
    complete: bool

    def mean(self) -> dict[str, float]:
        """Return the mean of each metric over the frames with a result.

        The result is empty if no frame has one.
        """
        known = np.isfinite(self.dice)
        if not known.any():
            return {}
        values = {"dice": self.dice, "cldice": self.cldice, "hd95": self.hd95}
        return {name: float(array[known].mean()) for name, array in values.items()}


class AgreementCache:
    """Compare masks with a reference frame by frame, and cache the results."""

    def __init__(self) -> None:
        self._known: dict[bytes, Values] = {}

    def compare(
        self,
        masks: NDArray[Any],
        reference: NDArray[Any],
        *,
        label: int | None = None,
        spacing: Spacing | None = None,
        first: int = 0,
        at_most: int | None = None,
    ) -> Agreement:
        """Compare the frames in which the reference is not empty.

        Parameters
        ----------
        masks, reference
            Class numbers ``(T, H, W)``.
        label
            Class to compare; None compares all foreground classes together, see
            `compared`.
        spacing
            Millimetres between rows and between columns; None gives HD95 in pixels.
        first
            Index of the frame that is compared first.
        at_most
            Largest number of frames to compute in this call; None has no limit. Call
            again until the result is complete.

        Raises
        ------
        SettingsError
            If masks and reference differ in shape.
        """
        if masks.shape != reference.shape or masks.ndim != 3:
            raise SettingsError(
                f"masks {masks.shape} and reference {reference.shape} must both be "
                "(T, H, W), of the same size; choose a reference made for this loop"
            )
        shown = reference != 0 if label is None else reference == label
        has_reference = np.asarray(shown.any(axis=(1, 2)), bool)
        frames = np.flatnonzero(has_reference)
        order = np.roll(frames, -int(np.searchsorted(frames, first)))
        answers: dict[int, Values] = {}
        left = len(order) if at_most is None else at_most
        for t in order:
            pair = compared(masks[t], reference[t], label)
            key = _digest(*pair, spacing)
            if key not in self._known:
                if left == 0:
                    continue
                left -= 1
                self._known[key] = _values(*pair, spacing)
            answers[int(t)] = self._known[key]
        return _agreement(answers, has_reference, spacing)


def _agreement(
    answers: dict[int, Values], compared: NDArray[np.bool_], spacing: Spacing | None
) -> Agreement:
    columns = np.full((3, len(compared)), np.nan)
    for t, values in answers.items():
        columns[:, t] = values
    unit = "px" if spacing is None else "mm"
    complete = len(answers) == int(compared.sum())
    return Agreement(columns[0], columns[1], columns[2], unit, compared, complete)


def _values(
    mask: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: Spacing | None
) -> Values:
    return (
        float(dice(mask, truth)),
        float(cldice(mask, truth)),
        float(hd95(mask, truth, spacing)),
    )


def _digest(
    mask: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: Spacing | None
) -> bytes:
    digest = hashlib.blake2b(repr((mask.shape, spacing)).encode(), digest_size=16)
    for pixels in (mask, truth):
        digest.update(np.packbits(pixels).tobytes())
    return digest.digest()
