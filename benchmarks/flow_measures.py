"""What makes a flow good: measures, each a pure function, and how none is cheated.

Flow is ``(2, H, W)``, px, x then y, from the first picture to the second; pictures are
``(H, W)`` in [0, 1], masks ``(H, W)`` bool. A measure's pixels never depend on the flow
that is measured, so that all methods answer for the same ones.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import (
    binary_dilation,
    binary_erosion,
    distance_transform_edt,
    gaussian_filter,
    map_coordinates,
)
from scipy.stats import rankdata

FAST_PX = 2.0  # a vessel that moves less is no task
SPEEDS_PX = (2, 5, 10, 20, 1000)
NEAR_PX = 12.0
DILATED_PX = 3
EDGE_PX = 2  # half the width of the edge band; silver masks are no surer
APART_PX, SURROUNDINGS_PX = 5.0, 24.0  # from the mask: neither edge nor another place
AGREE_PX = 3.0
AWAY_PX = 12.0  # of a vessel, from where the background's motion is taken
NOISE_SIGMA = 1.0
GRAY_LEVELS = 255.0


def regions(truth: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Return the pixels that end-point error is averaged over, ``(H, W)`` bool each.

    ``vessel``: of the mask, moving over 2 px in truth. ``near``: no vessel, within 12
    px of one. ``far``: the rest. Saying that nothing moves wins ``far`` nearly, a
    wide window wins ``vessel`` nearly; only vessel-sharp flow wins ``near`` too.
    """
    distance = distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, 1e9)
    return {
        "vessel": mask & (np.linalg.norm(truth.astype(np.float32), axis=0) > FAST_PX),
        "near": ~mask & (distance <= NEAR_PX),
        "far": ~mask & (distance > NEAR_PX),
    }


def speed_bands(truth: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mask's pixels by true speed, 2 to 5 px, to 10, to 20 and faster."""
    speed = np.linalg.norm(truth.astype(np.float32), axis=0)
    return {
        f"from_{low}": mask & (speed > low) & (speed <= high)
        for low, high in zip(SPEEDS_PX[:-1], SPEEDS_PX[1:], strict=True)
    }


def end_point_errors(
    estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray
) -> dict[str, tuple[int, float]]:
    """Return for each region its pixels and the sum of end-point errors in px."""
    error = np.linalg.norm(estimate - truth.astype(np.float32), axis=0)
    places = regions(truth, mask) | speed_bands(truth, mask)
    return {
        name: (int(where.sum()), float(error[where].sum(dtype=np.float64)))
        for name, where in places.items()
    }


def sampled(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return `picture` at p + flow(p), bilinear, its border continued outwards."""
    rows, columns = np.indices(picture.shape, dtype=np.float32)
    place = (rows + flow[1], columns + flow[0])
    return map_coordinates(picture.astype(np.float32), place, order=1, mode="nearest")


def photometric_error(
    first: np.ndarray, second: np.ndarray, flow: np.ndarray, where: np.ndarray
) -> float:
    """Return the mean absolute difference after warping, gray levels of 255.

    Both pictures are blurred by 1 px first: interpolation at half a pixel blurs, which
    takes noise away and would reward any flow for being fractional. Where the flow
    leaves the picture the border counts on, so leaving is no escape.
    """
    first, second = (gaussian_filter(p, NOISE_SIGMA) for p in (first, second))
    residual = np.abs(sampled(second, flow) - first)
    return GRAY_LEVELS * float(residual[where].mean())


def edge_band(mask: np.ndarray) -> np.ndarray:
    """Return the pixels within 2 px of the mask's outline, on both sides."""
    return binary_dilation(mask, iterations=EDGE_PX) & ~binary_erosion(
        mask, iterations=EDGE_PX
    )


def surroundings(mask: np.ndarray) -> np.ndarray:
    """Return what lies 5 to 24 px off the mask.

    Not the whole picture, of which a blob around the heart would be right by half; nor
    the 3 px beyond the edge band, where nobody knows what the silver mask means.
    """
    distance = distance_transform_edt(~mask)
    return (distance >= APART_PX) & (distance <= SURROUNDINGS_PX)


def boundary_strength(flow: np.ndarray) -> np.ndarray:
    """Return the length ``(H, W)`` of the flow's gradient, px a px.

    Of flow blurred by 1 px, so that the grain of block matching is no boundary.
    """
    smooth = [gaussian_filter(channel, NOISE_SIGMA) for channel in flow]
    slopes = [np.gradient(channel) for channel in smooth]
    return np.linalg.norm(np.array(slopes).reshape(4, *flow.shape[1:]), axis=0)


def relative_motion(flow: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return ``(H, W)`` px by which flow differs from the background's.

    The background's is one affine motion, fitted robustly (Huber's weights) to the
    method's own flow more than 12 px off any vessel. A local mean would subtract a blob
    from itself.
    """
    step = 4
    rows, columns = np.indices(mask.shape, dtype=np.float64)
    design = np.stack((np.ones(mask.shape), columns / mask.shape[1], rows / len(mask)))
    away = (distance_transform_edt(~mask) > AWAY_PX)[::step, ::step]
    terms = design[:, ::step, ::step][:, away].T
    target = flow[:, ::step, ::step][:, away].T
    weight = np.ones((len(terms), 1))
    for _ in range(10):
        fit, *_ = np.linalg.lstsq(weight * terms, weight * target, rcond=None)
        off = np.linalg.norm(target - terms @ fit, axis=1, keepdims=True)
        bend = 1.345 * 1.4826 * np.median(off) + 1e-6
        weight = np.sqrt(np.minimum(1, bend / np.maximum(off, 1e-12)))
    ground = np.einsum("khw,kc->chw", design, fit)
    return np.linalg.norm(flow - ground, axis=0)


def area_under_curve(
    strength: np.ndarray, positive: np.ndarray, negative: np.ndarray
) -> float:
    """Return how often a pixel of `positive` is stronger than one of `negative`.

    Equal strengths count half, so that flow without any boundary gets exactly 0.5.
    """
    inside, outside = strength[positive], strength[negative]
    ranks = rankdata(np.concatenate((inside, outside)))
    above = ranks[: len(inside)].sum() - len(inside) * (len(inside) + 1) / 2
    return float(above / (len(inside) * len(outside)))


def warped_dice(mask: np.ndarray, later: np.ndarray, flow: np.ndarray) -> float:
    """Return the Dice of `mask` with the later mask brought back along the flow.

    Background drawn onto the vessel widens the warped mask, and costs.
    """
    brought = sampled(later, flow) > 0.5
    return float(2 * (brought & mask).sum() / max(1, brought.sum() + mask.sum()))


def visible_dice(
    mask: np.ndarray, later: np.ndarray, forward: np.ndarray, backward: np.ndarray
) -> float:
    """Return the Dice of `warped_dice`, with what the method calls hidden left dark.

    Background that a vessel covers in the later picture is brought back as vessel by
    the truth itself. It is hidden there: its way there and back misses.
    """
    seen = there_and_back(forward, backward) <= AGREE_PX
    brought = (sampled(later, forward) > 0.5) & seen
    return float(2 * (brought & mask).sum() / max(1, brought.sum() + mask.sum()))


def there_and_back(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Return by how many px ``(H, W)`` the way there and back misses its start."""
    back = np.stack([sampled(channel, forward) for channel in backward])
    return np.linalg.norm(forward + back, axis=0)


def agreement(
    forward: np.ndarray, backward: np.ndarray, mask: np.ndarray, later: np.ndarray
) -> dict[str, float]:
    """Return shares of the mask's pixels whose way there and back agrees to 3 px.

    ``agree``: there and back misses by at most 3 px, inside the picture. Flow that says
    nothing moves agrees with itself everywhere, and smooth flow nearly: so
    ``agree_on_vessel`` also wants the way there to end on the later mask.
    """
    height, width = mask.shape
    rows, columns = np.indices(mask.shape, dtype=np.float32)
    x, y = columns + forward[0], rows + forward[1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    agrees = inside & (there_and_back(forward, backward) <= AGREE_PX)
    lands = sampled(later, forward) > 0.5
    return {
        "agree": float(agrees[mask].mean()),
        "agree_on_vessel": float((agrees & lands)[mask].mean()),
    }
