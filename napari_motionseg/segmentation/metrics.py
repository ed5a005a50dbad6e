"""Compare a mask with a reference: Dice, clDice, HD95.

Masks are bool, ``(H, W)`` or ``(T, H, W)``; a stack gives one number for each frame.
The results for empty masks are:

======================= ==== ====== =========================
                        Dice clDice HD95
======================= ==== ====== =========================
both masks empty        1    1      0
only one of them empty  0    0      the image's diagonal
======================= ==== ====== =========================

The diagonal is the largest possible distance. A mean therefore stays finite, and
missing a vessel is never better than misplacing it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import mask_overlap
from napari_motionseg.models.class_names import CATHETER, without_catheters

if TYPE_CHECKING:
    import torch

Mask = NDArray[np.bool_]
Spacing = tuple[float, float]


def dice(prediction: ArrayLike, truth: ArrayLike) -> Any:
    """Return the Dice ``2 |P and T| / (|P| + |T|)`` of two masks.

    Parameters
    ----------
    prediction, truth
        Masks ``(H, W)`` or ``(T, H, W)`` bool.

    Returns
    -------
    float or NDArray
        A number in [0, 1], or ``(T,)`` numbers.

    Raises
    ------
    SettingsError
        If the masks differ in shape, are not bool, or have other axes.
    """
    return _per_frame(mask_overlap.dice, prediction, truth)


def cldice(prediction: ArrayLike, truth: ArrayLike) -> Any:
    """Return the centreline Dice of hard masks (Shit et al. 2021, equations 1 and 2).

    It is the harmonic mean of the share of the prediction's skeleton inside the truth,
    and of the truth's skeleton inside the prediction. Skeletons are Zhang's, from
    scikit-image; MONAI has only a soft loss.

    Parameters and errors are those of `dice`.
    """
    return _per_frame(_cldice, prediction, truth)


def hd95(
    prediction: ArrayLike, truth: ArrayLike, spacing: Spacing | None = None
) -> Any:
    """Return the 95th percentile Hausdorff distance between the masks' edges.

    It is the larger of the two directed distances (MONAI's definition). The edge of a
    mask consists of its pixels that touch the outside along a row or column.

    Parameters
    ----------
    prediction, truth
        Masks ``(H, W)`` or ``(T, H, W)`` bool.
    spacing
        Millimetres between rows and between columns; None gives the distance in pixels.

    Returns
    -------
    float or NDArray
        A distance, or ``(T,)`` distances.

    Raises
    ------
    SettingsError
        If the masks differ in shape, are not bool, or `spacing` is not positive.
    """
    step = (1.0, 1.0) if spacing is None else (float(spacing[0]), float(spacing[1]))
    if not (np.isfinite(step).all() and min(step) > 0):
        raise SettingsError(f"spacing must be two positive numbers; got {spacing}")
    return _per_frame(lambda p, t: _hd95(p, t, step), prediction, truth)


def _per_frame(
    measure: Callable[[Mask, Mask], float], prediction: ArrayLike, truth: ArrayLike
) -> Any:
    first, second = np.asarray(prediction), np.asarray(truth)
    if first.shape != second.shape or first.ndim not in (2, 3):
        raise SettingsError(
            "prediction and truth must both be (H, W) or (T, H, W); got shapes "
            f"{first.shape} and {second.shape}"
        )
    if first.dtype != bool or second.dtype != bool:
        raise SettingsError(
            f"masks must be bool; got {first.dtype} and {second.dtype}. Compare "
            "class numbers first, as in masks == 1"
        )
    if first.ndim == 2:
        return measure(first, second)
    return np.array([measure(p, t) for p, t in zip(first, second, strict=True)])


def _batch(mask: Mask) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(mask, np.float32))[None, None]


def _cldice(prediction: Mask, truth: Mask) -> float:
    from skimage.morphology import skeletonize

    if not (prediction.any() and truth.any()):
        return float(prediction.any() == truth.any())
    lines: Mask = skeletonize(prediction)  # type: ignore[no-untyped-call]
    true_lines: Mask = skeletonize(truth)  # type: ignore[no-untyped-call]
    precision = truth[lines].mean()
    sensitivity = prediction[true_lines].mean()
    total = precision + sensitivity
    return float(2 * precision * sensitivity / total) if total else 0.0


def _hd95(prediction: Mask, truth: Mask, spacing: Spacing) -> float:
    if not (prediction.any() and truth.any()):
        alike = prediction.any() == truth.any()
        extent = np.multiply(np.subtract(truth.shape, 1), spacing)
        return 0.0 if alike else float(np.hypot(*extent))
    # imported here because it takes seconds, and only reported distances need MONAI
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance

    with warnings.catch_warnings():
        # MONAI 1.5 and 1.6 call their own function with a deprecated argument
        warnings.filterwarnings("ignore", ".*always_return_as_numpy", FutureWarning)
        distance = compute_hausdorff_distance(
            _batch(prediction), _batch(truth), include_background=True, percentile=95,
            spacing=list(spacing),
        )  # fmt: skip
    return float(distance)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics of several frames.

    Parameters
    ----------
    frames
        Indices ``(N,)`` of the compared frames.
    dice, cldice, hd95
        Metrics ``(N,)`` of each frame; `hd95` is in `unit`.
    unit
        Unit of the distances, ``"mm"`` or ``"px"``.
    """

    frames: NDArray[np.intp]
    dice: NDArray[np.float64]
    cldice: NDArray[np.float64]
    hd95: NDArray[np.float64]
    unit: str

    def rows(self) -> list[dict[str, float]]:
        """Return one row for each frame, for tables and JSON."""
        columns = zip(self.frames, self.dice, self.cldice, self.hd95, strict=True)
        return [
            {"frame": int(t), "dice": float(d), "cldice": float(c), "hd95": float(h)}
            for t, d, c, h in columns
        ]

    def mean(self) -> dict[str, float]:
        """Return the mean of each metric over the frames."""
        values = {"dice": self.dice, "cldice": self.cldice, "hd95": self.hd95}
        return {name: float(np.mean(v)) for name, v in values.items()}


def compared(
    prediction: NDArray[Any], truth: NDArray[Any], label: int | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the pixels of a prediction and of its reference that are compared.

    Parameters
    ----------
    prediction, truth
        Class numbers or bool ``(H, W)`` of a frame.
    label
        Class to compare. None compares all foreground classes together; catheters
        beside vessels in the prediction are left out if the reference shows none.
    """
    if label is not None:
        return prediction == label, truth == label
    shown = bool((truth == CATHETER).any())
    return prediction != 0 if shown else without_catheters(prediction), truth != 0


def evaluate(
    prediction: NDArray[Any],
    truth: NDArray[Any],
    *,
    valid: NDArray[np.bool_] | None = None,
    spacing: Spacing | None = None,
    label: int | None = None,
) -> Evaluation:
    """Compare masks with a reference, frame by frame.

    Parameters
    ----------
    prediction, truth
        Class numbers or bool, ``(T, H, W)``.
    valid
        ``(T,)`` bool, the frames to compare, such as those with a reference that were
        not trained on; None compares all.
    spacing
        Millimetres between rows and between columns; None gives HD95 in pixels.
    label
        Class to compare; None compares all foreground classes together, see `compared`.

    Raises
    ------
    SettingsError
        If shapes differ, or no frame is left.
    """
    chosen = np.ones(len(truth), bool) if valid is None else np.asarray(valid, bool)
    if prediction.shape != truth.shape or chosen.shape != (len(truth),):
        raise SettingsError(
            f"prediction {prediction.shape}, truth {truth.shape} and valid "
            f"{chosen.shape} must share their frames, rows and columns"
        )
    frames = np.flatnonzero(chosen)
    if not frames.size:
        raise SettingsError("there is no frame to evaluate: valid is False everywhere")
    pairs = [compared(prediction[t], truth[t], label) for t in frames]
    guess, known = (np.stack(part) for part in zip(*pairs, strict=True))
    return Evaluation(
        frames=frames,
        dice=dice(guess, known),
        cldice=cldice(guess, known),
        hd95=hd95(guess, known, spacing),
        unit="px" if spacing is None else "mm",
    )
