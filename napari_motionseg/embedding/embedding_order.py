"""Choose the frame that is embedded next in the background."""

from __future__ import annotations

from collections.abc import Callable


def outward(t: int, frames: int) -> list[int]:
    """Return all frames of a loop, nearest to `t` first, later before earlier."""
    return sorted(range(frames), key=lambda u: (abs(u - t), -u))


def next_frame(
    t: int,
    frames: int,
    room: int,
    in_memory: Callable[[int], bool],
    on_disk: Callable[[int], bool] | None,
) -> tuple[int, bool] | None:
    """Return the next frame to embed, and whether it should stay in memory.

    Parameters
    ----------
    t
        Index of the displayed frame.
    frames
        Number of frames of the loop.
    room
        Number of embeddings that fit into memory, which are those of the nearest
        frames.
    in_memory, on_disk
        Functions that return whether a frame's embedding is in memory or on the disk;
        None if there is no disk cache.

    Returns
    -------
    tuple or None
        None if all frames are embedded.
    """
    for place, frame in enumerate(outward(t, frames)):
        near = place < max(1, room)
        if in_memory(frame):
            continue
        if near:
            return frame, True
        if on_disk is not None and not on_disk(frame):
            return frame, False
    return None
