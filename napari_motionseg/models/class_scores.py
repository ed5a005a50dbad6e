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
    return linear_scores(features, layer.weight[:, :, 0, 0], layer.bias)


def linear_scores(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return a linear function ``(B, N, H, W)`` of features ``(B, C, H, W)``.

    Parameters
    ----------
    features
        Features, best with channels last.
    weight, bias
        Weight ``(N, C)``, and bias ``(N,)`` or None.
    """
    pixels = functional.linear(features.permute(0, 2, 3, 1), weight, bias)
    return pixels.permute(0, 3, 1, 2)


def joined_layers(last: nn.Conv2d, head: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Return weight ``(N, C)`` and bias ``(N,)`` of two 1 x 1 convolutions in a row.

    Their product is small, and much less work than both layers at every pixel.
    Gradients reach the weights of both.

    Parameters
    ----------
    last
        First convolution.
    head
        Convolution that follows without an activation between.
    """
    inner, outer = (layer.weight[:, :, 0, 0] for layer in (last, head))
    with torch.autocast(inner.device.type, enabled=False):
        weight, bias = outer @ inner, outer.new_zeros(len(outer))
        if last.bias is not None:
            bias = bias + outer @ last.bias
    return weight, bias if head.bias is None else bias + head.bias


def doubled(layer: nn.ConvTranspose2d, deep: Tensor) -> Tensor:
    """Return what a 2 x 2 transposed convolution of stride 2 returns, by a product.

    Its windows do not overlap, so every pixel becomes four pixels by a matrix.

    Parameters
    ----------
    layer
        Transposed convolution with kernel and stride 2.
    deep
        Features ``(B, C, h, w)``, best with channels last.

    Returns
    -------
    Tensor
        Features ``(B, N, 2h, 2w)`` with channels last.
    """
    batch, _, height, width = deep.shape
    taps = layer.weight.permute(2, 3, 1, 0).flatten(0, 2)
    bias = None if layer.bias is None else layer.bias.repeat(4)
    made = functional.linear(deep.permute(0, 2, 3, 1), taps, bias)
    made = made.view(batch, height, width, 2, 2, -1).permute(0, 1, 3, 2, 4, 5)
    return made.reshape(batch, 2 * height, 2 * width, -1).permute(0, 3, 1, 2)
