"""Find candidates for the flow of each pixel among the vectors of guided points.

The candidates are the vector of the point that has claimed the pixel's cell, for each
kind of way (see `seeded_reach`), the motion of the background around it (see
`local_fit`), and no motion. Points on vessels claim along vessels, and the other points
tell how the background moves: the mean of both is the motion of neither.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.local_fit import local_fit
from napari_motionseg.models.seeded_reach import seeded_reach

MIDDLE = 4  # side of a cell in px
WAYS = 2  # kinds of conductance: along dark lines, and across the background
FIRST_CONDUCTANCE = (1.0, 4.0)  # logits of both before training
CANDIDATES = WAYS + 2  # vectors for each pixel: of the ways, the background, and zero
REACH_FACTS = 3 * WAYS + 1
LEAST_REACH, LEAST_CHANCE = 1e-6, 1e-4  # so that logarithms stay finite
CLEAR = 2.0  # logit of a vessel that is clearly seen
MOST_SHIFT = 8.0
NEAR_PX = 3  # side of the square around a point in which it may have been meant
LEAN = 4.5  # added to the logit of being vessel: what is faint is rather vessel
MEANT = 4  # number of moving points that are most likely on vessels; a user gives few


def candidate_vectors(
    conductance: Tensor, sparse_motion: Tensor, on_vessel: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the candidates other than no motion, and facts about them.

    Parameters
    ----------
    conductance
        Conductance ``(B, 2, h, w)`` of each cell.
    sparse_motion
        Guidance ``(B, 3, H, W)``: flow x and y in px, and the mask of guided pixels.
    on_vessel
        Probability ``(B, 1, 4 h, 4 w)`` that a point there is meant for a vessel. None
        means that all points are.

    Returns
    -------
    Tensor
        Flow ``(B, 3, 2, h, w)`` in px.
    Tensor
        Facts ``(B, 7, h, w)``: reach of both ways, its logarithm, reach if the point
        moves, and logarithm of the weight of the background's points around.
    """
    height, width = conductance.shape[-2:]
    count, _, rows, columns = sparse_motion.shape
    padding = (0, MIDDLE * width - columns, 0, MIDDLE * height - rows)
    padded = functional.pad(sparse_motion.float(), padding)
    points = padded[:, 2:]
    meant = points if on_vessel is None else points * on_vessel
    given, _ = _mean_of_cells(padded[:, :2], points)
    start = torch.cat([functional.max_pool2d(part, MIDDLE) for part in (meant, points)],
                      dim=1)  # fmt: skip
    if all(bool((part == part[:1]).all()) for part in (start, conductance)):
        # several directions of the same clicks
        start, conductance = start[:1], conductance[:1]
    found = seeded_reach(conductance, start, height + width)
    reach, source = (part.expand(count, -1, -1, -1) for part in found)
    index = source.flatten(1)[:, None].expand(-1, 2, -1)
    claimed = given.flatten(2).gather(2, index)
    claimed = claimed.view(count, 2, WAYS, height, width).transpose(1, 2)
    background = _mean_of_cells(padded[:, :2], points - meant)
    around, near = local_fit(*background, MIDDLE)
    moving = (claimed.norm(dim=2) > 0).float()
    far = (reach + LEAST_REACH).log() / 4
    weight = (near + LEAST_REACH).log() / 4
    facts = torch.cat((reach, far, reach * moving, weight), dim=1)
    return torch.cat((claimed, around[:, None]), dim=1), facts


def _mean_of_cells(vectors: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted mean of the vectors of each cell, and the sum of weights."""
    planes = functional.avg_pool2d(torch.cat((weight * vectors, weight), 1), MIDDLE)
    total = planes[:, 2:]
    return planes[:, :2] / total.clamp(min=1e-12), MIDDLE**2 * total


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


def likelier_vessel(vessel: Tensor, sparse_motion: Tensor) -> Tensor:
    """Return how much likelier to be vessel each pixel is, ``(B, 1, 1, 1)``.

    Whoever gives a point a motion says that something is there. If it is fainter than
    vessels are, whatever is as faint counts as vessel. Of many points, most lie on the
    background, and only those that are most likely on vessels are taken.

    Parameters
    ----------
    vessel
        Logit ``(F, 1, H, W)`` of being vessel, of F frames.
    sparse_motion
        Guidance ``(B, 3, H, W)``; B is a multiple of F.
    """
    share = len(sparse_motion) // len(vessel)
    moving = (sparse_motion[:, :2] != 0).any(dim=1)
    near = likeliest_near(vessel)
    shifts = []
    for number, mask in enumerate(moving):
        height, width = mask.shape
        seen = near[number // share, 0, :height, :width][mask]
        meant = seen.topk(min(MEANT, len(seen))).values
        level = meant.mean() if len(seen) else near.new_tensor(CLEAR)
        shifts.append((CLEAR - level).clamp(0, MOST_SHIFT))
    return torch.stack(shifts)[:, None, None, None]


def likeliest_near(vessel: Tensor) -> Tensor:
    """Return the largest logit ``(F, 1, H, W)`` where a point may have been meant."""
    return functional.max_pool2d(vessel, NEAR_PX, 1, NEAR_PX // 2)


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
