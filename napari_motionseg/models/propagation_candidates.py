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

from napari_motionseg.models.guided_points import (
    GuidedPoints,
    guided_points,
    largest_near,
)
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
FAINT_PX = 60.0  # standard deviation of how far a click on a faint vessel is heard
MEANT = 4  # number of moving points that are most likely on vessels; a user gives few


def candidate_vectors(
    conductance: Tensor, points: GuidedPoints, on_vessel: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the candidates other than no motion, and facts about them.

    Parameters
    ----------
    conductance
        Conductance ``(B, 2, h, w)`` of each cell.
    points
        The N guided points.
    on_vessel
        Probability ``(N,)`` that each point is meant for a vessel. None means that all
        points are.

    Returns
    -------
    Tensor
        Flow ``(B, 3, 2, h, w)`` in px.
    Tensor
        Facts ``(B, 7, h, w)``: reach of both ways, its logarithm, reach if the point
        moves, and logarithm of the weight of the background's points around.
    """
    count, (height, width) = points.guidances, conductance.shape[-2:]
    one = points.vector.new_ones(len(points.vector))
    meant = one if on_vessel is None else on_vessel
    given, _ = _mean_of_cells(points, one, height, width)
    start = _largest_of_cells(points, torch.stack((meant, one), 1), height, width)
    if all(bool((part == part[:1]).all()) for part in (start, conductance)):
        # several directions of the same clicks
        start, conductance = start[:1], conductance[:1]
    found = seeded_reach(conductance, start, height + width)
    reach, source = (part.expand(count, -1, -1, -1) for part in found)
    claimed = torch.stack([_claimed(given, source[:, k]) for k in range(WAYS)], dim=1)
    background = _mean_of_cells(points, one - meant, height, width)
    around, near = local_fit(*background, MIDDLE)
    moving = (claimed != 0).any(dim=2).float()
    far = (reach + LEAST_REACH).log() / 4
    weight = (near + LEAST_REACH).log() / 4
    facts = torch.cat((reach, far, reach * moving, weight), dim=1)
    return torch.cat((claimed, around[:, None]), dim=1), facts


def _mean_of_cells(
    points: GuidedPoints, weight: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Return the weighted mean of the vectors of each cell, and the sum of weights."""
    heavy = torch.cat((weight[:, None] * points.vector, weight[:, None]), dim=1)
    total = heavy.new_zeros((points.guidances * height * width, 3))
    total = total.index_add(0, points.cells(MIDDLE, height, width), heavy)
    planes = total.view(points.guidances, height, width, 3).permute(0, 3, 1, 2)
    return planes[:, :2] / planes[:, 2:].clamp(min=1e-12), planes[:, 2:]


def _largest_of_cells(
    points: GuidedPoints, values: Tensor, height: int, width: int
) -> Tensor:
    """Return the largest values of each cell's points, ``(B, K, h, w)``; 0 if none."""
    kinds = values.shape[1]
    place = points.cells(MIDDLE, height, width)[:, None].expand(-1, kinds)
    empty = values.new_zeros((points.guidances * height * width, kinds))
    largest = empty.scatter_reduce(0, place, values, "amax")
    return largest.view(points.guidances, height, width, kinds).permute(0, 3, 1, 2)


def _claimed(given: Tensor, source: Tensor) -> Tensor:
    """Return the vector ``(B, 2, h, w)`` of the point that has claimed each cell."""
    index = source.flatten(1)[:, None].expand(-1, 2, -1)
    return given.flatten(2).gather(2, index).view_as(given)


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


def likelier_vessel(level: Tensor, points: GuidedPoints) -> Tensor:
    """Return how much likelier to be vessel each pixel is, ``(B, 1, 1, 1)``.

    Whoever gives a point a motion says that something is there. If it is fainter than
    vessels are, whatever is as faint counts as vessel. Of many points, most lie on the
    background, and only those that are most likely on vessels are taken.

    Parameters
    ----------
    level
        Logit ``(N,)`` of being vessel at each point, see `likeliest_near`.
    points
        The points of B guidances.
    """
    moving, shifts = points.moving, []
    for number in range(points.guidances):
        seen = level[moving & (points.which == number)]
        meant = seen.topk(min(MEANT, len(seen))).values
        usual = meant.mean() if len(seen) else level.new_tensor(CLEAR)
        shifts.append((CLEAR - usual).clamp(0, MOST_SHIFT))
    return torch.stack(shifts)[:, None, None, None]


def likeliest_near(vessel: Tensor, points: GuidedPoints) -> Tensor:
    """Return the largest logit ``(N,)`` of being vessel where each point may be meant.

    Parameters
    ----------
    vessel
        Logit ``(F, 1, H, W)`` of being vessel, of F frames.
    points
        The points of guidances of these frames.
    """
    return largest_near(vessel, points, NEAR_PX)


def likelier_near(level: Tensor, points: GuidedPoints, size: torch.Size) -> Tensor:
    """Return how much likelier to be vessel pixels near moving points are, ``(H, W)``.

    A click on a faint vessel says that it is one, but nothing about faint lines far
    away: if they all counted, a click would mask ribs and the edge of the heart.

    Parameters
    ----------
    level
        Logit ``(N,)`` of being vessel at each point, see `likeliest_near`.
    points
        The points of one guidance.
    size
        Rows and columns of the frame.
    """
    found = level.new_zeros(size)
    rows, columns = (torch.arange(side, device=level.device) for side in size)
    faint = (CLEAR - level).clamp(0, MOST_SHIFT) * points.moving
    for number in faint.nonzero()[:, 0].tolist():
        down, right = (
            torch.exp(-((places - at[number]) ** 2) / (2 * FAINT_PX**2))
            for places, at in ((rows, points.row), (columns, points.column))
        )
        found = torch.maximum(found, faint[number] * down[:, None] * right)
    return found


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
    points = guided_points(sparse_motion)
    level = likeliest_near(vessel, points)
    likelier = vessel + likelier_near(level, points, vessel.shape[-2:])
    conductance = functional.max_pool2d(likelier, MIDDLE) + FIRST_CONDUCTANCE[0]
    rows, columns = conductance.shape[-2:]
    one = points.vector.new_ones((len(points.vector), 1))
    start = _largest_of_cells(points, one, rows, columns)
    moves = _largest_of_cells(points, points.moving[:, None].float(), rows, columns)
    reach, source = seeded_reach(conductance.sigmoid(), start, rows + columns)
    reach = reach * moves.flatten(1)[0][source]
    reach = functional.interpolate(reach, scale_factor=MIDDLE, mode="nearest")
    found = (likelier + (reach + LEAST_REACH).log()).sigmoid()
    return found[0, 0, :height, :width]
