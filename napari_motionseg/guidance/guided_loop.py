"""Play guided motion: a loop in which a frame moves along its flow and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.guidance.points import check_frame
from napari_motionseg.guidance.splatting import Frame, filled, splat
from napari_motionseg.io.movie_writer import write_movie
from napari_motionseg.jobs import Job, Progress

FRAMES, RATE = 30, 15.0
WORD = "SYNTHETIC"
WORD_SHARE = 0.045  # height of the word, as share of the height of the frame
LEAST_WORD_PX = 9


def moved_frames(
    frame: NDArray[Any], flow: NDArray[Any], count: int = FRAMES
) -> Iterator[Frame]:
    """Yield the frames of a loop that moves along the flow and back.

    Parameters
    ----------
    frame
        Frame ``(H, W)`` in [0, 1].
    flow
        Flow ``(2, H, W)`` in px at the farthest point of the motion.
    count
        Number of frames. The first one is the frame itself.

    Yields
    ------
    ndarray
        Frame ``(H, W)`` float32 without holes.

    Raises
    ------
    SettingsError
        If there are fewer than two frames, or frame and flow do not fit together.
    """
    if count < 2:
        raise SettingsError(f"a loop needs at least 2 frames; got {count}")
    values = check_frame(frame)
    for share in _shares(count):
        yield values if share == 0 else filled(*splat(values, share * flow))


def guided_loop_job(
    frame: NDArray[Any], flow: NDArray[Any], count: int = FRAMES
) -> Job[NDArray[np.float32]]:
    """Return the frames ``(count, H, W)`` of `moved_frames`; yield their progress."""
    frames = []
    for moved in moved_frames(frame, flow, count):
        frames.append(moved)
        yield Progress(len(frames), count, "Moving the frame")
    return np.stack(frames)


def write_guided_movie(
    path: str | Path, frames: NDArray[np.float32], frame_rate: float = RATE
) -> None:
    """Write a guided loop as MP4 or GIF that says on every frame that it is synthetic.

    Parameters
    ----------
    path
        Path of the file, which ends in ``.mp4`` or ``.gif``.
    frames
        Frames ``(T, H, W)`` in [0, 1].
    frame_rate
        Frames per second.

    Raises
    ------
    MotionSegError
        If it cannot be written; see `write_movie`.
    """
    write_movie(path, marked_synthetic(frames), frame_rate)


def marked_synthetic(frames: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return frames ``(T, H, W, 3)`` uint8 with the word SYNTHETIC in their corner."""
    from PIL import Image, ImageDraw, ImageFont  # the dock opens without it

    gray = np.round(np.clip(frames, 0, 1) * 255).astype(np.uint8)
    colours = np.repeat(gray[..., None], 3, axis=-1)
    size = max(LEAST_WORD_PX, round(WORD_SHARE * frames.shape[1]))
    font = ImageFont.load_default(size)
    for index, frame in enumerate(colours):
        image = Image.fromarray(frame)
        draw = ImageDraw.Draw(image)
        draw.text((size // 2, size // 3), WORD, "#ffd400", font,
                  stroke_width=max(1, size // 10), stroke_fill="black")  # fmt: skip
        colours[index] = np.asarray(image)
    return colours


def _shares(count: int) -> NDArray[np.float64]:
    """Return how far each frame is along the flow: 0, then 1 halfway, then back."""
    angles = 2 * np.pi * np.arange(count) / count
    shares: NDArray[np.float64] = 0.5 - 0.5 * np.cos(angles)
    return shares
