"""Predict with fewer passes over memory than the network that is trained.

The convolutions of a U-Net run near the peak of a processor, but a third of the time
of a prediction goes into layers between them. In a trained network, batch norm is a
scale and a shift, which go into the weights of the convolution before it. The last
layer and the head are linear, so one small matrix turns features into scores, and
scores of a smaller size are enlarged instead of features. Results differ from the
network's own by rounding only.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_motionseg.models.class_scores import (
    class_probabilities,
    joined_layers,
    linear_scores,
)
from napari_motionseg.models.unet import SegmentationNet, UNet


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
        features = self.embedding.decoded(self.embedding.before_decoding(frame))
        shown = features[..., : frame.shape[-2], : frame.shape[-1]]
        return linear_scores(shown, self.weight, self.bias)


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
    """Return the convolutions of a block with their batch norms folded into them."""
    layers: list[nn.Module] = []
    for layer in cast("nn.Sequential", block):
        if isinstance(layer, nn.BatchNorm2d):
            before = cast("nn.Conv2d", layers.pop())
            layers.append(fuse_conv_bn_eval(before.eval(), layer.eval()))
        else:
            layers.append(layer)
    return nn.Sequential(*layers)
