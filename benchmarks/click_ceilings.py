"""The best Dice that choosing branches can reach, whoever chooses.

Every branch of the candidates (what the network gives at least a small probability) is
taken or left by an oracle that knows the truth. What it cannot reach, no click that
adds or removes branches can reach either: the rest are outlines, and vessels that are
no candidates.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

LEAST = 0.05  # probability of a candidate
OUTLINES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
USUAL = 0.5  # threshold of the outlines as they are
ROUNDS = 100  # at most; a few are enough
NEIGHBOURS = np.ones((3, 3), bool)


def ceilings(vessel: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return the best Dice of a choice of branches.

    Parameters
    ----------
    vessel
        Probability ``(H, W)`` of being vessel.
    truth
        Mask ``(H, W)`` bool.

    Returns
    -------
    dict
        ``"branches"``: each branch has its usual outline. ``"outlines"``: the oracle
        also chooses a threshold for each branch.
    """
    branches = numbered_branches(vessel >= LEAST)
    found, right = np.zeros((2, len(OUTLINES), branches.max()))
    for row, threshold in enumerate(OUTLINES):
        mask = vessel >= threshold
        found[row] = counts(branches[mask], branches.max())
        right[row] = counts(branches[mask & truth], branches.max())
    usual = slice(OUTLINES.index(USUAL), OUTLINES.index(USUAL) + 1)
    size = int(truth.sum())
    return {
        "branches": best_dice(found[usual], right[usual], size),
        "outlines": best_dice(found, right, size),
    }


def numbered_branches(mask: np.ndarray) -> np.ndarray:
    """Return the number of each pixel's branch, from 1; 0 outside the mask.

    Branches end where three or more parts of the centreline meet.
    """
    line = skeletonize(mask)
    around = ndimage.convolve(line.astype(int), NEIGHBOURS.astype(int), mode="constant")
    junctions = ndimage.binary_dilation(line & (around > 3), NEIGHBOURS)
    parts, count = ndimage.label(line & ~junctions, NEIGHBOURS)
    if not count:
        return ndimage.label(mask, NEIGHBOURS)[0]
    nearest = ndimage.distance_transform_edt(
        parts == 0, return_distances=False, return_indices=True
    )
    return parts[tuple(nearest)] * mask


def counts(numbers: np.ndarray, largest: int) -> np.ndarray:
    """Return how often each number from 1 to the largest occurs."""
    return np.bincount(numbers, minlength=largest + 1)[1:]


def best_dice(found: np.ndarray, right: np.ndarray, size: int) -> float:
    """Return the largest Dice of any choice of branches and of their outlines.

    Parameters
    ----------
    found, right
        Pixels of each branch ``(outlines, branches)``, and those that are true.
    size
        Pixels of the truth.
    """
    dice = 0.0
    for _ in range(ROUNDS):
        # a branch raises a Dice if more than half of that share of it is right
        gain = right - dice / 2 * found
        best = gain.argmax(axis=0), np.arange(gain.shape[1])
        taken = gain[best] > 0
        overlap, area = right[best][taken].sum(), found[best][taken].sum()
        raised = 2 * overlap / max(1, area + size)
        if raised <= dice:
            break
        dice = float(raised)
    return dice
