"""A cine loop: its frames, timing and geometry, and views of it."""

from __future__ import annotations

from napari_motionseg.cine.acquisition import Subtraction, View
from napari_motionseg.cine.cine import Cine
from napari_motionseg.cine.frame_stack import (
    FRAME_MEMORY_BYTES,
    SHARED_MEMORY,
    Frame,
    FrameMemory,
    FrameStack,
)

__all__ = [
    "FRAME_MEMORY_BYTES",
    "SHARED_MEMORY",
    "Cine",
    "Frame",
    "FrameMemory",
    "FrameStack",
    "Subtraction",
    "View",
]
