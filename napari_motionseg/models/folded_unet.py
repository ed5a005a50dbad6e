"""Predict with fewer passes over memory than the network that is trained.

The convolutions of a U-Net run near the peak of a processor, but a third of the time
of a prediction goes into layers between them. In a trained network, batch norm is a
scale and a shift, which go into the weights of the convolution before it. The last
layer and the head are linear, so one small matrix turns features into scores, and
scores of a smaller size are enlarged instead of features. On a CPU, the last level of
the decoder is computed in strips that fit the cache, and its features never exist as a
whole; in float32, wide convolutions are those of `acceleration`. Results differ from
the network's own by rounding only.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_motionseg.models.class_scores import (
    class_probabilities,
    joined_layers,
    linear_scores,
)
from napari_motionseg.models.unet import SegmentationNet, UNet, UpBlock

# values of a strip's features: 64 rows of 512 px with 16 channels, or 2 MiB in float32;
# 128 rows take as long, 16 rows a quarter longer
STRIP_VALUES = 2**19
MARGIN = 2  # rows around a strip that its two convolutions see


class FoldedNet(nn.Module):
    """A segmentation network for prediction alone.

    Parameters
    ----------
    model
        Network with a decoder. It is copied, so that later changes of its weights have
        no effect.

    Attributes
    ----------
    classes
        Number of classes with the background.
    familiarity
        That of the network; see `Familiarity`.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, model: SegmentationNet) -> None:
        super().__init__()
        self.classes = model.classes
        self.familiarity = model.familiarity
        with torch.no_grad():
            weight, bias = joined_layers(model.embedding.last, model.head)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.embedding = folded_embedding(model.embedding)

    def forward(self, frame: Tensor) -> Tensor:
        """Return logits, as `SegmentationNet.forward` does."""
        return self.embedding.mean_over_octaves(frame, self._scores)

    def probabilities(self, frame: Tensor) -> Tensor:
        """Return probabilities, as `SegmentationNet.probabilities` does."""
        return class_probabilities(self(frame))

    def _scores(self, frame: Tensor) -> Tensor:
        deep, skip = self.embedding.before_decoding(frame, levels=1)
        last = cast("UpBlock", self.embedding.up[-1])
        scores = in_strips(last, deep, skip, self._linear)
        return scores[..., : frame.shape[-2], : frame.shape[-1]]

    def _linear(self, features: Tensor) -> Tensor:
        return linear_scores(features, self.weight, self.bias)


def in_strips(
    block: UpBlock, deep: Tensor, skip: Tensor, finish: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return ``finish(block(deep, skip))``, on a CPU computed from strips of rows.

    Parameters
    ----------
    block
        Level of a decoder.
    deep, skip
        Features ``(B, C, h, w)`` of the level below, and encoder features
        ``(B, N, 2h, 2w)``.
    finish
        Function of each pixel's features ``(B, N, rows, 2w)``.
    """
    height, columns = skip.shape[-2:]
    rows = max(2, STRIP_VALUES // (skip.shape[1] * columns) // 2 * 2)
    exact = isinstance(block.up, nn.ConvTranspose2d)
    if skip.device.type != "cpu" or rows >= height or not exact:
        return finish(block(deep, skip))
    parts = []
    for first in range(0, height, rows):
        end = min(first + rows, height)
        above, below = max(0, first - MARGIN), min(height, end + MARGIN)
        features = block(deep[:, :, above // 2 : below // 2], skip[:, :, above:below])
        parts.append(finish(features[:, :, first - above : end - above]))
    return torch.cat(parts, dim=2)


# either predicts; only the second can be trained
Predicting = FoldedNet | SegmentationNet


def folded(model: SegmentationNet) -> Predicting:
    """Return a network that predicts the same faster; itself if there is none.

    Parameters
    ----------
    model
        Segmentation network. Hypercolumns and subclasses, which may compute something
        else, are not folded.
    """
    plain = type(model) is SegmentationNet
    if not plain or model.embedding.config.head != "decoder":
        return model.eval()
    return FoldedNet(model).eval()


def folded_embedding(embedding: UNet) -> UNet:
    """Return a copy of an embedding network for prediction alone.

    Parameters
    ----------
    embedding
        Network with a decoder. The last layer of the copy is as it was.
    """
    copied = copy.deepcopy(embedding).eval().requires_grad_(False)
    for level, block in enumerate(copied.down):
        copied.down[level] = folded_convolutions(block)
    for block in copied.up:
        block.convolutions = folded_convolutions(block.convolutions)
    return copied


def folded_convolutions(block: nn.Module | Tensor) -> nn.Sequential:
    """Return the convolutions of a block with their batch norms folded into them.

    Each is a pair with its activation, which `accelerate` replaces by one layer.
    """
    layers: list[nn.Module] = []
    for layer in cast("nn.Sequential", block):
        if isinstance(layer, nn.BatchNorm2d):
            before = cast("nn.Conv2d", layers.pop())
            layers.append(fuse_conv_bn_eval(before.eval(), layer.eval()))
        elif isinstance(layer, nn.ReLU) and layers:
            layers.append(nn.Sequential(layers.pop(), layer))
        else:
            layers.append(layer)
    return nn.Sequential(*layers)
