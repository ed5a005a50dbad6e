"""Find candidates for the flow of each pixel among the vectors of guided points.

The candidates are the vector of the point that has claimed the pixel's cell, for each
kind of way (see `seeded_reach`), the mean of the vectors around it, and no motion.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.seeded_reach import seeded_reach

MIDDLE = 4  # side of a cell in px
WAYS = 2  # kinds of conductance: along dark lines, and across the background
FIRST_CONDUCTANCE = (1.0, 4.0)  # logits of both before training
CANDIDATES = WAYS + 2  # vectors for each pixel: those of the ways, their mean, and zero
REACH_FACTS = 3 * WAYS + 1
LEAST_REACH, LEAST_CHANCE = 1e-6, 1e-4  # so that logarithms stay finite
CLEAR = 2.0  # logit of a vessel that is clearly seen
MOST_SHIFT = 8.0
NEAR_PX = 3  # side of the square around a point in which it may have been meant
AROUND_PX = 40.0  # standard deviation of the weights of the mean vector


def candidate_vectors(
    conductance: Tensor, sparse_motion: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the candidates other than no motion, and facts about them.

    Parameters
    ----------
    conductance
        Conductance ``(B, 2, h, w)`` of each cell.
    sparse_motion
        Guidance ``(B, 3, H, W)``: flow x and y in px, and the mask of guided pixels.

    Returns
    -------
    Tensor
        Flow ``(B, 3, 2, h, w)`` in px.
    Tensor
        Facts ``(B, 7, h, w)``: reach of both ways, its logarithm, reach if the point
        moves, and logarithm of the number of points around.
    """
    height, width = conductance.shape[-2:]
    count, _, rows, columns = sparse_motion.shape
    padding = (0, MIDDLE * width - columns, 0, MIDDLE * height - rows)
    padded = functional.pad(sparse_motion.float(), padding)
    sums = MIDDLE**2 * functional.avg_pool2d(padded, MIDDLE)
    given = sums[:, :2] / sums[:, 2:].clamp(min=1)
    seeds = sums[:, 2] > 0
    if all(bool((part == part[:1]).all()) for part in (seeds, conductance)):
        # several directions of the same clicks
        seeds, conductance = seeds[:1], conductance[:1]
    found = seeded_reach(conductance, seeds, height + width)
    reach, source = (part.expand(count, -1, -1, -1) for part in found)
    index = source.flatten(1)[:, None].expand(-1, 2, -1)
    claimed = given.flatten(2).gather(2, index)
    claimed = claimed.view(count, 2, WAYS, height, width).transpose(1, 2)
    mean, near = mean_around(given, sums[:, 2:])
    moving = (claimed.norm(dim=2) > 0).float()
    far = (reach + LEAST_REACH).log() / 4
    facts = torch.cat((reach, far, reach * moving, near), dim=1)
    return torch.cat((claimed, mean[:, None]), dim=1), facts


def shared_classes(weights: Tensor, vectors: Tensor, bins: int, limit: float) -> Tensor:
    """Return logits ``(B, 2, C, N)`` of classes of flow.

    Each candidate is shared by the two classes whose centres are nearest, so that the
    mean of the classes is the candidate.

    Parameters
    ----------
    weights
        Weight ``(B, K, N)`` of each candidate; the last one is no motion.
    vectors
        Flow ``(B, K - 1, 2, N)`` in px of the others.
    bins
        Number C of classes of an axis.
    limit
        Bound in px of the classes.
    """
    vectors = torch.cat((vectors, torch.zeros_like(vectors[:, :1])), dim=1)
    place = (vectors.clamp(-limit, limit) + limit) * (bins / (2 * limit)) - 0.5
    place = place.clamp(0, bins - 1).transpose(1, 2)
    low = place.floor().clamp(max=bins - 2)
    share = place - low
    chance = weights.new_zeros((len(weights), 2, bins, weights.shape[-1]))
    heavy = weights[:, None].expand_as(share)
    chance = chance.scatter_add(2, low.long(), heavy * (1 - share))
    chance = chance.scatter_add(2, low.long() + 1, heavy * share)
    return (chance + LEAST_CHANCE).log()


def mean_around(given: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Return the Gaussian mean of the vectors around each cell, and their weight.

    Parameters
    ----------
    given
        Vectors ``(B, 2, h, w)`` in px of cells with points.
    points
        Number of points ``(B, 1, h, w)`` in each cell.

    Returns
    -------
    Tensor
        Mean ``(B, 2, h, w)`` in px; 0 without any point.
    Tensor
        Logarithm ``(B, 1, h, w)`` of the sum of weights, about -3 to 1.
    """
    deviation = AROUND_PX / MIDDLE
    rows, columns = (
        _gaussian(side, deviation, points.device) for side in given.shape[-2:]
    )
    weighed = torch.cat((given * points, points), dim=1)
    spread = rows @ weighed @ columns
    # the widest Gaussian never vanishes, so that each cell has some mean
    weight = spread[:, 2:]
    return spread[:, :2] / weight.clamp(min=1e-12), (weight + LEAST_REACH).log() / 4


def _gaussian(side: int, deviation: float, device: torch.device) -> Tensor:
    """Return the matrix ``(side, side)`` that blurs one axis."""
    place = torch.arange(side, device=device, dtype=torch.float32)
    return torch.exp(-((place[:, None] - place) ** 2) / (2 * deviation**2))


def likelier_vessel(vessel: Tensor, sparse_motion: Tensor) -> Tensor:
    """Return how much likelier to be vessel each pixel is, ``(B, 1, 1, 1)``.

    Whoever gives a point a motion says that something is there. If it is fainter than
    vessels are, whatever is as faint counts as vessel.

    Parameters
    ----------
    vessel
        Logit ``(F, 1, H, W)`` of being vessel, of F frames.
    sparse_motion
        Guidance ``(B, 3, H, W)``; B is a multiple of F.
    """
    share = len(sparse_motion) // len(vessel)
    moving = (sparse_motion[:, :2] != 0).any(dim=1)
    near = functional.max_pool2d(vessel, NEAR_PX, 1, NEAR_PX // 2)
    shifts = []
    for number, mask in enumerate(moving):
        height, width = mask.shape
        seen = near[number // share, 0, :height, :width][mask]
        level = seen.mean() if len(seen) else near.new_tensor(CLEAR)
        shifts.append((CLEAR - level).clamp(0, MOST_SHIFT))
    return torch.stack(shifts)[:, None, None, None]


def connected_share(vessel: Tensor, sparse_motion: Tensor) -> Tensor:
    """Return how likely each pixel is connected to a moving point by vessels.

    This needs nothing but the logit of being vessel: a whole tree follows a point of
    it, while a trained network also decides where a branch ends.

    Parameters
    ----------
    vessel
        Logit ``(1, 1, H, W)`` of being vessel; the sides are multiples of 4.
    sparse_motion
        Guidance ``(1, 3, h, w)`` of the frame without its padding.

    Returns
    -------
    Tensor
        Probability ``(h, w)``.
    """
    height, width = sparse_motion.shape[-2:]
    likelier = vessel + likelier_vessel(vessel, sparse_motion)
    cells = functional.max_pool2d(likelier, MIDDLE) + FIRST_CONDUCTANCE[0]
    conductance = cells.sigmoid().expand(-1, WAYS, -1, -1)
    _, facts = candidate_vectors(conductance, sparse_motion)
    moved = facts[:, 2 * WAYS : 2 * WAYS + 1]
    reach = functional.interpolate(moved, scale_factor=MIDDLE, mode="nearest")
    found = (likelier + (reach + LEAST_REACH).log()).sigmoid()
    return found[0, 0, :height, :width]
