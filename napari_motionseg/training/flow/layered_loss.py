"""Loss of a network of two layers: the flow of each, and the shape of the vessel.

Each layer is compared with the truth where it lies and nowhere else, so neither is
drawn towards the other; their mixture is compared everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.layered_pwcnet import LayeredFlow
from napari_motionseg.models.pwcnet import FLOW_UNIT_PX
from napari_motionseg.training.flow.flow_loss import downsample_flow

LEVEL_WEIGHTS: Mapping[int, float] = MappingProxyType(
    {6: 0.25, 5: 0.5, 4: 1.0, 3: 1.0, 2: 1.0}
)
FULL_SHARE = 0.25  # of a coarse pixel: a layer that fills so much counts whole
SHAPE_WEIGHT = 0.5


def layered_flow_loss(
    seen: LayeredFlow, target: Tensor, vessel: Tensor, pixel_weights: Tensor
) -> Tensor:
    """Return the loss of both layers, the vessel's shape and the mixture.

    Parameters
    ----------
    seen
        What the network says of a batch.
    target
        ``(B, 2, H, W)`` px, the flow of what lies in front.
    vessel
        ``(B, H, W)`` bool.
    pixel_weights
        ``(B, H, W)``: how much a pixel of the mixture counts.

    Returns
    -------
    Tensor
        Scalar: `layer_loss` of each level and layer, binary cross-entropy and Dice of
        the shape, and the mixture's weighted end-point error in units of 20 px.
    """
    thin = vessel.float()
    total = target.new_zeros((), dtype=torch.float32)
    for flows in seen.levels:
        level = (target.shape[-1] // flows.shape[-1]).bit_length() - 1
        for layer, where in zip(flows.chunk(2, dim=1), (thin, 1 - thin), strict=True):
            total = total + LEVEL_WEIGHTS[level] * layer_loss(layer, target, where)
    error = torch.linalg.vector_norm(seen.flow() - target.float(), dim=1)
    mixture = (pixel_weights * error).sum() / pixel_weights.sum() / FLOW_UNIT_PX
    loss: Tensor = total + mixture
    return loss + SHAPE_WEIGHT * shape_loss(seen.logits[:, 0], thin)


def layer_loss(flow: Tensor, target: Tensor, where: Tensor) -> Tensor:
    """Return a layer's mean error where it lies, in units of 20 px.

    Parameters
    ----------
    flow
        ``(B, 2, h, w)`` px of the full picture.
    target
        ``(B, 2, H, W)`` px.
    where
        ``(B, H, W)`` 1 where the layer lies in front, else 0.

    Returns
    -------
    Tensor
        Scalar; 0 where the layer is nowhere.
    """
    factor = target.shape[-1] // flow.shape[-1]
    # the offset gives coarse pixels without the layer a finite mean, of no weight
    wanted, share = downsample_flow(target, factor, where + 1e-6)
    counts = (share / FULL_SHARE).clamp(max=1) * (share > 1e-3)
    error = torch.linalg.vector_norm(flow.float() - wanted, dim=1) / FLOW_UNIT_PX
    mean: Tensor = (counts * error).sum() / counts.sum().clamp(min=1)
    return mean


def shape_loss(logits: Tensor, where: Tensor) -> Tensor:
    """Return binary cross-entropy plus one minus Dice, of ``(B, H, W)``."""
    logits = logits.float()
    entropy = functional.binary_cross_entropy_with_logits(logits, where)
    found = logits.sigmoid()
    both = 2 * (found * where).sum() + 1
    loss: Tensor = entropy + 1 - both / (found.sum() + where.sum() + 1)
    return loss
