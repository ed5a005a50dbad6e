"""Read TIFF files as loops: choose the frames and interpret their pixels."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_motionseg.errors import MissingDecoderError, PartialReadWarning, ReadError
from napari_motionseg.io.gray_values import luminance
from napari_motionseg.io.movie_frames import (
    Frame,
    MovieFrames,
    gray,
    require_budget,
    whole_numbers,
)
from napari_motionseg.io.regular_files import open_regular
from napari_motionseg.io.tiff_calibration import read_calibration

Series = Any  # tifffile.TiffPageSeries
FRAME_AXES = {"T": "times", "Z": "slices", "C": "channels"}
IN_A_FRAME = "YXS"
MOST_SAMPLES = 4  # red, green, blue, alpha
UNREADABLE_COLOURS = (
    tifffile.PHOTOMETRIC.SEPARATED, tifffile.PHOTOMETRIC.CIELAB,
    tifffile.PHOTOMETRIC.ICCLAB, tifffile.PHOTOMETRIC.ITULAB,
    tifffile.PHOTOMETRIC.LOGL, tifffile.PHOTOMETRIC.LOGLUV,
)  # fmt: skip
MOST_THUMBNAILS = 3  # so many images of one size may be thumbnails
MOST_CHANNELS = 4  # more channels are taken for frames
LARGEST_TILE_PARTS = 16  # a tile may be larger than its image, up to this ratio


def read_tiff(path: Path, memory_budget: int) -> MovieFrames:
    """Read a TIFF file as a loop.

    If images differ in size, the stack of the largest ones is the loop. Smaller
    versions, thumbnails and single images of another size are left out and noted.

    Parameters
    ----------
    path
        Path of the file. Other files that it names are never opened.
    memory_budget
        Largest number of bytes that all frames may take.

    Raises
    ------
    ReadError
        If the file holds no loop or several loops, or is damaged.
    MissingDecoderError
        If there is no decoder for its compression.
    MemoryBudgetError
        If the frames exceed the budget; none is decoded then.

    Warns
    -----
    PartialReadWarning
        If the file is cut short or images are left out.
    """
    with (
        open_regular(path) as stream,
        quiet_tifffile() as errors,
        # OME files may name further files, which are not opened
        tifffile.TiffFile(stream, name=path.name, _multifile=False) as file,
    ):
        chosen, left_out = choose_series(file.series, path)
        needed = sum(_bytes_of(series, path) for series in chosen)
        require_budget(path, needed, memory_budget)
        parts = [_frames_of(file, series, path) for series in chosen]
        frames = parts[0] if len(parts) == 1 else np.concatenate(parts)
        described = read_calibration(file, _index_of(file, chosen[0]))
        frames, notes = _as_displayed(frames, chosen[0].keyframe, path)
        notes = (*notes, *left_out, *_axis_note(chosen[0]), *described.notes)
    _warn(path, errors, left_out, len(frames))
    frames, converted = whole_numbers(frames, path)
    return MovieFrames(
        np.ascontiguousarray(frames), described.frame_times(len(frames)),
        described.pixel_spacing, described.spacing_basis, (*notes, *converted),
    )  # fmt: skip


def choose_series(
    series: list[Series], path: Path
) -> tuple[list[Series], tuple[str, ...]]:
    """Choose the series of a TIFF file that together form the loop.

    Parameters
    ----------
    series
        All series of the file; a separate image is a series of its own.
    path
        Path of the file, for messages.

    Returns
    -------
    chosen
        Series whose frames have the same size and type, in the order of the file.
    notes
        One sentence if images were left out; else empty.

    Raises
    ------
    ReadError
        If the file holds no image, or several unrelated stacks.
    """
    full = [one for one in series if not one.keyframe.is_reduced] or list(series)
    if not full:
        raise ReadError(f"{path}: contains no image")
    counts: Counter[tuple[Any, ...]] = Counter()
    for one in full:
        counts[_kind(one)] += _count(one)
    stacks = [kind for kind in counts if counts[kind] > MOST_THUMBNAILS]
    best = max(stacks or counts, key=lambda kind: kind[0])
    rivals = [k for k in stacks if k != best and not _are_thumbnails(k, best, counts)]
    if rivals:
        raise ReadError(
            f"{path}: holds {len(rivals) + 1} stacks, of {counts[best]} and "
            f"{counts[rivals[0]]} frames of different size or type; save only the "
            "stack of the loop"
        )
    chosen = [one for one in full if _kind(one) == best]
    if len(chosen) > 1 and all(one.kind == "ome" for one in chosen):
        raise ReadError(
            f"{path}: holds {len(chosen)} OME images; save only the image of the loop"
        )
    others = sum(counts.values()) - counts[best]
    size = " x ".join(str(n) for n in best[1])
    note = f"{others} images of another size than {size} are left out"
    return chosen, (note,) if others else ()


def _kind(series: Series) -> tuple[Any, ...]:
    """Return pixels, axes' sizes and type of a frame, equal within a loop."""
    sizes = zip(series.axes, series.shape, strict=True)
    sides = tuple(n for axis, n in sizes if axis in IN_A_FRAME)
    page = series.keyframe
    return int(np.prod(sides)), sides, str(series.dtype), int(page.photometric)


def _are_thumbnails(
    small: tuple[Any, ...], large: tuple[Any, ...], counts: Counter[tuple[Any, ...]]
) -> bool:
    """Return whether images may be smaller versions of another kind of image."""
    sides = zip(small[1], large[1], strict=False)
    half = all(2 * one <= other for one, other in list(sides)[:2])
    return half and counts[small] <= counts[large]


def _count(series: Series) -> int:
    sizes = zip(series.axes, series.shape, strict=True)
    return int(np.prod([n for axis, n in sizes if axis not in IN_A_FRAME], dtype=int))


def _index_of(file: tifffile.TiffFile, series: Series) -> int:
    return next(i for i, one in enumerate(file.series) if one is series)


def _bytes_of(series: Series, path: Path) -> int:
    """Return the bytes of the decoded pixels; raise an error for oversized tiles."""
    page = series.keyframe
    pixels = int(np.prod(series.shape, dtype=object))
    if page.is_tiled:
        tile = int(page.tilewidth) * int(page.tilelength) * int(page.tiledepth)
        frame = int(page.imagewidth) * int(page.imagelength)
        if tile > LARGEST_TILE_PARTS * max(frame, 2**16):
            raise ReadError(
                f"{path}: damaged TIFF: tiles of {page.tilewidth} x {page.tilelength} "
                f"px in an image of {page.imagewidth} x {page.imagelength} px"
            )
    if series.dtype is None or pixels == 0:
        raise ReadError(f"{path}: damaged TIFF: an image without pixels")
    return pixels * int(series.dtype.itemsize)


def _frames_of(file: tifffile.TiffFile, series: Series, path: Path) -> Frame:
    """Return frames ``(T, H, W)`` or ``(T, H, W, S)`` of one series."""
    _require_one_axis(series, path)
    lost = _lost_frames(file, series)
    if lost is not None:
        return lost
    try:
        array: Frame = series.asarray()
    except ValueError as error:
        if "imagecodecs" in str(error) or "COMPRESSION" in str(error):
            raise _no_decoder(series, path) from error
        return _leading_frames(series, error)
    axes = series.axes
    if "S" in axes:
        array = np.moveaxis(array, axes.index("S"), -1)
    if axes.replace("S", "")[-2:] != "YX":
        raise ReadError(f"{path}: has axes {axes}; rows and columns must come last")
    samples = array.shape[-1:] if "S" in axes else ()
    rows, columns = array.shape[len(axes) - 2 - len(samples) :][:2]
    return array.reshape(-1, rows, columns, *samples)


def _leading_frames(series: Series, error: ValueError) -> Frame:
    """Return the frames before the first unreadable one; each page is a frame."""
    frames = []
    if len(series.pages) == _count(series) and "S" not in series.axes:
        for page in series.pages:
            try:
                frames.append(page.asarray())
            except (ValueError, OSError):
                break
    if not frames:
        raise error
    logging.getLogger("tifffile").error("only %d frames are whole", len(frames))
    return np.stack(frames)


def _lost_frames(file: tifffile.TiffFile, series: Series) -> Frame | None:
    """Return the frames of a truncated ImageJ stack, of which tifffile finds one only.

    ImageJ describes one image and the number of images that follow. If the file is
    truncated, tifffile returns only the first.
    """
    described = (file.imagej_metadata or {}) if file.is_imagej else {}
    claimed, page = described.get("images", 1), series.keyframe
    plain = page.compression == 1 and page.is_contiguous and _count(series) == 1
    if not isinstance(claimed, int) or claimed < 2 or not plain:
        return None
    start, size = page.dataoffsets[0], page.nbytes
    there = min(claimed, (file.filehandle.size - start) // size)
    if there < 2:
        return None
    file.filehandle.seek(start)
    stored = np.dtype(file.byteorder + page.dtype.char)
    raw = file.filehandle.read(there * size)
    array = np.frombuffer(raw, stored).astype(page.dtype)
    return array.reshape(there, *page.shape)


def _require_one_axis(series: Series, path: Path) -> None:
    """Raise `ReadError` if it is not clear which of several axes is time."""
    sizes = {
        axis: n
        for axis, n in zip(series.axes, series.shape, strict=True)
        if axis not in IN_A_FRAME and n > 1
    }
    # tifffile writes a loop with unnamed axes as ImageJ channels
    if len(sizes) > 1 or 1 < sizes.get("C", 1) <= MOST_CHANNELS:
        words = [f"{n} {FRAME_AXES.get(a, f'of axis {a}')}" for a, n in sizes.items()]
        raise ReadError(
            f"{path}: holds {' x '.join(words)}, but a loop has only frames; save one "
            "channel and one slice, or convert channels to frames"
        )


def _axis_note(series: Series) -> tuple[str, ...]:
    sizes = dict(zip(series.axes, series.shape, strict=True))
    taken = [axis for axis in "ZC" if sizes.get(axis, 1) > 1]
    return tuple(f"{sizes[a]} {FRAME_AXES[a]} are taken as frames" for a in taken)


def _as_displayed(
    frames: Frame, page: Any, path: Path
) -> tuple[Frame, tuple[str, ...]]:
    """Return gray values in which dark is low, and sentences about the conversion."""
    photometric = page.photometric
    if photometric in UNREADABLE_COLOURS or (
        frames.ndim == 4 and frames.shape[-1] > MOST_SAMPLES
    ):
        samples = frames.shape[-1] if frames.ndim == 4 else 1
        raise ReadError(
            f"{path}: has {samples} samples per pixel and colours {photometric.name}; "
            "convert it to gray or RGB"
        )
    if photometric == tifffile.PHOTOMETRIC.PALETTE and page.colormap is not None:
        return _looked_up(frames, page), ("palette colours are read as luminance",)
    if frames.ndim == 4:
        coded = photometric == tifffile.PHOTOMETRIC.YCBCR
        stored = coded and page.compression not in (6, 7, 33003, 33005, 34712)
        frames = frames[..., 0] if stored else gray(frames)
        return frames, ("colours are read as luminance",)
    if photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        return _inverted(frames, page), (
            "WhiteIsZero: gray values are inverted, as they are displayed",
        )
    return frames, ()


def _looked_up(frames: Frame, page: Any) -> Frame:
    table = luminance(np.asarray(page.colormap).T // 257, np.dtype(np.uint8))
    looked_up: Frame = table[np.minimum(frames, len(table) - 1)]
    return looked_up


def _inverted(frames: Frame, page: Any) -> Frame:
    """Invert integers within their bits, and floats within their own range."""
    kind = frames.dtype.kind
    if kind == "b" or kind == "i":
        turned: Frame = ~frames
        return turned
    if kind == "f":
        mirrored: Frame = frames.max() + frames.min() - frames
        return mirrored
    tag = page.tags.get("MaxSampleValue")
    told = int(tag.value) if tag is not None and isinstance(tag.value, int) else 0
    highest = 2 ** min(int(page.bitspersample), 8 * frames.dtype.itemsize) - 1
    if told >= int(frames.max()):
        highest = min(told, highest)
    inverted: Frame = frames.dtype.type(highest) - frames
    return inverted


def _no_decoder(series: Series, path: Path) -> MissingDecoderError:
    compression = series.keyframe.compression
    name = getattr(compression, "name", str(compression))
    return MissingDecoderError(
        f"{path}: no decoder for TIFF compression {name}; pip install -U imagecodecs, "
        "or save the file uncompressed or with LZW"
    )


def _warn(path: Path, errors: list[str], left_out: tuple[str, ...], count: int) -> None:
    if errors:
        warnings.warn(
            f"{path}: the TIFF file is damaged or ends too early; {count} frames are "
            f"read ({errors[0]})",
            PartialReadWarning,
            stacklevel=2,
        )
    for note in left_out:
        warnings.warn(f"{path}: {note}", PartialReadWarning, stacklevel=2)


@contextmanager
def quiet_tifffile() -> Iterator[list[str]]:
    """Collect tifffile's error messages; it continues even if a file is truncated."""
    messages: list[str] = []

    class Collector(logging.Handler):
        """Handler that keeps the text of each message."""

        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage()[:200])

    logger, handler = logging.getLogger("tifffile"), Collector(logging.ERROR)
    passed_on = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield messages
    finally:
        logger.removeHandler(handler)
        logger.propagate = passed_on
