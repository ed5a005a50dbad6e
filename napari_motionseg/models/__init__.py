"""Networks and their weights; training is elsewhere."""

from napari_motionseg.models.checkpoints import (
    ModelCard,
    checkpoint_path,
    load_model,
    read_card,
    save_model,
    shipped_weights,
)
from napari_motionseg.models.devices import resolve_device
from napari_motionseg.models.layered_pwcnet import LayeredPWCNet
from napari_motionseg.models.pwcnet import FlowNet, PWCNet
from napari_motionseg.models.pwcnet_weights import load_pwcnet
from napari_motionseg.models.unet import SegmentationNet, UNet, UNetConfig

__all__ = [
    "FlowNet",
    "LayeredPWCNet",
    "ModelCard",
    "PWCNet",
    "SegmentationNet",
    "UNet",
    "UNetConfig",
    "checkpoint_path",
    "load_model",
    "load_pwcnet",
    "read_card",
    "resolve_device",
    "save_model",
    "shipped_weights",
]
