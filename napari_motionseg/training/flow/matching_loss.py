"""Compute the matching loss: cross-entropy of the cost volume at the true motion.

End-point errors alone hardly train the features of a flow network while its decoders
still ignore them. This term trains the features to match from the first step.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_motionseg.models.correlation import correlation
from napari_motionseg.training.flow.flow_loss import downsample_flow

LEVELS = (2, 3, 4, 5)  # levels of the feature pyramid, whose pixels are 4 to 32 px wide
REACH = 4  # px of a level: largest displacement in the network's cost volumes
# larger displacements are left out, because their weight would be outside the volume
FARTHEST = REACH - 1
TEMPERATURE = 0.1


def matching_loss(
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    flow: Tensor,
    pixel_weights: Tensor | None = None,
) -> Tensor:
    """Return the cross-entropy of feature matches, summed over `LEVELS`.

    Parameters
    ----------
    first, second
        Pyramids of both pictures, with level l at index l - 1, ``(B, C, H / 2^l,
        W / 2^l)``, of unit mean square over the channels (`PWCNet` with
        ``normalized``).
    flow
        True flow ``(B, 2, H, W)`` in px, from the first to the second.
    pixel_weights
        Weights ``(B, H, W)`` of the pixels; None weighs all alike.

    Returns
    -------
    Tensor
        Scalar. The predicted distribution is the softmax of the cost volume divided by
        0.1.
        The target is 1 at the true displacement, divided bilinearly among neighbours.
    """
    total = flow.new_zeros((), dtype=torch.float32)
    for level in LEVELS:
        wanted, weights = downsample_flow(flow, 2**level, pixel_weights)
        wanted = wanted / 2**level
        weights = weights * (wanted.abs().amax(dim=1) <= FARTHEST)
        ours, theirs = first[level - 1].float(), second[level - 1].float()
        costs = correlation(ours, theirs, REACH) / TEMPERATURE
        entropy = -(displacement_weights(wanted) * costs.log_softmax(dim=1)).sum(dim=1)
        total = total + (entropy * weights).sum() / weights.sum().clamp(min=1.0)
    return total


def displacement_weights(flow: Tensor) -> Tensor:
    """Divide 1 among the displacements of a cost volume, bilinearly.

    Parameters
    ----------
    flow
        Flow ``(B, 2, h, w)`` in pixels of the level.

    Returns
    -------
    Tensor
        Weights ``(B, 81, h, w)`` with dy as outer and dx as inner index, like
        `correlation`.
    """
    steps = torch.arange(-REACH, REACH + 1, device=flow.device, dtype=flow.dtype)
    x, y = (
        (1 - (part[..., None] - steps).abs()).clamp(min=0) for part in flow.unbind(1)
    )
    return (y[..., :, None] * x[..., None, :]).flatten(-2).movedim(-1, 1)
