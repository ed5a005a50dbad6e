"""Correct the vessels of a frame by clicks on what is missing and on what is wrong.

A click says more than that its own pixel is vessel or not. The same is likely for what
moves with it, for its neighbourhood and, to a small extent, for the whole frame: a
network whose probability is too low on one thin vessel is too cautious on others. The
corrections are a Gaussian process (Rasmussen and Williams 2006, chapter 2) on the logit
of being vessel, whose covariance is the sum of these three. People also draw outlines
of different width. How much wider theirs are is chosen by how well it explains the
clicks, which is the evidence of the same chapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance.points import Clicks

Scores = NDArray[np.float32]
# standard deviations of the logit's corrections: of the whole frame, of what is near,
# and of what moves with a click
FRAME, NEAR, TOGETHER = 1.0, 2.0, 2.0
# standard deviation of the distance at which a correction is still felt, as a share of
# the frame's longer side
NEAR_SHARE = 0.08
NOISE = 1.0  # standard deviation of the logit at a click
SURE = 1.5  # logit that a click demands at least, with its sign
MOST_WIDER_PX = 3  # by which outlines may lie outside those of the network
WIDER_COST = 0.7  # log evidence that each px of it must bring
CERTAIN = 1e-3  # probabilities nearer to 0 or 1 count as this one


def corrected_scores(
    vessel: NDArray[Any], clicks: Clicks, together: Sequence[NDArray[Any]]
) -> Scores:
    """Return the probability of being vessel, corrected by clicks.

    Parameters
    ----------
    vessel
        Probability ``(H, W)`` of being vessel before the clicks.
    clicks
        Points on vessels, and points that are no vessel.
    together
        For each of `Clicks.points`, the share ``(H, W)`` of its motion that each pixel
        follows.

    Returns
    -------
    ndarray
        Probability ``(H, W)`` float32.

    Raises
    ------
    SettingsError
        If there is not one map of shares for each point.
    """
    points = clicks.points
    if len(together) != len(points):
        raise SettingsError(
            f"together must hold one map for each point; got {len(together)} for "
            f"{len(points)} points"
        )
    start = _logit(vessel)
    if not points:
        return _probability(start)
    rows, columns = (
        np.array(part).round().astype(int) for part in zip(*points, strict=True)
    )
    demanded = np.repeat((SURE, -SURE), (len(clicks.positive), len(clicks.negative)))
    maps, reach = np.asarray(together, np.float32), NEAR_SHARE * max(start.shape)
    seen = maps[:, rows, columns]  # of each map at each click
    near = _nearness(rows, rows[:, None], reach)
    near *= _nearness(columns, columns[:, None], reach)
    covariance = FRAME**2 + NEAR**2 * near + TOGETHER**2 * seen.T @ seen
    inverse = np.linalg.inv(covariance + NOISE**2 * np.eye(len(points)))
    wider = _wider(start, rows, columns, demanded, inverse)
    start = _widened(start, wider)
    weights = inverse @ _demands(start[rows, columns], demanded)
    down, right = (np.arange(side) for side in start.shape)
    around = _nearness(down[:, None], rows, reach) * weights
    correction = around @ _nearness(columns[:, None], right, reach)
    correction = FRAME**2 * weights.sum() + NEAR**2 * correction
    correction += TOGETHER**2 * np.tensordot(seen @ weights, maps, 1)
    return _probability(start + correction)


def _wider(
    start: NDArray[Any],
    rows: NDArray[Any],
    columns: NDArray[Any],
    demanded: NDArray[Any],
    inverse: NDArray[Any],
) -> int:
    """Return by how many px wider outlines explain the clicks best."""
    evidence = []
    for wider in range(MOST_WIDER_PX + 1):
        # only the neighbourhoods of the clicks are widened
        at = [
            _widened(start[_around(r, wider), _around(c, wider)], wider)[
                min(r, wider), min(c, wider)
            ]
            for r, c in zip(rows, columns, strict=True)
        ]
        missing = _demands(np.array(at), demanded)
        evidence.append(-0.5 * missing @ inverse @ missing - WIDER_COST * wider)
    return int(np.argmax(evidence))


def _around(place: int, reach: int) -> slice:
    return slice(max(0, place - reach), place + reach + 1)


def _demands(at: NDArray[Any], demanded: NDArray[Any]) -> NDArray[Any]:
    """Return by how much logits must change; those on the right side need not."""
    missing = demanded - at
    lacks = np.sign(missing) == np.sign(demanded)
    found: NDArray[Any] = np.where(lacks, missing, 0)
    return found


def _widened(values: NDArray[Any], by_px: int) -> NDArray[Any]:
    """Return the largest value within a distance of each pixel."""
    if by_px == 0:
        return values
    y, x = np.mgrid[-by_px : by_px + 1, -by_px : by_px + 1]
    found: NDArray[Any] = ndimage.maximum_filter(
        values, footprint=y**2 + x**2 <= by_px**2, mode="nearest"
    )
    return found


def _nearness(one: NDArray[Any], other: NDArray[Any], reach: float) -> NDArray[Any]:
    found: NDArray[Any] = np.exp(-((one - other) ** 2) / (2 * reach**2))
    return found


def _logit(probability: NDArray[Any]) -> NDArray[np.float32]:
    kept = np.clip(np.asarray(probability, np.float32), CERTAIN, 1 - CERTAIN)
    logit: NDArray[np.float32] = np.log(kept / (1 - kept))
    return logit


def _probability(logit: NDArray[Any]) -> Scores:
    found: Scores = (1 / (1 + np.exp(-logit))).astype(np.float32)
    return found
