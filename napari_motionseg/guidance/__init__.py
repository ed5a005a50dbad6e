"""Answer clicks and arrows: masks of what moves together, and guided motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.guidance.carrying import carried_clicks as carried_clicks
    from napari_motionseg.guidance.flow_of_arrows import GuidedFlow as GuidedFlow
    from napari_motionseg.guidance.flow_of_arrows import disagreement as disagreement
    from napari_motionseg.guidance.flow_of_arrows import guided_flow as guided_flow
    from napari_motionseg.guidance.guided_loop import guided_loop_job as guided_loop_job
    from napari_motionseg.guidance.guided_loop import moved_frames as moved_frames
    from napari_motionseg.guidance.guided_loop import (
        write_guided_movie as write_guided_movie,
    )
    from napari_motionseg.guidance.mask_of_clicks import ClickMask as ClickMask
    from napari_motionseg.guidance.mask_of_clicks import click_mask as click_mask
    from napari_motionseg.guidance.mask_of_clicks import click_scores as click_scores
    from napari_motionseg.guidance.mask_of_clicks import (
        mask_of_scores as mask_of_scores,
    )
    from napari_motionseg.guidance.points import Arrow as Arrow
    from napari_motionseg.guidance.points import Clicks as Clicks
    from napari_motionseg.guidance.propagator import PreparedFrame as PreparedFrame
    from napari_motionseg.guidance.propagator import Propagator as Propagator
    from napari_motionseg.guidance.propagator import load_propagator as load_propagator

_PUBLIC = {
    "carried_clicks": "carrying",
    "ClickMask": "mask_of_clicks",
    "click_mask": "mask_of_clicks",
    "click_scores": "mask_of_clicks",
    "mask_of_scores": "mask_of_clicks",
    "GuidedFlow": "flow_of_arrows",
    "disagreement": "flow_of_arrows",
    "guided_flow": "flow_of_arrows",
    "guided_loop_job": "guided_loop",
    "moved_frames": "guided_loop",
    "write_guided_movie": "guided_loop",
    "Arrow": "points",
    "Clicks": "points",
    "PreparedFrame": "propagator",
    "Propagator": "propagator",
    "load_propagator": "propagator",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
