"""Compute the loss of a two-layer network: both flows, and the vessel shape.

Each layer is compared with the truth only where it lies, so that neither is influenced
by the other. The mixture is compared everywhere.
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
FULL_SHARE = 0.25  # a layer that fills this share of a coarse pixel has full weight
SHAPE_WEIGHT = 0.5  # weight of the loss of the vessel shape


def layered_flow_loss(
    seen: LayeredFlow, target: Tensor, vessel: Tensor, pixel_weights: Tensor
) -> Tensor:
    """Return the loss of both layers, the vessel shape and the mixture.

    Parameters
    ----------
    seen
        Output of the network for a batch.
    target
        True flow ``(B, 2, H, W)`` of the layer in front, in px.
    vessel
        Vessel mask ``(B, H, W)`` bool.
    pixel_weights
        Weight ``(B, H, W)`` of each pixel in the mixture.

    Returns
    -------
    Tensor
        Scalar: the sum of `layer_loss` over levels and layers, binary cross-entropy and
        Dice of the shape, and the weighted end-point error of the mixture in units of
        20 px.
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
    """Return the mean error of a layer where it lies, in units of 20 px.

    Parameters
    ----------
    flow
        Flow ``(B, 2, h, w)`` of the layer in px of the full picture.
    target
        True flow ``(B, 2, H, W)`` in px.
    where
        Mask ``(B, H, W)``, 1 where the layer is in front, else 0.

    Returns
    -------
    Tensor
        Scalar; 0 if the layer is in front nowhere.
    """
    factor = target.shape[-1] // flow.shape[-1]
    # the offset gives coarse pixels without the layer a finite mean with no weight
    wanted, share = downsample_flow(target, factor, where + 1e-6)
    counts = (share / FULL_SHARE).clamp(max=1) * (share > 1e-3)
    error = torch.linalg.vector_norm(flow.float() - wanted, dim=1) / FLOW_UNIT_PX
    mean: Tensor = (counts * error).sum() / counts.sum().clamp(min=1)
    return mean


def shape_loss(logits: Tensor, where: Tensor) -> Tensor:
    """Return binary cross-entropy plus one minus Dice of shapes ``(B, H, W)``."""
    logits = logits.float()
    entropy = functional.binary_cross_entropy_with_logits(logits, where)
    found = logits.sigmoid()
    both = 2 * (found * where).sum() + 1
    loss: Tensor = entropy + 1 - both / (found.sum() + where.sum() + 1)
    return loss
