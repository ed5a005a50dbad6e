"""Compute the features that enter the last levels of a decoder, once for each window.

Most of the time of a training step goes into layers that few labels hardly change. If
only the last levels are trained, the features that enter them are the same in every
step, and a step computes these levels alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_motionseg.models import SegmentationNet, UNet
from napari_motionseg.models.class_scores import joined_layers, linear_scores
from napari_motionseg.models.folded_unet import folded_embedding
from napari_motionseg.models.octaves import mean_of_octaves


@dataclass(frozen=True)
class DecoderFeatures:
    """The features of pictures that enter the last levels of a decoder.

    Parameters
    ----------
    octaves
        For each size of the pictures, what `UNet.before_decoding` returns.
    sizes
        Rows and columns of the pictures, for each of their sizes.
    """

    octaves: tuple[tuple[Tensor, ...], ...]
    sizes: tuple[tuple[int, int], ...]

    @property
    def bytes(self) -> int:
        """Memory that the features take."""
        return sum(part.nbytes for parts in self.octaves for part in parts)


class FrozenLevels:
    """The layers of a network that are not trained.

    Parameters
    ----------
    embedding
        Network with a decoder, whose layers are copied.
    levels
        Number of levels of the decoder that are trained, from the last one.
    """

    def __init__(self, embedding: UNet, levels: int) -> None:
        self._embedding = folded_embedding(embedding)
        self._levels = levels

    def features(self, images: Tensor) -> DecoderFeatures:
        """Return the features of pictures ``(B, C, H, W)`` in [0, 1].

        The features are on the device of the pictures.
        """
        self._embedding.to(images.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        # plain tensors, because a later step saves them for its gradient
        with torch.no_grad():
            pictures = self._embedding.octaves(images)
            octaves = tuple(
                tuple(self._embedding.before_decoding(picture, self._levels))
                for picture in pictures
            )
        sizes = tuple((p.shape[-2], p.shape[-1]) for p in pictures)
        return DecoderFeatures(octaves, sizes)


def trained_levels(model: SegmentationNet, levels: int) -> list[torch.nn.Module]:
    """Return the modules that are trained: last decoder levels, last layer, and head.

    Parameters
    ----------
    model
        Network with a decoder.
    levels
        Number of levels of the decoder, from the last one.
    """
    up = model.embedding.up
    return [*up[len(up) - levels :], model.embedding.last, model.head]


def logits_of(model: SegmentationNet, features: DecoderFeatures) -> Tensor:
    """Return the logits of a network from the features that enter its last levels.

    Parameters
    ----------
    model
        Network whose last levels are used.
    features
        Features of pictures ``(B, C, H, W)``, from `FrozenLevels.features`.

    Returns
    -------
    Tensor
        Logits ``(B, N, H, W)``, as the whole network returns them.
    """
    embedding = model.embedding
    weight, bias = joined_layers(embedding.last, model.head)
    # scores are linear, so their mean is that of the features
    return mean_of_octaves(
        linear_scores(embedding.decoded(parts)[..., :rows, :columns], weight, bias)
        for parts, (rows, columns) in zip(features.octaves, features.sizes, strict=True)
    )


def joined(windows: list[DecoderFeatures]) -> DecoderFeatures:
    """Return the features of several pictures of one size as a batch."""
    octaves = tuple(
        tuple(torch.cat(parts) for parts in zip(*same, strict=True))
        for same in zip(*(window.octaves for window in windows), strict=True)
    )
    return DecoderFeatures(octaves, windows[0].sizes)
