"""Write colour frames as a movie: MP4 (H.264) or GIF.

A movie is read back before it gets its final name, because an encoder that runs out of
disk space may end without an error.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_motionseg.errors import SettingsError, WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.ffmpeg_program import ffmpeg_program
from napari_motionseg.io.program_marks import MARK

SLOWEST_FRAME_RATE = 5.0  # frames per second; slower loops are written at this rate
MULTIPLE = 2  # H.264 with 4:2:0 colours needs even sides
CRF = "10"  # constant rate factor of x264, 0 to 51; vessels keep their sharp edges
_WORDS = 300  # most characters of the encoder's message that an error quotes


def movie_rate(frame_rate: float | None) -> float:
    """Return the frame rate to write a loop with; 0 and None count as unknown."""
    return max(frame_rate or 0.0, SLOWEST_FRAME_RATE)


def write_movie(path: str | Path, frames: NDArray[np.uint8], frame_rate: float) -> None:
    """Write colour frames as MP4 (H.264) or GIF.

    Parameters
    ----------
    path
        Path of the file, which ends in ``.mp4`` or ``.gif``.
    frames
        ``(T, H, W, 3)`` uint8. MP4 drops the last row or column if their number is odd.
    frame_rate
        Frames per second.

    Raises
    ------
    SettingsError
        If the suffix is another one, or the array does not hold such frames.
    OccupiedError
        If something at the path must not be replaced.
    WriteError
        If it cannot be written, or the written movie cannot be read back.
    MissingDependencyError
        If it is an MP4 and there is no ffmpeg.
    """
    path, frames = Path(path), np.asarray(frames)
    suffix = path.suffix.lower()
    if suffix not in (".mp4", ".gif"):
        raise SettingsError(f"{path}: a movie must end in .mp4 or .gif")
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise SettingsError(
            f"frames must be (T, H, W, 3) uint8; got {frames.shape} {frames.dtype}"
        )
    if 0 in frames.shape or (suffix == ".mp4" and min(frames.shape[1:3]) < MULTIPLE):
        raise SettingsError(f"frames must hold pixels; got shape {frames.shape}")
    if not frame_rate > 0:
        raise SettingsError(f"frame_rate must be positive; got {frame_rate}")
    with replacing(path) as temporary:
        if suffix == ".gif":
            _write_gif(temporary, frames, frame_rate)
            _require_gif(temporary, path)
        else:
            _write_mp4(temporary, frames, frame_rate, path)
            _require_mp4(temporary, len(frames), path)


def _write_gif(temporary: Path, frames: NDArray[np.uint8], frame_rate: float) -> None:
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(
        temporary, format="GIF", save_all=True, append_images=others,
        duration=1000.0 / frame_rate, loop=0, comment=MARK.encode(),
    )  # fmt: skip


def _write_mp4(
    temporary: Path, frames: NDArray[np.uint8], frame_rate: float, path: Path
) -> None:
    """Pipe the frames through ffmpeg, and raise an error unless it exits with 0."""
    height, width = (side - side % MULTIPLE for side in frames.shape[1:3])
    even = np.ascontiguousarray(frames[:, :height, :width])
    command = [
        ffmpeg_program(), "-y", "-loglevel", "error",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
        "-r", f"{frame_rate:.4f}", "-i", "-", "-an",
        "-vcodec", "libx264", "-pix_fmt", "yuv420p", "-crf", CRF,
        "-metadata", f"comment={MARK}", "-f", "mp4", str(temporary.absolute()),
    ]  # fmt: skip
    code, _, words = _run(command, even.reshape(-1).data)
    if code:
        said = " ".join(words.decode(errors="replace").split())[-_WORDS:]
        raise WriteError(
            f"cannot write {path}: the encoder ffmpeg ended with exit code {code}: "
            f"{said or 'it said nothing'}"
        )


def _run(command: list[str], given: Any) -> tuple[int, bytes, bytes]:
    """Run a program on the given bytes; return its exit code, output and errors."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        output, words = process.communicate(given)
    return process.returncode, output, words


def _require_mp4(temporary: Path, count: int, path: Path) -> None:
    """Decode a movie, and raise an error unless it has the right number of frames."""
    command = [
        ffmpeg_program(), "-loglevel", "error", "-xerror",
        "-i", str(temporary.absolute()), "-f", "framecrc", "-",
    ]  # fmt: skip
    code, output, _ = _run(command, b"")
    if code:
        raise _unreadable(path, "it cannot be decoded")
    # ffmpeg prints comments, and one line for each decoded frame
    found = sum(not line.startswith(b"#") for line in output.splitlines())
    if found != count:
        raise _unreadable(path, f"{found} of {count} frames can be decoded")


def _require_gif(temporary: Path, path: Path) -> None:
    """Decode a GIF. Frames are not counted, because Pillow joins equal ones."""
    try:
        with Image.open(temporary) as image:
            for index in range(getattr(image, "n_frames", 1)):
                image.seek(index)
                image.load()
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise _unreadable(path, "it cannot be decoded") from error


def _unreadable(path: Path, reason: str) -> WriteError:
    return WriteError(
        f"cannot write {path}: the encoder made a damaged movie ({reason}); is the "
        "disk full?"
    )
