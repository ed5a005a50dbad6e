"""Give a segmentation network classes that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from napari_motionseg.models.unet import SegmentationNet

RARE = -4.0  # initial score of a new class, so that it never wins before it is learnt
RARE_WEIGHT = 0.1  # factor on the weights of a new class, so that its score stays low


def with_classes(model: SegmentationNet, classes: int) -> SegmentationNet:
    """Return a network with more classes; the first ones are as before.

    Parameters
    ----------
    model
        Network with fewer classes; its embedding is shared.
    classes
        Number of classes with the background. New ones are unlikely everywhere until
        they are learnt; their weights are drawn from torch's generator.
    """
    grown = SegmentationNet(model.embedding.config, classes)
    grown.embedding = model.embedding
    weight, bias = model.head.weight, model.head.bias
    with torch.no_grad():
        if grown.head.bias is not None:
            grown.head.bias.fill_(RARE)
        grown.head.weight.mul_(RARE_WEIGHT)
        if model.classes == 2:  # the softmax of (0, z) is the sigmoid of z
            weight = torch.cat([torch.zeros_like(weight), weight])
            bias = None if bias is None else torch.cat([torch.zeros_like(bias), bias])
        grown.head.weight[: len(weight)] = weight
        if bias is not None and grown.head.bias is not None:
            grown.head.bias[: len(bias)] = bias
    return grown


def reset_classes(model: SegmentationNet, numbers: Iterable[int]) -> None:
    """Make classes of a network rare and untrained again, in place.

    Parameters
    ----------
    model
        Network of more than two classes.
    numbers
        Numbers of the classes; their weights are drawn from torch's generator.
    """
    fresh = nn.Conv2d(model.head.in_channels, model.classes, 1)
    with torch.no_grad():
        for number in numbers:
            model.head.weight[number] = RARE_WEIGHT * fresh.weight[number]
            if model.head.bias is not None:
                model.head.bias[number] = RARE
