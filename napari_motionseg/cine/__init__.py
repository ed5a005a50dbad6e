"""A cine loop: its frames, timing and geometry, and views of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.cine.acquisition import Subtraction as Subtraction
    from napari_motionseg.cine.acquisition import View as View
    from napari_motionseg.cine.cine import Cine as Cine
    from napari_motionseg.cine.frame_stack import FRAME_CACHE_BYTES as FRAME_CACHE_BYTES
    from napari_motionseg.cine.frame_stack import (
        SHARED_FRAME_CACHE as SHARED_FRAME_CACHE,
    )
    from napari_motionseg.cine.frame_stack import Frame as Frame
    from napari_motionseg.cine.frame_stack import FrameCache as FrameCache
    from napari_motionseg.cine.frame_stack import FrameStack as FrameStack

_PUBLIC = {
    "Subtraction": "acquisition",
    "View": "acquisition",
    "Cine": "cine",
    "FRAME_CACHE_BYTES": "frame_stack",
    "SHARED_FRAME_CACHE": "frame_stack",
    "Frame": "frame_stack",
    "FrameCache": "frame_stack",
    "FrameStack": "frame_stack",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
