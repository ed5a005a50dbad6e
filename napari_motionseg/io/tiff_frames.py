"""Decode the frames of TIFF series in the order of the file, also of damaged ones."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_motionseg.errors import MissingDecoderError, ReadError
from napari_motionseg.io.damage import DAMAGE
from napari_motionseg.io.movie_frames import Frame

Series = Any  # tifffile.TiffPageSeries
IN_A_FRAME = "YXS"


@dataclass(frozen=True, eq=False)
class DecodedFrames:
    """Frames that could be decoded, and their places among all frames.

    Parameters
    ----------
    frames
        Decoded frames ``(G, H, W)`` or ``(G, H, W, S)``.
    places
        ``(G,)`` index of each decoded frame among all frames.
    count
        Number of all frames, of which some may be damaged.
    """

    frames: Frame
    places: NDArray[np.intp]
    count: int


def frame_count(series: Series) -> int:
    """Return the number of frames of a series."""
    sizes = zip(series.axes, series.shape, strict=True)
    return int(np.prod([n for axis, n in sizes if axis not in IN_A_FRAME], dtype=int))


def frames_in_order(
    series: Sequence[Series], parts: Sequence[DecodedFrames]
) -> DecodedFrames:
    """Join the frames of several series in the order in which the file stores them.

    Pages of one loop belong to several series if they differ in compression or
    polarity, so their series may be interleaved.

    Parameters
    ----------
    series
        Series of one file.
    parts
        Decoded frames of each series.
    """
    if len(parts) == 1:
        return parts[0]
    pages = [_page_indices(one, part) for one, part in zip(series, parts, strict=True)]
    order = np.argsort(np.concatenate(pages), kind="stable")
    rank = np.empty(len(order), np.intp)  # place of each frame in the file
    rank[order] = np.arange(len(order))
    starts = np.cumsum([0, *(part.count for part in parts)])
    held = [
        rank[start + part.places] for start, part in zip(starts, parts, strict=False)
    ]
    places, frames = np.concatenate(held), np.concatenate([p.frames for p in parts])
    by_place = np.argsort(places)
    return DecodedFrames(frames[by_place], places[by_place], len(order))


def _page_indices(series: Series, part: DecodedFrames) -> NDArray[np.intp]:
    """Return the index of the page of each frame of a series."""
    if len(series.pages) == part.count:
        found = [getattr(page, "index", None) for page in series.pages]
        if all(isinstance(index, int) for index in found):
            return np.asarray(found, np.intp)
    first = series.keyframe.index
    return np.full(part.count, first if isinstance(first, int) else first[0], np.intp)


def decode_series(file: tifffile.TiffFile, series: Series, path: Path) -> DecodedFrames:
    """Decode the frames of one series; damaged ones are left out.

    Parameters
    ----------
    file
        The open file.
    series
        One of its series, whose last axes are rows and columns.
    path
        Path of the file, for messages.

    Raises
    ------
    ReadError
        If rows and columns are not the last axes.
    MissingDecoderError
        If there is no decoder for its compression.
    """
    whole = _contiguous_frames(file, series)
    if whole is not None:
        return whole
    try:
        array = _samples_last(series.asarray(), series.axes, path)
    except DAMAGE as error:
        if isinstance(error, ValueError) and _lacks_decoder(error):
            raise _no_decoder(series, path) from error
        return _sound_pages(series, path)
    return DecodedFrames(array, np.arange(len(array)), len(array))


def _samples_last(array: Frame, axes: str, path: Path) -> Frame:
    """Return pixels as ``(T, H, W)`` or ``(T, H, W, S)``."""
    if "S" in axes:
        array = np.moveaxis(array, axes.index("S"), -1)
    if axes.replace("S", "")[-2:] != "YX":
        raise ReadError(f"{path}: has axes {axes}; rows and columns must come last")
    samples = array.shape[-1:] if "S" in axes else ()
    rows, columns = array.shape[len(axes) - 2 - len(samples) :][:2]
    return array.reshape(-1, rows, columns, *samples)


def _frame_axes(series: Series) -> tuple[str, tuple[int, ...]]:
    """Return the axes of one frame in the order of the file, and their sizes."""
    held = [
        (axis, n)
        for axis, n in zip(series.axes, series.shape, strict=True)
        if axis in IN_A_FRAME
    ]
    return "".join(axis for axis, _ in held), tuple(n for _, n in held)


def _sound_pages(series: Series, path: Path) -> DecodedFrames:
    """Decode page by page, each of which is a frame, and leave out damaged pages."""
    count, (axes, sizes) = frame_count(series), _frame_axes(series)
    frames, places = [], []
    for place, page in enumerate(series.pages if len(series.pages) == count else ()):
        try:
            frame = page.asarray().reshape(sizes)
        except (*DAMAGE, AttributeError):
            continue
        frames.append(_samples_last(frame, axes, path)[0])
        places.append(place)
    kept = np.asarray(places, np.intp)
    if not frames:
        shape = _samples_last(np.zeros(sizes, series.dtype), axes, path).shape[1:]
        return DecodedFrames(np.zeros((0, *shape), series.dtype), kept, count)
    return DecodedFrames(np.stack(frames), kept, count)


def _contiguous_frames(file: tifffile.TiffFile, series: Series) -> DecodedFrames | None:
    """Return the frames of an uncompressed stack that are in a truncated file.

    tifffile reads such a stack at once and fails if it is truncated. ImageJ describes
    one image and the number of images that follow; tifffile then returns only the
    first. The result is None if the stack is not of this kind, or is complete.
    """
    described = (file.imagej_metadata or {}) if file.is_imagej else {}
    held, page = frame_count(series), series.keyframe
    claimed = described.get("images", held) if held == 1 else held
    start = series.dataoffset
    axes, sizes = _frame_axes(series)
    frames_last = series.axes.endswith(axes)
    if not isinstance(claimed, int) or start is None or not frames_last:
        return None
    size = int(np.prod(sizes, dtype=object)) * page.dtype.itemsize
    there = min(claimed, (file.filehandle.size - start) // size)
    if claimed < 2 or there < 1 or (there == claimed == held):
        return None
    file.filehandle.seek(start)
    stored = np.dtype(file.byteorder + page.dtype.char)
    raw = file.filehandle.read(there * size)
    array = np.frombuffer(raw, stored).astype(page.dtype).reshape(there, *sizes)
    frames = _samples_last(array, f"T{axes}", Path(file.filename))
    if there < claimed:
        logging.getLogger("tifffile").error("%d frames are missing", claimed - there)
    return DecodedFrames(frames, np.arange(there), there)


def _lacks_decoder(error: ValueError) -> bool:
    return "imagecodecs" in str(error) or "COMPRESSION" in str(error)


def _no_decoder(series: Series, path: Path) -> MissingDecoderError:
    compression = series.keyframe.compression
    name = getattr(compression, "name", str(compression))
    return MissingDecoderError(
        f"{path}: no decoder for TIFF compression {name}; pip install -U imagecodecs, "
        "or save the file uncompressed or with LZW"
    )
