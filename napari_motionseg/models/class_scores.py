"""Turn features into class scores, and scores into probabilities."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def class_probabilities(logits: Tensor) -> Tensor:
    """Return probabilities ``(B, classes, H, W)`` float32 of logits.

    Parameters
    ----------
    logits
        Logits ``(B, N, H, W)``: one channel for two classes, else one for each class.
    """
    logits = logits.float()
    if logits.shape[1] > 1:
        return logits.softmax(dim=1)
    foreground = logits.sigmoid()
    return torch.cat((1 - foreground, foreground), dim=1)


def pointwise(layer: nn.Conv2d, features: Tensor) -> Tensor:
    """Return what a 1 x 1 convolution returns, computed as a product of matrices.

    On one thread, torch computes 1 x 1 convolutions many times more slowly.

    Parameters
    ----------
    layer
        Convolution with a kernel of 1 x 1.
    features
        Features ``(B, C, H, W)``, best with channels last.
    """
    weight = layer.weight[:, :, 0, 0]
    pixels = functional.linear(features.permute(0, 2, 3, 1), weight, layer.bias)
    return pixels.permute(0, 3, 1, 2)
