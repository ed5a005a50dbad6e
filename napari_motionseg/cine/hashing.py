"""Hashes of pixels: what proves that a loop, or a frame of it, is the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_motionseg.cine.frame_stack import FrameStack


@dataclass(frozen=True)
class Hashes:
    """What a loop is known by, in another process or at another time.

    Parameters
    ----------
    content
        SHA-256 of shape, type and pixels of the whole, in hexadecimal digits.
    frames
        `frame_hash` of each frame.
    """

    content: str
    frames: tuple[bytes, ...]


def hashes_of(frames: FrameStack) -> Hashes:
    """Return the hashes of a loop; each frame is asked for once."""
    content = hashlib.sha256(repr((frames.shape, frames.dtype.str)).encode())
    each = []
    for frame in frames:
        content.update(np.ascontiguousarray(frame).tobytes())
        each.append(frame_hash(frame))
    return Hashes(content.hexdigest(), tuple(each))


def frame_hash(frame: NDArray[Any]) -> bytes:
    """Return the SHA-256 of shape, type and pixels of a frame ``(H, W)``."""
    digest = hashlib.sha256(repr((frame.shape, frame.dtype.str)).encode())
    digest.update(np.ascontiguousarray(frame).tobytes())
    return digest.digest()
