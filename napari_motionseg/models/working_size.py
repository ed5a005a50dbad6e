"""Bring pictures to the size at which a network sees vessels best.

A picture of 256 px shows the same heart as one of 1024 px, with vessels a quarter as
wide. A network that was trained on vessels of some widths misses thinner ones and calls
wider ones background. `UNetConfig.least_side` and `largest_side` are the range of the
longer side that a network needs; pictures outside it are enlarged or reduced before the
network, and its answers are resized to their pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.resizing import Size, resized, size_of
from napari_motionseg.models.unet_config import UNetConfig

LARGEST_FACTOR = 2.0  # further enlarging shows nothing new


def working_factor(size: Size, config: UNetConfig) -> float:
    """Return the working size divided by the size of a picture; see `working_size`."""
    longer = max(size)
    if longer < config.least_side:
        return min(LARGEST_FACTOR, config.least_side / longer)
    if config.largest_side and longer > config.largest_side:
        return config.largest_side / longer
    return 1.0


def working_size(size: Size, config: UNetConfig) -> Size:
    """Return the height and width at which a network should see a picture.

    Parameters
    ----------
    size
        Height and width of the picture in px.
    config
        Configuration of the network, with the range of the longer side.
    """
    factor = working_factor(size, config)
    if factor == 1:
        return size
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def to_working_size(images: Tensor, config: UNetConfig) -> Tensor:
    """Enlarge or reduce pictures ``(B, C, H, W)`` with gray values in [0, 1].

    Pictures whose size suits the network are returned unchanged.
    """
    before = size_of(images)
    size = working_size(before, config)
    if size == before:
        return images
    if max(size) > max(before):
        found = functional.interpolate(images.float(), size, mode="bicubic")
        return found.clamp(0, 1).to(images.dtype)
    return resized(images.float(), size, averaged=True).to(images.dtype)


def at_working_size(
    network: Callable[[Tensor], Tensor], config: UNetConfig, images: Tensor
) -> Tensor:
    """Return what a network says of pictures, which it sees at its working size.

    Parameters
    ----------
    network
        Function of pictures ``(B, 1, h, w)`` that returns planes ``(B, C, h, w)``.
    config
        Configuration of the network.
    images
        Pictures ``(B, 1, H, W)`` with gray values in [0, 1].

    Returns
    -------
    Tensor
        Planes ``(B, C, H, W)`` float32 in the size of the pictures.
    """
    found = network(to_working_size(images, config))
    return resized(found.float(), size_of(images), averaged=True)


def labels_at(labels: Tensor, size: Size) -> Tensor:
    """Return labels ``(1, H, W)`` of integers at another size; -1 is unlabelled.

    Of labels that fall together, the most frequent one counts, so that a thin stroke is
    not lost in a reduced picture.
    """
    height, width = size
    if size_of(labels) == size:
        return labels
    if height * width > labels[0].numel():
        larger = functional.interpolate(
            labels[None].float(), size, mode="nearest-exact"
        )
        return larger[0].to(labels.dtype)
    classes = torch.arange(int(labels.max()) + 1).view(-1, 1, 1)
    shares = functional.adaptive_avg_pool2d((labels == classes).float(), size)
    found = shares.argmax(dim=0) if len(shares) else labels.new_full(size, -1)
    return torch.where(shares.sum(dim=0) > 0, found, -1)[None].to(labels.dtype)
