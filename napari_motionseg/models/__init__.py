"""Networks and their weights; training is elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.models.checkpoints import load_model as load_model
    from napari_motionseg.models.checkpoints import save_model as save_model
    from napari_motionseg.models.devices import resolve_device as resolve_device
    from napari_motionseg.models.layered_pwcnet import LayeredPWCNet as LayeredPWCNet
    from napari_motionseg.models.model_card import ModelCard as ModelCard
    from napari_motionseg.models.model_card import checkpoint_path as checkpoint_path
    from napari_motionseg.models.model_card import read_card as read_card
    from napari_motionseg.models.model_card import shipped_weights as shipped_weights
    from napari_motionseg.models.pwcnet import FlowNet as FlowNet
    from napari_motionseg.models.pwcnet import PWCNet as PWCNet
    from napari_motionseg.models.pwcnet_weights import load_pwcnet as load_pwcnet
    from napari_motionseg.models.unet import SegmentationNet as SegmentationNet
    from napari_motionseg.models.unet import UNet as UNet
    from napari_motionseg.models.unet_config import UNetConfig as UNetConfig

_PUBLIC = {
    "ModelCard": "model_card",
    "checkpoint_path": "model_card",
    "load_model": "checkpoints",
    "read_card": "model_card",
    "save_model": "checkpoints",
    "shipped_weights": "model_card",
    "resolve_device": "devices",
    "LayeredPWCNet": "layered_pwcnet",
    "FlowNet": "pwcnet",
    "PWCNet": "pwcnet",
    "load_pwcnet": "pwcnet_weights",
    "SegmentationNet": "unet",
    "UNet": "unet",
    "UNetConfig": "unet_config",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
