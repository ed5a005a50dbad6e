"""Let a propagation network begin with what a segmentation network has learnt."""

from __future__ import annotations

import dataclasses
from typing import cast

import torch
from torch import Tensor

from napari_motionseg.models.class_scores import joined_layers
from napari_motionseg.models.light_propagation import LightPropagationNet
from napari_motionseg.models.light_propagation_config import LightPropagationConfig
from napari_motionseg.models.unet import SegmentationNet


@torch.no_grad()
def propagation_from_masks(network: SegmentationNet) -> LightPropagationNet:
    """Return a light propagation network with the encoder of another network.

    It also takes the logit of being vessel, so that it follows vessels from the first
    step on. The rest of its weights is drawn from torch's generator.

    Parameters
    ----------
    network
        Segmentation network of background, vessel and possibly more.
    """
    # one pass of the encoder has no use for a mean over sizes, and frames come to it at
    # the size that suits the propagation
    shape = dataclasses.replace(
        network.embedding.config, octaves=1, least_side=0, largest_side=0
    )
    model = LightPropagationNet(LightPropagationConfig(encoder=shape))
    model.encoder.load_state_dict(network.embedding.state_dict())
    weight, bias = joined_layers(network.embedding.last, network.head)
    if len(weight) > 1:  # one logit for each class, background first
        weight, bias = weight[1:2] - weight[:1], bias[1:2] - bias[:1]
    model.to_vessel.weight.copy_(weight[:, :, None, None])
    cast("Tensor", model.to_vessel.bias).copy_(bias)
    return model
