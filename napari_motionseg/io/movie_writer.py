"""Write colour frames as a movie: MP4 (H.264) or GIF."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.io.atomic import replacing

SLOWEST_FRAME_RATE = 5.0  # frames a second; slower loops are written at this rate
MULTIPLE = 2  # H.264 with 4:2:0 colours needs even sides


def movie_rate(frame_rate: float | None) -> float:
    """Return the frames a second to write a loop with; its own may be unknown."""
    return max(frame_rate or 0.0, SLOWEST_FRAME_RATE)


def write_movie(path: str | Path, frames: NDArray[np.uint8], frame_rate: float) -> None:
    """Write colour frames as MP4 (H.264) or GIF.

    Parameters
    ----------
    path
        Ends in ``.mp4`` or ``.gif``.
    frames
        ``(T, H, W, 3)`` uint8. Odd sides lose their last row or column in MP4.
    frame_rate
        Frames a second.

    Raises
    ------
    SettingsError
        If the suffix is another or the array no such frames.
    WriteError
        If it cannot be written.
    """
    path, frames = Path(path), np.asarray(frames)
    suffix = path.suffix.lower()
    if suffix not in (".mp4", ".gif"):
        raise SettingsError(f"{path}: movies are written as .mp4 or .gif")
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise SettingsError(
            f"frames must be (T, H, W, 3) uint8; got {frames.shape} {frames.dtype}"
        )
    if not frame_rate > 0:
        raise SettingsError(f"frame_rate must be positive; got {frame_rate}")
    with replacing(path) as temporary:
        if suffix == ".gif":
            iio.imwrite(temporary, frames, duration=1000.0 / frame_rate, loop=0)
            return
        height, width = (side - side % MULTIPLE for side in frames.shape[1:3])
        iio.imwrite(
            temporary,
            frames[:, :height, :width],
            plugin="FFMPEG",
            fps=frame_rate,
            codec="libx264",
            quality=8,
            macro_block_size=MULTIPLE,
            ffmpeg_log_level="error",
        )
