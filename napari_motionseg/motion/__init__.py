"""Estimate, check and show optical flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.motion.colors import color_wheel as color_wheel
    from napari_motionseg.motion.colors import flow_to_rgb as flow_to_rgb
    from napari_motionseg.motion.colors import full_color_length as full_color_length
    from napari_motionseg.motion.estimators import ESTIMATORS as ESTIMATORS
    from napari_motionseg.motion.estimators import estimate_flow as estimate_flow
    from napari_motionseg.motion.estimators import (
        estimate_flow_job as estimate_flow_job,
    )
    from napari_motionseg.motion.estimators import lazy_flow as lazy_flow
    from napari_motionseg.motion.flow_cache import FlowCache as FlowCache
    from napari_motionseg.motion.flow_export import save_flow as save_flow
    from napari_motionseg.motion.flow_sequence import FlowSequence as FlowSequence
    from napari_motionseg.motion.flow_sequence import FlowSettings as FlowSettings
    from napari_motionseg.motion.flow_sequence import choose_gap as choose_gap
    from napari_motionseg.motion.flow_views import VIEWS as VIEWS
    from napari_motionseg.motion.flow_views import ViewOptions as ViewOptions
    from napari_motionseg.motion.frame_motion import FrameMotion as FrameMotion
    from napari_motionseg.motion.speed import SpeedScale as SpeedScale
    from napari_motionseg.motion.speed import mean_speed as mean_speed
    from napari_motionseg.motion.warping import (
        forward_backward_error as forward_backward_error,
    )
    from napari_motionseg.motion.warping import occlusion as occlusion
    from napari_motionseg.motion.warping import warp as warp

_PUBLIC = {
    "color_wheel": "colors",
    "flow_to_rgb": "colors",
    "full_color_length": "colors",
    "ESTIMATORS": "estimators",
    "estimate_flow": "estimators",
    "estimate_flow_job": "estimators",
    "lazy_flow": "estimators",
    "FlowCache": "flow_cache",
    "save_flow": "flow_export",
    "FlowSequence": "flow_sequence",
    "FlowSettings": "flow_sequence",
    "choose_gap": "flow_sequence",
    "VIEWS": "flow_views",
    "ViewOptions": "flow_views",
    "FrameMotion": "frame_motion",
    "SpeedScale": "speed",
    "mean_speed": "speed",
    "forward_backward_error": "warping",
    "occlusion": "warping",
    "warp": "warping",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
