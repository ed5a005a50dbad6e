"""Compare the probabilities of one picture with a manual mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.errors import SettingsError

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]

BINS = 100  # bins of probability, so that thresholds are hundredths
TOLERANCE_PX = 2.0  # distance up to which two outlines agree
FIELD_EDGE_PX = 4.0  # false marks up to this distance lie at the edge of the field


@dataclass(frozen=True, eq=False)
class PictureQuality:
    """Measures of one picture.

    Parameters
    ----------
    values
        Measures by name; NaN for a measure that does not apply.
    vessel, background
        Numbers ``(BINS,)`` of vessel pixels, and of all others, in each bin of
        probability.
    """

    values: dict[str, float]
    vessel: Counts
    background: Counts


def picture_quality(
    probability: NDArray[np.floating],
    truth: Mask,
    threshold: float = 0.5,
    field: Mask | None = None,
) -> PictureQuality:
    """Compare the probabilities of one picture with its mask.

    Parameters
    ----------
    probability
        Probability of vessel ``(H, W)`` in [0, 1].
    truth
        Vessel mask ``(H, W)`` bool.
    threshold
        Probability from which a pixel counts as vessel.
    field
        Field of view ``(H, W)`` bool, from another source than the tested method; None
        leaves out the two measures of its edge.

    Raises
    ------
    SettingsError
        If the arrays differ in shape.
    """
    for name, array in (("truth", truth), ("field", field)):
        if array is not None and array.shape != probability.shape:
            raise SettingsError(
                f"{name} must have the shape of the probabilities, "
                f"{probability.shape}; got {array.shape}"
            )
    found = np.asarray(probability >= np.float16(threshold))
    hit = float((found & truth).sum())
    values = {
        "dice": _ratio(2 * hit, found.sum() + truth.sum(), empty=1.0),
        "precision": _ratio(hit, found.sum()),
        "recall": _ratio(hit, truth.sum()),
        "marked": float(found.mean()),
        **_of_lines(found, truth),
        "surface_dice": surface_dice(found, truth),
        **_of_field(found, truth, field),
    }
    bins = np.minimum(probability.astype(np.float32) * BINS, BINS - 1).astype(np.intp)
    vessel = np.bincount(bins[truth], minlength=BINS)
    background = np.bincount(bins[~truth], minlength=BINS)
    return PictureQuality(values, vessel, background)


def surface_dice(found: Mask, truth: Mask, tolerance: float = TOLERANCE_PX) -> float:
    """Return the share of both outlines that lies near the other one.

    This is the surface Dice of Nikolov et al. (2018, arXiv 1809.04430), with the length
    of an outline measured by its pixels.

    Parameters
    ----------
    found, truth
        Masks ``(H, W)`` bool.
    tolerance
        Distance in px up to which two outlines agree.

    Returns
    -------
    float
        Share in [0, 1]; 1 if both masks are empty, 0 if only one is.
    """
    one, other = outline(found), outline(truth)
    if not (one.any() and other.any()):
        return float(one.any() == other.any())
    near = [
        (ndimage.distance_transform_edt(~edge) <= tolerance) for edge in (other, one)
    ]
    agreed = (one & near[0]).sum() + (other & near[1]).sum()
    return float(agreed / (one.sum() + other.sum()))


def outline(mask: Mask) -> Mask:
    """Return the pixels of a mask that touch the outside along a row or column."""
    # the edge of the frame does not count as outline
    return np.asarray(mask & ~ndimage.binary_erosion(mask, border_value=1))


def _of_lines(found: Mask, truth: Mask) -> dict[str, float]:
    """Return clDice, and the share of the mask's centreline that is found."""
    from skimage.morphology import skeletonize

    line: Mask = skeletonize(truth)  # type: ignore[no-untyped-call]
    own: Mask = skeletonize(found)  # type: ignore[no-untyped-call]
    seen = _ratio(float((line & found).sum()), line.sum())
    right = _ratio(float((own & truth).sum()), own.sum())
    if not (found.any() and truth.any()):
        return {"cldice": float(found.any() == truth.any()), "centreline": seen}
    return {"cldice": _ratio(2 * seen * right, seen + right, 0.0), "centreline": seen}


def _of_field(found: Mask, truth: Mask, field: Mask | None) -> dict[str, float]:
    """Return how many false positives are outside the field and at its edge.

    Both are shares of all false positives.
    """
    if field is None:
        return {"false_outside": np.nan, "false_at_edge": np.nan}
    false = found & ~truth
    inside = ndimage.distance_transform_edt(field) if not field.all() else None
    edge = field & (inside <= FIELD_EDGE_PX) if inside is not None else field & False
    total = false.sum()
    return {
        "false_outside": _ratio(float((false & ~field).sum()), total, 0.0),
        "false_at_edge": _ratio(float((false & edge).sum()), total, 0.0),
    }


def _ratio(part: float, whole: float, empty: float = np.nan) -> float:
    return float(part / whole) if whole else empty


def dice_by_threshold(vessel: Counts, background: Counts) -> NDArray[np.float64]:
    """Return the Dice ``(BINS,)`` of one picture at thresholds 0, 0.01, ...

    Parameters
    ----------
    vessel, background
        Numbers of pixels, as in `PictureQuality`.
    """
    hit = np.cumsum(vessel[::-1])[::-1].astype(float)
    false = np.cumsum(background[::-1])[::-1]
    total = hit + false + vessel.sum()
    curve = np.divide(2 * hit, total, out=np.ones(BINS), where=total > 0)
    return np.asarray(curve)


def calibration(
    vessel: Counts, background: Counts, bins: int = 10
) -> tuple[list[dict[str, float]], float]:
    """Return a reliability diagram and the expected calibration error.

    They follow Guo et al. (2017, On calibration of modern neural networks, equations 2
    to 5), for the probability of vessel. Pixels below a probability of 0.01 are left
    out, because they are nearly all pixels and would dominate the mean.

    Parameters
    ----------
    vessel, background
        Numbers of pixels ``(BINS,)`` as in `PictureQuality`, summed over pictures.
    bins
        Number of rows of the diagram, of equal width; a divisor of `BINS`.

    Returns
    -------
    list of dict
        For each bin that is not empty: ``low`` and ``high`` probability, ``said`` (its
        mean), ``true`` (the share of vessel) and ``pixels``.
    float
        Mean of |said - true| weighted by pixels, over hundredths of probability.
    """
    middles = (np.arange(BINS) + 0.5) / BINS
    pixels = vessel + background
    counted = pixels * (np.arange(BINS) > 0)
    share = np.divide(vessel, pixels, out=np.zeros(BINS), where=pixels > 0)
    wrong = np.abs(share - middles)
    error = float((wrong * counted).sum() / max(1, counted.sum()))
    rows = []
    for part in np.split(np.arange(BINS), bins):
        total = pixels[part].sum()
        if total:
            said = float((middles[part] * pixels[part]).sum() / total)
            true = float(vessel[part].sum() / total)
            low, high = part[0] / BINS, (part[-1] + 1) / BINS
            rows.append(
                {"low": low, "high": high, "said": said, "true": true,
                 "pixels": float(total)}
            )  # fmt: skip
    return rows, error
