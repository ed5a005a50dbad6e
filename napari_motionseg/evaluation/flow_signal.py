"""Measure how much the flow of a pair of frames can teach, before anyone trains.

An objective can only teach what its target says. Two things are measured: how much the
target says at all (its divergence from a constant, in nats), and whether it says it
about vessels (areas under ROC curves against a mask, and the share of the drawn points
that lie on vessels). Neither needs a network that was trained on the flow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_motionseg.embedding.separation import area_under_curve
from napari_motionseg.errors import SettingsError
from napari_motionseg.models.flat_field import flat_field
from napari_motionseg.motion.warping import forward_backward_error
from napari_motionseg.objectives.background_motion import without_background
from napari_motionseg.objectives.flow_changes import draw_at_changes
from napari_motionseg.objectives.flow_consistency import (
    FlowConsistency,
    point_terms,
    sample_points,
)

Flow = NDArray[np.float32]
Mask = NDArray[np.bool_]

PAPER = FlowConsistency()
# with exact flow, this target says 0.6 nats where the paper's says 0.04
LOUDER = FlowConsistency(dilation=2, sigma=0.25)
POINTS = 1000  # points of a pair, so that nats vary by a few percent between draws
SEED = 0
EDGE_PX = 2  # half the width of the band at a vessel's edge; masks are not more precise
# pixels from a vessel that are compared with its edge: neither edge nor another place
APART_PX, SURROUNDINGS_PX = 5.0, 24.0
GRAIN_PX = 1.0  # blur, so that the grain of block matching does not count as boundary
MOST_NATS = math.log(24)  # a target that names one of 24 neighbours
FAINT_NATS = 0.1  # a target that says less is nearly the same as a constant
LEAST_NATS = 0.05  # of the louder target; noise of estimators says as much
LEAST_AUC = 0.7
AGREE_PX = 3.0  # largest forward-backward error that counts as agreement
MEASURES = {
    "nats_paper": "nats above a constant, target of the paper",
    "nats_louder": "nats above a constant, louder target",
    "drawn_paper": "share of the paper's points on vessels",
    "drawn_louder": "share of points at changes of flow on vessels",
    "vessel": "share of vessels in the picture",
    "near_paper": "share of the paper's points within 5 px of vessels",
    "near_louder": "share of points at changes of flow within 5 px of vessels",
    "near": "share of the picture within 5 px of vessels",
    "auc_length": "AUC of the length of the flow",
    "auc_relative": "AUC of the length without the background's motion",
    "auc_boundary": "AUC of changes of the flow, at edges of vessels",
    "auc_darkness": "AUC of darkness, for comparison",
    "agree": "share of pixels that agree forward and backward",
    "agree_vessel": "the same of vessel pixels",
}


@dataclass(frozen=True, eq=False)
class SignalPair:
    """A pair of frames with the vessels of the first one.

    Parameters
    ----------
    frame
        First frame ``(H, W)`` in [0, 1].
    mask
        Its vessels ``(H, W)`` bool.
    field
        Pixels ``(H, W)`` bool that count, such as the field of view.
    """

    frame: NDArray[np.float32]
    mask: Mask
    field: Mask

    def __post_init__(self) -> None:
        if not self.frame.shape == self.mask.shape == self.field.shape:
            raise SettingsError(
                f"frame {self.frame.shape}, mask {self.mask.shape} and field "
                f"{self.field.shape} must have the same shape"
            )
        inside = self.mask[self.field]
        if not inside.any() or inside.all():
            raise SettingsError(
                "the field must hold pixels of vessels and others; it holds "
                f"{inside.sum()} of vessels and {(~inside).sum()} others"
            )

    @cached_property
    def edge(self) -> Mask:
        """Pixels within 2 px of an outline of the mask, on both sides."""
        outer = ndimage.binary_dilation(self.mask, iterations=EDGE_PX)
        inner = ndimage.binary_erosion(self.mask, iterations=EDGE_PX)
        return np.asarray(outer & ~inner & self.field)

    @cached_property
    def surroundings(self) -> Mask:
        """Pixels 5 to 24 px off the mask."""
        away = self._distance
        return (away >= APART_PX) & (away <= SURROUNDINGS_PX) & self.field

    @cached_property
    def near(self) -> Mask:
        """Pixels of the mask, and those within 5 px of it."""
        return self._distance <= APART_PX

    @cached_property
    def _distance(self) -> NDArray[np.float64]:
        """Distance ``(H, W)`` in px to the nearest pixel of the mask."""
        return np.asarray(ndimage.distance_transform_edt(~self.mask))


def pair_signal(pair: SignalPair, forward: Flow, backward: Flow) -> dict[str, float]:
    """Return the measures of a pair, named in `MEASURES`.

    Parameters
    ----------
    pair
        The frames and their vessels.
    forward, backward
        Flow ``(2, H, W)`` in px from the first frame to the second, and back.

    Raises
    ------
    SettingsError
        If the flow has another shape, or is not finite.
    """
    shape = (2, *pair.frame.shape)
    if forward.shape != shape or backward.shape != shape:
        raise SettingsError(
            f"flow must be {shape}; got {forward.shape} and {backward.shape}"
        )
    flow = torch.from_numpy(np.where(pair.field, forward, 0).astype(np.float32))[None]
    moving = without_background(flow)
    return {
        **_nats(pair, flow, moving),
        "vessel": float(pair.mask[pair.field].mean()),
        "near": float(pair.near[pair.field].mean()),
        "auc_length": _auc(pair, _length(flow)),
        "auc_relative": _auc(pair, _length(moving)),
        "auc_boundary": _boundary_auc(pair, forward),
        "auc_darkness": _auc(pair, -_flattened(pair.frame)),
        **_agreement(pair, forward, backward),
    }


def verdict(means: Mapping[str, float]) -> str:
    """Return in words how much a flow can teach.

    Parameters
    ----------
    means
        Mean of each measure of `MEASURES`.
    """
    paper, louder = means["nats_paper"], means["nats_louder"]
    if louder < LEAST_NATS:
        return (
            f"says nothing ({louder:.4f} nats of {MOST_NATS:.2f}, even with the louder "
            "target): use another flow method, or other loops"
        )
    about = max(means["auc_length"], means["auc_relative"])
    length = "tells" if about >= LEAST_AUC else "hardly tells"
    places = "lie" if means["auc_boundary"] >= LEAST_AUC else "do not lie"
    words = (
        f"its length {length} vessels from the rest, and its changes {places} at the "
        "edges of vessels"
    )
    if paper < FAINT_NATS:
        return (
            f"the paper's target is nearly silent ({paper:.4f} nats of "
            f"{MOST_NATS:.2f}), the louder one says {louder:.2f}; {words}"
        )
    return f"the paper's target says {paper:.2f} nats, the louder {louder:.2f}; {words}"


def _nats(pair: SignalPair, flow: Tensor, moving: Tensor) -> dict[str, float]:
    """Return what both targets say, and where their points lie."""
    generator = torch.Generator().manual_seed(SEED)
    count = min(POINTS, flow[0, 0].numel())
    by_length = sample_points(flow, count, generator=generator)
    at_changes = draw_at_changes(moving, count, generator=generator)
    return {
        "nats_paper": target_nats(flow, by_length, PAPER),
        "nats_louder": target_nats(moving, at_changes, LOUDER),
        "drawn_paper": _share_on(pair.mask, by_length),
        "drawn_louder": _share_on(pair.mask, at_changes),
        "near_paper": _share_on(pair.near, by_length),
        "near_louder": _share_on(pair.near, at_changes),
    }


def target_nats(flow: Tensor, points: Tensor, settings: FlowConsistency) -> float:
    """Return the mean KL(P_f, constant) over points, weighted by the flow's length.

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)`` in px; the background is not removed here.
    points
        Points ``(B, N, 2)`` as integers, row and column.
    settings
        Neighbours and width of the target.
    """
    anything = torch.zeros_like(flow[:, :1])  # the target does not depend on it
    terms = point_terms(anything, flow, points, settings)
    return float(terms.mean(terms.constant - terms.entropy))


def _share_on(mask: Mask, points: Tensor) -> float:
    rows, columns = points[0].unbind(dim=-1)
    return float(mask[rows.numpy(), columns.numpy()].mean())


def _length(flow: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = torch.hypot(flow[0, 0], flow[0, 1]).numpy()
    return found


def _auc(pair: SignalPair, values: NDArray[np.float32]) -> float:
    """Return how well values ``(H, W)`` separate vessels from all other pixels."""
    inside, outside = pair.mask & pair.field, ~pair.mask & pair.field
    return area_under_curve(values[inside], values[outside])


def _boundary_auc(pair: SignalPair, flow: Flow) -> float:
    """Return how well changes of flow separate edges of vessels from surroundings."""
    smooth = [ndimage.gaussian_filter(channel, GRAIN_PX) for channel in flow]
    slopes = np.stack([slope for channel in smooth for slope in np.gradient(channel)])
    strength = np.sqrt(np.square(slopes).sum(axis=0))
    if not (pair.edge.any() and pair.surroundings.any()):
        return float("nan")
    return area_under_curve(strength[pair.edge], strength[pair.surroundings])


def _flattened(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the frame without its slow background."""
    flat: NDArray[np.float32] = flat_field(torch.from_numpy(frame)[None, None])[
        0, 0
    ].numpy()
    return flat


def _agreement(pair: SignalPair, forward: Flow, backward: Flow) -> dict[str, float]:
    """Return the shares of pixels with a small forward-backward error."""
    there, back = (torch.from_numpy(np.array(f))[None] for f in (forward, backward))
    agrees = forward_backward_error(there, back)[0].numpy() <= AGREE_PX
    inside = pair.mask & pair.field
    return {
        "agree": float(agrees[pair.field].mean()),
        "agree_vessel": float(agrees[inside].mean()),
    }
