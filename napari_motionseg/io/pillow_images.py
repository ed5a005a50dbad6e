"""Read still images and GIF with Pillow, and check them before decoding."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from napari_motionseg.errors import MemoryBudgetError, PartialReadWarning, ReadError
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.movie_frames import Frame, MovieFrames, gray, require_budget
from napari_motionseg.io.png16 import read_deep_colours
from napari_motionseg.io.regular_files import open_regular

LARGEST_SAMPLE = 8  # bytes of a pixel in any supported mode
COLOURS = "colours are read as luminance"
GRAY = ("1", "L", "LA")
DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
PADDING = 4096  # bytes: some programs pad a GIF with zeros at its end
SHOWN_ANYHOW_MS = 10.0  # browsers show frames of this duration or less for 100 ms


@contextmanager
def open_image(
    path: Path, formats: tuple[str, ...], memory_budget: int
) -> Iterator[Image.Image]:
    """Open an image file without decoding its pixels.

    Parameters
    ----------
    path
        Path of the file.
    formats
        Allowed formats, named as Pillow names them.
    memory_budget
        Largest number of bytes that one decoded frame may take.

    Raises
    ------
    ReadError
        If the file is damaged or of another format; also raised inside the ``with``
        block.
    MemoryBudgetError
        If its header promises more than the budget.
    """
    with (
        damage_named(path, "image"),
        open_regular(path) as stream,
        warnings.catch_warnings(),
    ):
        # Pillow warns about sizes that the budget allows, and about metadata
        warnings.simplefilter("ignore")
        try:
            image = Image.open(stream, formats=formats)
        except Image.DecompressionBombError as error:
            raise MemoryBudgetError(
                f"{path}: the image is too large: {error}"
            ) from error
        except UnidentifiedImageError as error:
            raise ReadError(
                f"{path}: damaged or unreadable image (not {' or '.join(formats)})"
            ) from error
        with image:
            require_budget(
                path, image.width * image.height * LARGEST_SAMPLE, memory_budget
            )
            yield image


@dataclass(frozen=True, eq=False)
class Still:
    """A decoded image.

    Parameters
    ----------
    gray
        ``(H, W)`` gray values as bool, as uint8, or with 16 or 32 bits.
    notes
        Sentences about what was converted or left out.
    """

    gray: Frame
    notes: tuple[str, ...] = ()


def read_still(path: Path, formats: tuple[str, ...], memory_budget: int) -> Still:
    """Read an image as gray values ``(H, W)``, turned by its EXIF orientation.

    Parameters
    ----------
    path
        Path of the file.
    formats
        Allowed formats, named as Pillow names them.
    memory_budget
        Largest number of bytes that the decoded image may take.

    Raises
    ------
    ReadError
        If the file is damaged, or holds several pictures.
    """
    with open_image(path, formats, memory_budget) as image:
        pictures = getattr(image, "n_frames", 1)
        if pictures > 1:
            raise ReadError(
                f"{path}: holds {pictures} pictures, but an image of a folder is one "
                "frame; save each picture as a file"
            )
        notes = (COLOURS,) if image.mode not in (*GRAY, *DEEP) else ()
        if is_deep_colour(image):
            deep = read_deep_colours(path, memory_budget=memory_budget)
            return Still(gray(deep), notes)
        return Still(_gray_of(ImageOps.exif_transpose(image)), notes)


def is_deep_colour(image: Image.Image) -> bool:
    """Return whether Pillow would reduce the channels of a PNG from 16 to 8 bits.

    Parameters
    ----------
    image
        Image whose pixels have not been decoded yet. Interlaced images do not count:
        only Pillow can read them.
    """
    reduced = image.format == "PNG" and png_raw_mode(image).endswith(";16B")
    several = image.mode in ("LA", "RGB", "RGBA")
    return reduced and several and not image.info.get("interlace")


def png_raw_mode(image: Image.Image) -> str:
    """Return Pillow's name of the stored pixels, such as ``L;4`` for gray of 4 bits.

    Parameters
    ----------
    image
        Image whose pixels have not been decoded yet.
    """
    parts: Any = getattr(image, "tile", ())
    return str(parts[0][3]) if parts else ""


def read_gif(path: Path, memory_budget: int) -> MovieFrames:
    """Read a GIF as luminance; the time of a frame is the sum of earlier durations.

    Parameters
    ----------
    path
        Path of the file.
    memory_budget
        Largest number of bytes that all frames may take.

    Warns
    -----
    PartialReadWarning
        If the file is cut short; the frames before the cut are read.
    """
    frames: list[Frame] = []
    durations: list[float] = []
    with open_image(path, ("GIF",), memory_budget) as image:
        size, ended, damaged = image.width * image.height, False, False
        while not ended:
            try:
                image.seek(len(frames))
                frame = _gray_of(image)
            except EOFError:  # raised at the end and also where the file is cut
                ended = True
            except (OSError, SyntaxError, ValueError, IndexError):
                if not frames:
                    raise
                damaged = ended = True
            else:
                frames.append(frame)
                durations.append(float(image.info.get("duration", 0)))
                require_budget(path, size * len(frames), memory_budget)
    if not frames:
        raise ReadError(f"{path}: contains no frame")
    if damaged or not _has_end(path):
        warnings.warn(
            f"{path}: the GIF is damaged or ends too early; {len(frames)} frames are "
            "read",
            PartialReadWarning,
            stacklevel=2,
        )
    times, notes = gif_times(durations)
    return MovieFrames(np.stack(frames), times, notes=notes)


def gif_times(
    durations: Sequence[float],
) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """Return the start times of the frames of a GIF, and notes about them.

    Parameters
    ----------
    durations
        Display duration of each frame in milliseconds.

    Returns
    -------
    times
        ``(T,)`` milliseconds; None if a frame other than the last has duration 0.
        Browsers show it for 100 ms, but the file does not tell that.
    notes
        One sentence if durations are 0 or 10 ms; else empty.
    """
    shown = np.asarray(durations[:-1], np.float64)
    if not shown.size:
        return None, ()
    if (shown <= 0).any():
        return None, ("the GIF gives frames no duration; times are unknown",)
    notes: tuple[str, ...] = ()
    if (shown <= SHOWN_ANYHOW_MS).any():
        notes = ("the GIF gives frames 10 ms; browsers show them for 100 ms",)
    return np.concatenate([[0.0], np.cumsum(shown)]), notes


def _gray_of(image: Image.Image) -> Frame:
    if image.mode in ("1", "L", *DEEP):
        array = np.asarray(image)
        return array.astype(array.dtype.newbyteorder("="))
    if image.mode == "LA":
        return np.asarray(image)[..., 0]
    return gray(np.asarray(image.convert("RGB")))


def _has_end(path: Path) -> bool:
    """Return whether a GIF ends with its trailer, which may be padded with zeros."""
    with open_regular(path) as stream:
        stream.seek(-min(PADDING, path.stat().st_size), os.SEEK_END)
        return stream.read().rstrip(b"\0").endswith(b";")
