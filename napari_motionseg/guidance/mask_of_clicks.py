"""Turn clicks into a mask: what moves with the clicked points belongs to the object.

Zhan et al. (CVPR 2019, section 4.3): the positive points get the same motion in several
directions, the negative ones stay still, and what follows the motion is the object.
Masks of a whole tree begin with what the network takes for vessel, and each click
corrects that; see `corrections`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance.corrections import corrected_scores
from napari_motionseg.guidance.points import Arrow, Clicks, Mask, Point
from napari_motionseg.registry import unknown_name

if TYPE_CHECKING:
    from napari_motionseg.guidance.propagator import PreparedFrame, Propagator

Scores = NDArray[np.float32]
Extent = Literal["branch", "tree", "vessels"]
PAPER_DIRECTIONS = 4  # the light network answers alike in all, and is asked for one
# scores at which masks are best: those of a branch are small, because of several
# branches each might be the one that moves
THRESHOLDS: dict[Extent, float] = {"branch": 0.1, "tree": 0.5, "vessels": 0.5}
SPEED_SHARE = 0.5  # length of the motion, as share of the longest possible
LEAST_SCORE = 0.01  # smaller scores are 0; they are not worth their computation
NEAR_PX = 4  # px beside a part of the mask in which a click still means it
NOTHING_SHARE = 0.5  # a mask that covers more of the frame means that nothing was hit


@dataclass(frozen=True, eq=False)
class ClickMask:
    """The mask of clicks, with the scores that it was made of.

    Parameters
    ----------
    scores
        Share ``(H, W)`` in [0, 1] of the clicks' motion that each pixel follows.
    mask
        Mask ``(H, W)`` bool of the object.
    note
        A full sentence if the mask is hardly what was meant; else empty.
    """

    scores: Scores
    mask: Mask
    note: str = ""


def click_mask(
    propagator: Propagator,
    prepared: PreparedFrame,
    clicks: Clicks,
    *,
    threshold: float | None = None,
    extent: Extent = "branch",
    field: Mask | None = None,
) -> ClickMask:
    """Return the mask of the object that clicks mean.

    Parameters
    ----------
    propagator
        Network that answers.
    prepared
        Frame, from `Propagator.prepare`.
    clicks
        Points on the object, and points beside it.
    threshold
        Score from which a pixel belongs to the object; a lower one includes what only
        probably moves with the clicks. None takes that of the extent, see `THRESHOLDS`.
    extent
        ``"branch"``: what moves with the clicks and is connected to them. ``"tree"``:
        everything that vessels connect to them. ``"vessels"``: all vessels of the
        frame, as the network sees them, corrected by the clicks.
    field
        Field of view ``(H, W)`` bool; nothing outside belongs to the object. None means
        the whole frame.

    Raises
    ------
    SettingsError
        If the clicks do not fit the frame, or a setting is out of range.
    """
    shape = (prepared.frame.shape[0], prepared.frame.shape[1])
    check_clicks(clicks, shape, extent, field)
    scores = click_scores(propagator, prepared, clicks, extent)
    if field is not None:
        scores = scores * field
    threshold = THRESHOLDS[extent] if threshold is None else threshold
    mask = mask_of_scores(scores, threshold, own_points(clicks, extent))
    return ClickMask(scores, mask, mask_note(mask, scores, threshold))


def click_scores(
    propagator: Propagator,
    prepared: PreparedFrame,
    clicks: Clicks,
    extent: Extent = "branch",
) -> Scores:
    """Return the share of the clicks' motion that each pixel follows.

    Parameters
    ----------
    propagator, prepared, clicks, extent
        As for `click_mask`.

    Returns
    -------
    ndarray
        Scores ``(H, W)`` float32 in [0, 1]. For ``"branch"``, it is the probability
        that vessels connect the pixel to the clicks, multiplied with the predicted
        motion along the given one, as a share of it. For ``"tree"`` and ``"vessels"``,
        it is the probability of being vessel, of which all clicks have corrected what
        they concern; for ``"tree"``, that of being connected to the positive ones.
        A network with the layout of the paper does not know vessels; it gives the mean
        share of the motion over `PAPER_DIRECTIONS` directions.

    Raises
    ------
    SettingsError
        If the extent is unknown.
    """
    if extent not in get_args(Extent):
        choices = dict.fromkeys(get_args(Extent))
        raise SettingsError(unknown_name("extent", extent, choices))
    if extent == "vessels" or (extent == "tree" and not clicks.positive):
        return _corrected(propagator, prepared, clicks, propagator.vessels(prepared))
    speed = SPEED_SHARE * propagator.longest(prepared)
    if extent == "tree":
        alone = _moved(Clicks(clicks.positive), speed, 1, 0)
        connected = propagator.connected(prepared, alone)
        return _corrected(propagator, prepared, clicks, connected)
    if not propagator.knows_vessels:
        return _share_moved(propagator, prepared, clicks, speed, PAPER_DIRECTIONS)
    connected = propagator.connected(prepared, _moved(clicks, speed, 1, 0))
    where = connected >= LEAST_SCORE
    return connected * _share_moved(propagator, prepared, clicks, speed, 1, where)


def check_clicks(
    clicks: Clicks, shape: tuple[int, int], extent: Extent, field: Mask | None = None
) -> None:
    """Raise an error unless clicks on a frame describe an object.

    Parameters
    ----------
    clicks, extent, field
        As for `click_mask`. All vessels can be corrected by negative points alone.
    shape
        Rows and columns of the frame.

    Raises
    ------
    SettingsError
        If a point is missing, or outside the frame or the field.
    """
    clicks.check(shape, field, on_object=extent != "vessels")


def _corrected(
    propagator: Propagator,
    prepared: PreparedFrame,
    clicks: Clicks,
    vessel: NDArray[np.float32],
) -> Scores:
    """Return probabilities of being vessel, corrected by clicks."""
    known = prepared.together
    for point in clicks.points:
        if point not in known:
            known[point] = click_scores(propagator, prepared, Clicks((point,)))
    return corrected_scores(vessel, clicks, [known[point] for point in clicks.points])


def _share_moved(
    propagator: Propagator,
    prepared: PreparedFrame,
    clicks: Clicks,
    speed: float,
    directions: int,
    where: Mask | None = None,
) -> Scores:
    """Return the mean share ``(H, W)`` of the clicks' motion that each pixel follows.

    Parameters
    ----------
    propagator, prepared, clicks
        As for `click_mask`.
    speed
        Length in px of the motion of the positive points.
    directions
        Number of directions, which are evenly spread; the first one is to the right.
    where
        Mask ``(H, W)`` bool of the pixels that are needed; None means all.
    """
    turns = (2 * math.pi * number / directions for number in range(directions))
    units = [(math.cos(turn), math.sin(turn)) for turn in turns]
    told = [_moved(clicks, speed, right, down) for right, down in units]
    flows = propagator.flows(prepared, told, clicked=True, where=where)
    parts = [
        np.clip((right * flow[0] + down * flow[1]) / speed, 0, 1)
        for (right, down), flow in zip(units, flows, strict=True)
    ]
    share: Scores = np.mean(parts, axis=0, dtype=np.float32)
    return share


def _moved(clicks: Clicks, speed: float, right: float, down: float) -> list[Arrow]:
    """Return the positive points as arrows of one direction, and the still others."""
    moving = [Arrow(*point, speed * down, speed * right) for point in clicks.positive]
    return moving + [Arrow(*point) for point in clicks.negative]


def own_points(clicks: Clicks, extent: Extent) -> tuple[Point, ...]:
    """Return the points that each part of a mask must touch; none for a whole tree.

    A tree is often interrupted, where a catheter crosses it or contrast is missing. A
    branch is not, so that parts without a click belong to something else.
    """
    return clicks.positive if extent == "branch" else ()


def mask_of_scores(
    scores: Scores, threshold: float, points: Sequence[Point] = ()
) -> Mask:
    """Return the pixels whose score is at least the threshold, ``(H, W)`` bool.

    Parameters
    ----------
    scores
        Scores ``(H, W)`` in [0, 1].
    threshold
        Lowest score of a pixel of the object.
    points
        Row and column of positive points. Connected parts of the mask that come no
        nearer than `NEAR_PX` to any of them are left out. Without points, all are kept.

    Raises
    ------
    SettingsError
        If the threshold is not between 0 and 1.
    """
    if not 0 < threshold < 1:
        raise SettingsError(f"threshold must lie between 0 and 1; got {threshold}")
    mask: Mask = scores >= threshold
    if not points:
        return mask
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    found: set[int] = set()
    for row, column in points:
        rows, columns = (
            slice(max(0, round(place) - NEAR_PX), round(place) + NEAR_PX + 1)
            for place in (row, column)
        )
        found.update(np.unique(parts[rows, columns]).tolist())
    own: Mask = np.isin(parts, sorted(found - {0}))
    return own


def mask_note(mask: Mask, scores: Scores, threshold: float) -> str:
    """Return a sentence if a mask is hardly what was meant; else an empty one.

    Parameters
    ----------
    mask
        Mask ``(H, W)`` bool from `mask_of_scores`.
    scores, threshold
        What it was made of.
    """
    share = float((scores >= threshold).mean())
    if share > NOTHING_SHARE:
        return (
            f"{share:.0%} of the frame moves with the clicks: they lie on the "
            "background, not on a vessel or device; click on a dark line"
        )
    if not mask.any():
        return (
            "nothing moves with the clicks; lower the threshold, remove negative "
            "points, or click on the middle of the vessel"
        )
    return ""
