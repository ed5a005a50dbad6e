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
from napari_motionseg.models.light_propagation import LightPropagationNet
from napari_motionseg.models.light_propagation_config import LightPropagationConfig
from napari_motionseg.models.propagation_network import (
    ConditionalPropagationNet,
    PropagationConfig,
)
from napari_motionseg.models.pwcnet import PWCNet
from napari_motionseg.models.resnet_dilated import ResNetConfig
from napari_motionseg.models.unet import SegmentationNet, UNet
from napari_motionseg.models.unet_config import UNetConfig


def _unet(**configuration: Any) -> UNet:
    return UNet(UNetConfig(**configuration))


def _segmentation_net(*, classes: int, **configuration: Any) -> SegmentationNet:
    return SegmentationNet(UNetConfig(**configuration), classes)


def _light_propagation(**configuration: Any) -> LightPropagationNet:
    return LightPropagationNet(LightPropagationConfig(**configuration))


def _conditional_propagation(
    *, encoder: Mapping[str, Any], head: Mapping[str, Any]
) -> ConditionalPropagationNet:
    # only a ResNet has an output stride; the other image encoder is a U-Net
    build = ResNetConfig if "output_stride" in encoder else UNetConfig
    return ConditionalPropagationNet(build(**encoder), PropagationConfig(**head))


ARCHITECTURES: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {
        "PWCNet": PWCNet,
        "LayeredPWCNet": LayeredPWCNet,
        "UNet": _unet,
        "SegmentationNet": _segmentation_net,
        "LightPropagationNet": _light_propagation,
        "ConditionalPropagationNet": _conditional_propagation,
    }
)
