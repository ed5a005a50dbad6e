"""Evaluate a network on single pictures with manual masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.evaluation.mask_quality import (
    PictureQuality,
    calibration,
    dice_by_threshold,
    picture_quality,
)
from napari_motionseg.evaluation.mask_sets import MaskedPicture
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.class_names import VESSEL
from napari_motionseg.segmentation.predict import segment

MEASURES = (
    "dice", "cldice", "precision", "recall", "centreline", "surface_dice", "marked",
    "false_outside", "false_at_edge",
)  # fmt: skip
DRAWS = 2000  # draws of the bootstrap
INTERVAL = (2.5, 97.5)  # percent


def evaluate_masks_job(
    pictures: Sequence[MaskedPicture],
    model: SegmentationNet,
    *,
    threshold: float = 0.5,
    side: int | None = None,
    number: int = VESSEL,
    device: str = "auto",
) -> Job[dict[str, Any]]:
    """Segment pictures and compare the results with their masks.

    Parameters
    ----------
    pictures
        Pictures with masks, as `read_mask_set` returns them.
    model
        Segmentation network.
    threshold
        Probability of any class but the background from which a pixel is marked.
    side
        Shorter side in px to which each picture is resized before it is segmented; the
        result is resized back and compared at the original size. None does not resize.
    number
        Number of the class that the masks show: 1 is vessel, and 2 is the catheter in
        networks of `train_masks`.
    device
        Name of the device; see `resolve_device`.

    Yields
    ------
    Progress
        After each picture, with its Dice.

    Returns
    -------
    dict
        Summary, as `summarize_masks` returns it.

    Raises
    ------
    SettingsError
        If there is no picture, or the threshold is out of range.
    """
    if not pictures:
        raise SettingsError("there is no picture to evaluate: the set is empty")
    found: list[PictureQuality] = []
    for step, picture in enumerate(pictures, start=1):
        probability = picture_probability(picture.image, model, side, number, device)
        quality = picture_quality(probability, picture.mask, threshold, picture.field)
        found.append(quality)
        values = {"dice": quality.values["dice"]}
        yield Progress(step, len(pictures), picture.name, values)
    return summarize_masks(found, [picture.group for picture in pictures])


def picture_probability(
    image: NDArray[Any],
    model: SegmentationNet,
    side: int | None = None,
    number: int = VESSEL,
    device: str = "auto",
) -> NDArray[np.float32]:
    """Return the probability ``(H, W)`` of one class in one picture.

    It is the probability of any class but the background where this class is the most
    probable one of them, and 0 elsewhere. A threshold thus gives the same mask as in
    `Segmentation`.

    Parameters
    ----------
    image
        Picture ``(H, W)`` as unsigned integers, with dark vessels.
    model, side, number, device
        As in `evaluate_masks_job`.
    """
    shown = image if side is None else resized(image, side / min(image.shape))
    found = segment(Cine.from_array(shown[None]), model, device=device)
    ours = found.likeliest[0] == number
    probability = np.where(ours, found.probabilities[0], 0).astype(np.float32)
    if shown.shape == image.shape:
        return np.asarray(probability)
    factors = np.divide(image.shape, probability.shape)
    back = ndimage.zoom(probability, factors, order=1, grid_mode=True, mode="nearest")
    return np.asarray(back.clip(0, 1), np.float32)


def resized(image: NDArray[Any], factor: float) -> NDArray[Any]:
    """Resize a picture by a factor, keeping its data type."""
    blurred = image.astype(np.float32)
    if factor < 1:  # anti-aliasing: half a pixel of the smaller picture
        blurred = ndimage.gaussian_filter(blurred, 0.5 / factor)
    limits = np.iinfo(image.dtype)
    order = 3 if factor > 1 else 1
    zoomed = ndimage.zoom(blurred, factor, order=order, grid_mode=True, mode="nearest")
    return np.asarray(zoomed.round().clip(limits.min, limits.max), image.dtype)


def summarize_masks(
    found: Sequence[PictureQuality], groups: Sequence[str]
) -> dict[str, Any]:
    """Return means with intervals, the best threshold and the calibration.

    Parameters
    ----------
    found
        Measures of each picture.
    groups
        Group of each picture, such as its patient. Intervals resample groups, because
        pictures of one patient are alike.

    Returns
    -------
    dict
        ``pictures`` and ``groups``: their numbers. ``measures``: for each the mean over
        pictures with its 95 % interval ``low``, ``high``. ``best_threshold`` with
        ``best_dice``. ``calibration_error`` and ``reliability``: see `calibration`.
    """
    curves = np.array([dice_by_threshold(q.vessel, q.background) for q in found])
    best = int(curves.mean(axis=0).argmax())
    vessel = np.sum([q.vessel for q in found], axis=0)
    background = np.sum([q.background for q in found], axis=0)
    reliability, error = calibration(vessel, background)
    measures = {}
    for name in MEASURES:
        values = np.array([q.values[name] for q in found])
        if np.isfinite(values).any():
            low, high = group_interval(values, groups)
            mean = float(np.nanmean(values))
            measures[name] = {"mean": mean, "low": low, "high": high}
    return {
        "pictures": len(found),
        "groups": len(set(groups)),
        "measures": measures,
        "best_threshold": best / 100,
        "best_dice": float(curves.mean(axis=0)[best]),
        "calibration_error": error,
        "reliability": reliability,
    }


def group_interval(
    values: NDArray[np.float64], groups: Sequence[str], draws: int = DRAWS
) -> tuple[float, float]:
    """Return the 95 % interval of a mean over pictures, by resampling groups.

    Parameters
    ----------
    values
        Values ``(N,)`` of the pictures; NaN is left out.
    groups
        Group of each value.
    draws
        Number of draws of the bootstrap; the random numbers are always the same.
    """
    kinds, place = np.unique(np.asarray(groups), return_inverse=True)
    known = np.isfinite(values)
    sums = np.bincount(place[known], values[known], minlength=len(kinds))
    sizes = np.bincount(place[known], minlength=len(kinds))
    chosen = np.random.default_rng(0).integers(len(kinds), size=(draws, len(kinds)))
    total = sizes[chosen].sum(axis=1)
    means = sums[chosen].sum(axis=1)[total > 0] / total[total > 0]
    low, high = np.percentile(means, INTERVAL)
    return float(low), float(high)
