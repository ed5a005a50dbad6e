"""Decode videos with ffmpeg in a separate process, each frame once at its own time.

ffmpeg runs separately because a damaged video may crash it. Frames arrive through a
pipe as PGM images, which carry their size and depth, so rotated videos need no special
treatment. Times come from the filter ``showinfo``. `imageio` would resample a video to
a constant rate, which duplicates frames of recordings with a pause.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import (
    MissingDecoderError,
    MissingDependencyError,
    PartialReadWarning,
    ReadError,
)
from napari_motionseg.io.ffmpeg_program import ffmpeg_program, ffmpeg_version
from napari_motionseg.io.movie_frames import Frame, MovieFrames, require_budget
from napari_motionseg.io.regular_files import open_regular

# playlists and scripts are excluded: they make ffmpeg open other files and addresses
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,mpegts,mpeg,asf,flv,mxf"
LEAST_PIXELS = 2**20  # smallest limit on the pixels of a frame that ffmpeg is given
LONGEST_PIXEL = 5  # sides of a pixel that differ more are damage
STALLED_S = 60.0  # seconds without a frame after which ffmpeg is ended
MISSING_END = 0.05  # share of the duration that may be missing; containers round it
_FPS_MODE_SINCE = (5, 1)
_TIME = re.compile(r"\[Parsed_showinfo.* n: *\d+ pts: *(-?\d+|NOPTS) ")
_BASE = re.compile(r"\[Parsed_showinfo.* config in time_base: (\d+)/(\d+)")
_DURATION = re.compile(
    r" Duration: (\d+):(\d+):(\d+(?:\.\d+)?)(?:, start: (\d+\.\d+))?"
)
_VIDEO_STREAM = re.compile(r"Stream #0:\d+.*: Video: (?!.*\(attached pic\))")
_ASPECT = re.compile(r"\[Parsed_showinfo.* sar:(\d+)/(\d+) ")
_NO_VIDEO = "matches no streams"  # ffmpeg's words for a file with sound only
_TROUBLE = re.compile(
    r"\[(?:error|fatal|panic)\]|partial file|prematurely|corrupt|truncated"
)


def read_video(path: Path, memory_budget: int) -> MovieFrames:
    """Read every coded frame of a video as luminance, with its presentation time.

    Parameters
    ----------
    path
        Path of a video file.
    memory_budget
        Largest number of bytes that all frames may take.

    Raises
    ------
    ReadError
        If no frame can be decoded, or frames differ in size.
    MemoryBudgetError
        If the frames exceed the budget.
    MissingDecoderError
        If there is no ffmpeg.

    Warns
    -----
    PartialReadWarning
        If the file is damaged or ends too early.
    """
    open_regular(path).close()
    try:
        ffmpeg_program()
    except MissingDependencyError as error:
        raise MissingDecoderError(f"{path}: {error}") from error
    with tempfile.TemporaryFile() as log:
        try:
            frames = _decoded(path, memory_budget, log)
        except ReadError as error:
            raise type(error)(_with_reason(str(error), _text(log))) from error
        text = _text(log)
    if not frames:
        raise ReadError(_with_reason(f"{path}: no frame can be decoded", text))
    times = _times(text, len(frames))
    _warn_of_damage(path, text, len(frames), times)
    untimed = times is None and len(frames) > 1
    notes = ("the video has no rising time stamps",) if untimed else ()
    aspect = _pixel_aspect(text)
    return MovieFrames(np.stack(frames), times, notes=notes, pixel_aspect=aspect)


def _pixel_aspect(text: str) -> float | None:
    """Return the height of a pixel divided by its width; None if it is not told."""
    found = _ASPECT.search(text)
    wide, high = (int(found[1]), int(found[2])) if found else (0, 0)
    plausible = 0 < wide <= LONGEST_PIXEL * high and high <= LONGEST_PIXEL * wide
    return high / wide if plausible else None


def _decoded(path: Path, memory_budget: int, log: IO[bytes]) -> list[Frame]:
    frames: list[Frame] = []
    used = 0
    with _running(_command(path, memory_budget), log) as (stream, tick):
        while (header := _header(stream)) is not None:
            width, height, dtype = header
            used += width * height * dtype.itemsize
            require_budget(path, used, memory_budget)
            raw = stream.read(width * height * dtype.itemsize)
            if len(raw) < width * height * dtype.itemsize:
                break
            frame = np.frombuffer(raw, dtype).reshape(height, width)
            if frames and frame.shape != frames[0].shape:
                raise ReadError(
                    f"{path}: the frame size changes from {frames[0].shape} to "
                    f"{frame.shape} at frame {len(frames)}, but a loop has one size"
                )
            frames.append(frame.astype(dtype.newbyteorder("=")))
            tick()
    return frames


def _command(path: Path, memory_budget: int) -> list[str]:
    known = ffmpeg_version()
    new = known is None or known >= _FPS_MODE_SINCE
    once = ["-fps_mode"] if new else ["-vsync"]
    return [
        ffmpeg_program(), "-hide_banner", "-nostdin",
        "-loglevel", "level+info", "-nostats",
        "-protocol_whitelist", "file,pipe", "-format_whitelist", CONTAINERS,
        "-max_pixels", str(min(max(memory_budget, LEAST_PIXELS), 2**31 - 1)),
        "-i", f"file:{path.absolute()}", "-map", "0:v:0", "-an", "-sn", "-dn",
        *once, "passthrough",
        "-vf", "showinfo=checksum=0,format=pix_fmts=gray|gray16be",
        "-c:v", "pgm", "-f", "image2pipe", "pipe:1",
    ]  # fmt: skip


@contextmanager
def _running(command: list[str], log: IO[bytes]) -> Iterator[tuple[IO[bytes], Any]]:
    """Run ffmpeg; yield its output and a function to call after each frame.

    ffmpeg is ended when the block is left, or if no frame arrives for a minute.
    """
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
    ) as process:
        moved, done = threading.Event(), threading.Event()

        def watch() -> None:
            """End ffmpeg if no frame has arrived since the last check."""
            while not done.wait(STALLED_S):
                if not moved.is_set():
                    process.kill()
                moved.clear()

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was requested above
            yield process.stdout, moved.set
        finally:
            done.set()
            if process.poll() is None and not _ends_by_itself(process):
                process.kill()
            watching.join()


def _ends_by_itself(process: subprocess.Popen[bytes]) -> bool:
    """Return whether ffmpeg ends within seconds after its output was read."""
    if process.stdout is not None and process.stdout.peek(1):  # type: ignore[attr-defined]
        return False
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        return False
    return True


def _header(stream: IO[bytes]) -> tuple[int, int, np.dtype[Any]] | None:
    """Return width, height and type of the next PGM image; None at the end."""
    words = [stream.readline(64) for _ in range(3)]
    try:
        width, height = (int(n) for n in words[1].split())
        most = int(words[2])
    except ValueError:
        return None
    return width, height, np.dtype(">u2" if most > 255 else "u1")


def _text(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode("utf-8", "replace")


def _times(text: str, count: int) -> NDArray[np.float64] | None:
    """Return the time of each frame in milliseconds from ffmpeg's log, or None."""
    base, stamps = _BASE.search(text), _TIME.findall(text)[:count]
    if base is None or len(stamps) < count or "NOPTS" in stamps or int(base[2]) == 0:
        return None
    step = 1000.0 * int(base[1]) / int(base[2])
    times = (np.asarray(stamps, np.float64) - float(stamps[0])) * step
    rising = count > 1 and bool((np.diff(times) > 0).all())
    return times if rising else None


def _troubles(text: str) -> list[str]:
    lines = (line for line in text.splitlines() if _TROUBLE.search(line))
    return [re.sub(r"^(\[[^]]*\] *)+", "", line)[:200] for line in lines]


def _with_reason(message: str, text: str) -> str:
    if _NO_VIDEO in text:
        return f"{message}: the file holds no video, perhaps only sound"
    troubles = _troubles(text)
    return f"{message} ({troubles[0]})" if troubles else message


def _warn_of_damage(
    path: Path, text: str, count: int, times: NDArray[np.float64] | None
) -> None:
    troubles = _troubles(text)
    promised = _DURATION.search(text)
    if not troubles and promised and times is not None and "Audio:" not in text:
        hours, minutes, seconds, start = (float(p or 0) for p in promised.groups())
        duration = 1000 * (3600 * hours + 60 * minutes + seconds)
        last = float(times[-1]) + float(np.diff(times).max())
        if last + 1000 * start < duration * (1 - MISSING_END):
            troubles = [f"{last / 1000:.2f} of {duration / 1000:.2f} s could be read"]
    found = []
    if troubles:
        found.append(
            f"the video is damaged or ends too early; {count} frames are read "
            f"({troubles[0]})"
        )
    streams = len(_VIDEO_STREAM.findall(text.split("Output #0")[0]))
    if streams > 1:
        found.append(f"holds {streams} videos; only the first is read")
    for words in found:
        warnings.warn(f"{path}: {words}", PartialReadWarning, stacklevel=3)
