"""Bring the features of a pretrained embedding to one scale before fine-tuning.

Objectives that compare directions leave the lengths of the vectors free, so the
channels of an embedding may have any mean and deviation. A new last layer then starts
on features that its learning rate does not fit, and may learn nothing. The last layer
of the embedding is therefore rescaled so that each channel has mean 0 and deviation 1
over a few frames. Labels are not used, and the function that the embedding can express
stays the same.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from napari_motionseg.cine import Cine
from napari_motionseg.models import UNet
from napari_motionseg.models.working_size import to_working_size

# a channel that varies less than this share of the others has only rounding errors
LEAST_DEVIATION = 1e-4


@torch.no_grad()
def whiten_features(embedding: UNet, pictures: Sequence[Tensor]) -> None:
    """Rescale the last layer so that each channel has mean 0 and deviation 1, in place.

    Parameters
    ----------
    embedding
        Network whose last layer is changed.
    pictures
        Pictures ``(1, C, H, W)`` in [0, 1] that may differ in size; without any,
        nothing is changed. Batch norm uses the statistics of each picture, as
        fine-tuning will.
    """
    if not pictures:
        return
    device = next(embedding.parameters()).device
    seen = copy.deepcopy(embedding).train()
    count, total, square = 0, torch.zeros(()), torch.zeros(())
    for picture in pictures:
        working = to_working_size(picture.to(device), seen.config)
        found = seen(working)[0].double().flatten(1).cpu()
        count += found.shape[1]
        total = total + found.sum(dim=1)
        square = square + found.square().sum(dim=1)
    mean = total / count
    deviation = (square / count - mean.square()).clamp(min=0).sqrt()
    _rescale(_last_layer(embedding), mean.to(device), deviation.to(device))


def frames_between(cines: Sequence[Cine], count: int) -> list[Tensor]:
    """Return frames ``(1, 1, H, W)`` in [0, 1], evenly spread over all loops.

    Parameters
    ----------
    cines
        Loops. Only the returned frames are decoded; damaged ones are left out.
    count
        Largest number of frames.
    """
    every = [(cine, t) for cine in dict.fromkeys(cines) for t in range(len(cine))]
    count = min(count, len(every))
    places = ((2 * k + 1) * len(every) // (2 * count) for k in range(count))
    chosen = (every[place] for place in places)
    return [
        torch.from_numpy(cine.normalized(t))[None, None]
        for cine, t in chosen
        if cine.frames.usable(t)
    ]


def _last_layer(embedding: UNet) -> nn.Conv1d | nn.Conv2d:
    """Return the linear layer that gives the embedding."""
    if embedding.config.head == "hypercolumn":
        return embedding.hypercolumn.last
    return embedding.last


def _rescale(layer: nn.Conv1d | nn.Conv2d, mean: Tensor, deviation: Tensor) -> None:
    """Change a layer so that its output x becomes (x - mean) / deviation, in place."""
    least = LEAST_DEVIATION * deviation.max().clamp(min=torch.finfo(torch.float32).tiny)
    scale = (1 / deviation.clamp(min=least)).to(layer.weight.dtype)
    layer.weight.mul_(scale.view(-1, *[1] * (layer.weight.ndim - 1)))
    if layer.bias is not None:
        layer.bias.sub_(mean.to(layer.bias.dtype)).mul_(scale)
