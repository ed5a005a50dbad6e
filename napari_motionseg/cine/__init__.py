"""A cine loop: its frames, timing and geometry, and views of it."""

from __future__ import annotations

from napari_motionseg.cine.acquisition import Subtraction, View
from napari_motionseg.cine.cine import Cine
from napari_motionseg.cine.frame_stack import (
    FRAME_CACHE_BYTES,
    SHARED_FRAME_CACHE,
    Frame,
    FrameCache,
    FrameStack,
)

__all__ = [
    "FRAME_CACHE_BYTES",
    "SHARED_FRAME_CACHE",
    "Cine",
    "Frame",
    "FrameCache",
    "FrameStack",
    "Subtraction",
    "View",
]
