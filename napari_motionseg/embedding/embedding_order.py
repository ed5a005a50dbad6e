"""Which frame is embedded next in the background."""

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
    """Return the next frame to embed, and whether it is to stay in memory.

    Parameters
    ----------
    t
        The frame that is shown.
    frames
        How many the loop has.
    room
        How many fit into memory: the nearest ones.
    in_memory, on_disk
        Where a frame's embedding is; None where there is no disk to keep it.

    Returns
    -------
    tuple or None
        None when all is done.
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
