"""Correct the format of pixels where the pixel data contradict the header.

Numbers such as Rows or BitsAllocated may be wrong, while a codestream tells its own
size, and the length of uncompressed data fits one format only. What the pixel data tell
is used, with a warning.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Sequence
from typing import NamedTuple

from napari_motionseg.io.codestreams import Codestream
from napari_motionseg.io.pixel_format import MOST_BITS, PixelFormat

# samples of a pixel and bytes of a sample, by number of run-length segments (PS3.5 G)
OF_SEGMENTS = {1: (1, 1), 2: (1, 2), 3: (3, 1), 4: (1, 4), 6: (3, 2)}


class Settled(NamedTuple):
    """A format, and sentences about what was corrected in it.

    Parameters
    ----------
    form
        Format of the stored pixels.
    warnings
        One sentence for each correction.
    """

    form: PixelFormat
    warnings: list[str]


def settle_native(form: PixelFormat, held: int) -> Settled:
    """Return the format that fits the length of uncompressed pixel data.

    Parameters
    ----------
    form
        Format according to the header.
    held
        Number of bytes of the complete pixel data.

    Notes
    -----
    A format is corrected only if the length is wrong for the header's and right for
    exactly the promised frames of another one.
    """
    if _fits(form, held):
        return Settled(form, [])
    for other, words in _alternatives(form):
        if _fits(other, held):
            return Settled(other, [words])
    return Settled(form, [])


def _fits(form: PixelFormat, held: int) -> bool:
    needed = (form.frames or 1) * _frame_bytes(form)
    return needed <= held < needed + 2


def _frame_bytes(form: PixelFormat) -> float:
    samples = 2 if form.chroma_is_halved else form.samples
    columns = form.columns + (form.columns % 2 if form.chroma_is_halved else 0)
    return form.rows * columns * samples * form.bits_allocated / 8


def _alternatives(form: PixelFormat) -> list[tuple[PixelFormat, str]]:
    """Return other formats that a careless writer may have meant, with a sentence."""
    found = []
    gray = form.photometric.startswith("MONOCHROME")
    for bits in (8, 16):
        if form.high_bit < bits < form.bits_allocated:
            words = (
                f"BitsAllocated is {form.bits_allocated}, but the pixel data hold "
                f"{bits} bits for each sample"
            )
            found.append((dataclasses.replace(form, bits_allocated=bits), words))
    if form.samples == (3 if gray else 1) and not form.palette:
        samples = 1 if gray else 3
        found.append(
            (
                dataclasses.replace(form, samples=samples),
                f"SamplesPerPixel is {form.samples}, but the pixel data hold {samples} "
                "for each pixel",
            )
        )
    if form.photometric in ("YBR_FULL", "YBR_PARTIAL_444") and form.samples == 3:
        found.append(
            (
                dataclasses.replace(form, photometric="YBR_FULL_422"),
                f"{form.photometric} says that each pixel has its own colours; in the "
                "pixel data, pairs of pixels share them",
            )
        )
    return found


def settle_compressed(
    form: PixelFormat, streams: Sequence[tuple[Codestream, bytes]]
) -> Settled:
    """Return the format that the codestreams of the first frames announce.

    Parameters
    ----------
    form
        Format according to the header.
    streams
        Header and bytes of the codestreams of some frames that begin well.
    """
    warnings: list[str] = []
    if not streams:
        return Settled(form, warnings)
    found, stream = streams[0]
    if found.kind == "RLE":
        return _of_segments(form, struct.unpack_from("<I", stream)[0])
    sizes = {(one.rows, one.columns) for one, _ in streams}
    if len(sizes) == 1 and (form.rows, form.columns) not in sizes:
        warnings.append(
            f"frames are of {found.rows} x {found.columns} pixels, though Rows and "
            f"Columns are {form.rows} and {form.columns}"
        )
        form = dataclasses.replace(form, rows=found.rows, columns=found.columns)
    if form.palette is None and _other_depth(found, form):
        warnings.append(
            f"frames have {found.bits} bits, though BitsStored is {form.bits_stored}"
        )
        form = dataclasses.replace(
            form, bits_stored=found.bits, high_bit=found.bits - 1
        )
    return Settled(form, warnings)


def _other_depth(found: Codestream, form: PixelFormat) -> bool:
    """Return whether a codestream has other bits than those stored by its header.

    With as many bits as are allocated, the upper ones may be an overlay. Lossy JPEG has
    8 or 12 bits, even if fewer are stored.
    """
    fewer = found.bits < form.bits_stored
    more = found.lossless and form.high_bit + 1 < found.bits < form.bits_allocated
    return fewer or more


def _of_segments(form: PixelFormat, segments: int) -> Settled:
    """Return the format of run lengths, which have a segment for each byte."""
    if segments == form.samples * form.sample_bytes or segments not in OF_SEGMENTS:
        return Settled(form, [])
    samples, sample_bytes = OF_SEGMENTS[segments]
    if form.high_bit >= 8 * sample_bytes:
        return Settled(form, [])
    words = (
        f"the number of run-length segments, {segments}, does not fit SamplesPerPixel "
        f"{form.samples} and BitsAllocated {form.bits_allocated}; they were read as "
        f"{samples} and {8 * sample_bytes}"
    )
    settled = dataclasses.replace(
        form, samples=samples, bits_allocated=8 * sample_bytes
    )
    if settled.bits_allocated > form.bits_allocated:
        # how many of the added bits are used is unknown, so all of them are kept
        bits = min(settled.bits_allocated, MOST_BITS)
        settled = dataclasses.replace(settled, bits_stored=bits, high_bit=bits - 1)
    return Settled(settled, [words])
