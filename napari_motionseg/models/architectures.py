"""List the networks that a checkpoint can name, with the functions that build them.

Networks know nothing of files: a checkpoint finds its network here, by the name of its
architecture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from torch import nn

from napari_motionseg.models.layered_pwcnet import LayeredPWCNet
from napari_motionseg.models.pwcnet import PWCNet
from napari_motionseg.models.unet import SegmentationNet, UNet
from napari_motionseg.models.unet_config import UNetConfig


def _unet(**configuration: Any) -> UNet:
    return UNet(UNetConfig(**configuration))


def _segmentation_net(*, classes: int, **configuration: Any) -> SegmentationNet:
    return SegmentationNet(UNetConfig(**configuration), classes)


ARCHITECTURES: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {
        "PWCNet": PWCNet,
        "LayeredPWCNet": LayeredPWCNet,
        "UNet": _unet,
        "SegmentationNet": _segmentation_net,
    }
)
