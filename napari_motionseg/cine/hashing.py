"""Hash the pixels of loops and frames, to recognize them later."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_motionseg.cine.frame_stack import FrameStack


@dataclass(frozen=True)
class LoopHashes:
    """Hashes that identify a loop in another process or at another time.

    Parameters
    ----------
    content
        SHA-256 of shape, type and pixels of the whole loop, as hexadecimal digits.
    frames
        SHA-256 of each frame; see `hash_frame`.
    """

    content: str
    frames: tuple[bytes, ...]


def hash_frames(frames: FrameStack) -> LoopHashes:
    """Return the hashes of a loop, decoding each frame once."""
    content = hashlib.sha256(repr((frames.shape, frames.dtype.str)).encode())
    each = []
    for frame in frames:
        content.update(np.ascontiguousarray(frame).tobytes())
        each.append(hash_frame(frame))
    return LoopHashes(content.hexdigest(), tuple(each))


def hash_frame(frame: NDArray[Any]) -> bytes:
    """Return the SHA-256 of shape, type and pixels of a frame ``(H, W)``."""
    digest = hashlib.sha256(repr((frame.shape, frame.dtype.str)).encode())
    digest.update(np.ascontiguousarray(frame).tobytes())
    return digest.digest()
