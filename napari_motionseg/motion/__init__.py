"""Estimate, check and show optical flow."""

from napari_motionseg.motion.colors import color_wheel, flow_to_rgb, full_color_length
from napari_motionseg.motion.estimators import (
    ESTIMATORS,
    estimate_flow,
    estimate_flow_job,
    lazy_flow,
)
from napari_motionseg.motion.flow_cache import FlowCache
from napari_motionseg.motion.flow_export import save_flow
from napari_motionseg.motion.flow_sequence import FlowSequence, FlowSettings, choose_gap
from napari_motionseg.motion.flow_views import VIEWS, ViewOptions
from napari_motionseg.motion.frame_motion import FrameMotion
from napari_motionseg.motion.speed import SpeedScale, mean_speed
from napari_motionseg.motion.warping import forward_backward_error, occlusion, warp

__all__ = [
    "ESTIMATORS",
    "FlowCache",
    "FlowSequence",
    "FlowSettings",
    "FrameMotion",
    "SpeedScale",
    "VIEWS",
    "ViewOptions",
    "choose_gap",
    "color_wheel",
    "estimate_flow",
    "estimate_flow_job",
    "flow_to_rgb",
    "forward_backward_error",
    "full_color_length",
    "lazy_flow",
    "mean_speed",
    "occlusion",
    "save_flow",
    "warp",
]
