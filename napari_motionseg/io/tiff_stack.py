"""Read TIFF files as loops: choose the frames and interpret their pixels."""

from __future__ import annotations

import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_motionseg.cine.frame_stack import describe_damage
from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io.gray_values import luminance
from napari_motionseg.io.movie_frames import (
    Frame,
    MovieFrames,
    gray,
    require_budget,
    whole_numbers,
    with_blanks,
)
from napari_motionseg.io.regular_files import open_regular
from napari_motionseg.io.tiff_calibration import read_calibration
from napari_motionseg.io.tiff_frames import (
    IN_A_FRAME,
    DecodedFrames,
    Series,
    decode_series,
    frame_count,
    frames_in_order,
)

FRAME_AXES = {"T": "times", "Z": "slices", "C": "channels"}
POLARITIES = (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK)
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
    versions, thumbnails and single images of another size are left out and noted. A
    damaged frame between others is blank; at the end of a truncated file it is missing.

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
        If the file is cut short, frames are damaged or images are left out.
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
        stack, notes = _displayed_stack(file, chosen, path)
        described = read_calibration(file, _index_of(file, chosen[0]))
        bits = _bits_of(chosen[0].keyframe)
        notes = (*notes, *left_out, *_axis_note(chosen[0]), *described.notes)
    if not len(stack.frames):
        why = f" ({_plain(errors[0])})" if errors else ""
        raise ReadError(f"{path}: damaged TIFF: no frame can be decoded{why}")
    _warn(path, errors, left_out, stack)
    frames, converted = whole_numbers(stack.frames, path)
    frames, damaged = with_blanks(frames, stack.places)
    return MovieFrames(
        np.ascontiguousarray(frames), described.frame_times(len(frames)),
        described.pixel_spacing, described.spacing_basis, (*notes, *converted),
        damaged, None if converted else bits,
    )  # fmt: skip


def _displayed_stack(
    file: tifffile.TiffFile, chosen: list[Series], path: Path
) -> tuple[DecodedFrames, tuple[str, ...]]:
    """Decode the chosen series as gray values, in the order of the file."""
    parts: list[DecodedFrames] = []
    notes: list[str] = []
    for series in chosen:
        _require_one_axis(series, path)
        part = decode_series(file, series, path)
        if len(part.frames):
            frames, found = _as_displayed(part, series, path)
            part = DecodedFrames(frames, part.places, part.count)
            notes += found
        parts.append(part)
    alike = [part for part in parts if len(part.frames)] or parts[:1]
    for i, part in enumerate(parts):
        if not len(part.frames):  # give it the shape and type of the others
            parts[i] = DecodedFrames(alike[0].frames[:0], part.places, part.count)
    return frames_in_order(chosen, parts), tuple(dict.fromkeys(notes))


def _bits_of(page: Any) -> int | None:
    """Return the bits of packed gray values; None for whole bytes and for colours."""
    bits = page.bitspersample
    gray_values = page.photometric in POLARITIES and page.samplesperpixel == 1
    packed = isinstance(bits, int) and 1 < bits < 16 and bits != 8
    return bits if gray_values and packed else None


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
        counts[_kind(one)] += frame_count(one)
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
    note = f"{others} images of another size or type than {size} are left out"
    return chosen, (note,) if others else ()


def _kind(series: Series) -> tuple[Any, ...]:
    """Return pixels, axes' sizes and type of a frame, equal within a loop."""
    sizes = dict(zip(series.axes, series.shape, strict=True))
    sides = tuple(sizes[axis] for axis in IN_A_FRAME if axis in sizes)
    colours = series.keyframe.photometric
    # white may be 0 in some pages of a loop, and the largest value in others
    kind = "gray" if colours in POLARITIES else str(colours)
    return int(np.prod(sides)), sides, str(series.dtype), kind


def _are_thumbnails(
    small: tuple[Any, ...], large: tuple[Any, ...], counts: Counter[tuple[Any, ...]]
) -> bool:
    """Return whether images may be smaller versions of another kind of image."""
    sides = zip(small[1], large[1], strict=False)
    half = all(2 * one <= other for one, other in list(sides)[:2])
    return half and counts[small] <= counts[large]


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
    part: DecodedFrames, series: Series, path: Path
) -> tuple[Frame, tuple[str, ...]]:
    """Return gray values in which dark is low, and sentences about the conversion."""
    frames, page = part.frames, series.keyframe
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
        return _looked_up(part, series), ("palette colours are read as luminance",)
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


def _looked_up(part: DecodedFrames, series: Series) -> Frame:
    """Return the luminance of palette colours; each page may have its own palette."""
    pages = series.pages if len(series.pages) == part.count else ()
    deep = part.frames.dtype.itemsize > 1  # a palette has 16 bits in any case
    gray_type, step = (np.uint16, 1) if deep else (np.uint8, 257)
    shown = []
    for frame, place in zip(part.frames, part.places, strict=True):
        own = getattr(pages[place], "colormap", None) if len(pages) else None
        colours = series.keyframe.colormap if own is None else own
        table = luminance(np.asarray(colours).T // step, np.dtype(gray_type))
        shown.append(table[np.minimum(frame, len(table) - 1)])
    return np.stack(shown)


def _inverted(frames: Frame, page: Any) -> Frame:
    """Invert integers within their bits; floats and wide ones in their own range."""
    kind = frames.dtype.kind
    if kind == "b" or kind == "i":
        turned: Frame = ~frames
        return turned
    if kind == "f" or frames.dtype.itemsize > 2:
        mirrored: Frame = (frames.max() - frames) + frames.min()
        return mirrored
    tag = page.tags.get("MaxSampleValue")
    told = int(tag.value) if tag is not None and isinstance(tag.value, int) else 0
    highest = 2 ** min(int(page.bitspersample), 8 * frames.dtype.itemsize) - 1
    if told >= int(frames.max()):
        highest = min(told, highest)
    inverted: Frame = frames.dtype.type(highest) - frames
    return inverted


def _warn(
    path: Path, errors: list[str], left_out: tuple[str, ...], stack: DecodedFrames
) -> None:
    count, last = len(stack.frames), int(stack.places[-1])
    found = []
    if errors:
        found.append(
            f"the TIFF file is damaged or ends too early; {count} frames are read "
            f"({_plain(errors[0])})"
        )
    if count <= last:
        missing = sorted({*range(last + 1)} - {*stack.places.tolist()})
        found.append(describe_damage(missing, last + 1))
    for note in (*found, *left_out):
        warnings.warn(f"{path}: {note}", PartialReadWarning, stacklevel=3)


def _plain(message: str) -> str:
    """Return a message of tifffile without the name of the object that gave it."""
    return re.sub(r"^<[^>]*>\s*", "", message)


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
