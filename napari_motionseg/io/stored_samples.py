"""Extract the bits of stored samples, and interpret them as signed or unsigned."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.pixel_format import PixelFormat, stored_range

Pixels = NDArray[Any]


def native_values(samples: Pixels, form: PixelFormat) -> Pixels:
    """Return the values of uncompressed samples.

    Bits outside the stored ones are cleared, because old files keep overlays there.

    Parameters
    ----------
    samples
        Containers of the samples as unsigned integers, of any shape.
    form
        Format of the stored pixels.

    Returns
    -------
    values
        Integers of the same shape, in `form.dtype`; for a palette, its indices.
    """
    if form.palette is not None:
        return _indices(samples, form.low_bit, form)
    shifted = samples >> np.array(form.low_bit, samples.dtype)
    return _signed(shifted, form.bits_stored, form)


def decoded_values(
    samples: Pixels, bits: int, lossless: bool, form: PixelFormat
) -> Pixels:
    """Return the values of samples that a decoder has returned.

    Parameters
    ----------
    samples
        Integers of any shape, negative only if the codestream is signed.
    bits
        Number of bits of a sample in the codestream.
    lossless
        Whether the codestream keeps every bit. If so, bits above the stored ones are
        other data and are cleared; if not, they are overshoot and the value is clipped.
    form
        Format of the pixels according to the file's header.

    Returns
    -------
    values
        Integers of the same shape, in `form.dtype`; for a palette, its indices.
    """
    # samples are at the same position as in the container, or already shifted down
    low = form.low_bit if bits > form.high_bit else 0
    if form.palette is not None:
        return _indices(samples, low, form)
    values: Pixels
    if samples.dtype.kind == "i":
        values = samples.astype(np.int32) >> low
        if form.signed:
            return _clipped(values, form)
        samples = (values & (2**bits - 1)).astype(np.uint32)
    elif not form.signed and not low and bits <= form.bits_stored:
        return samples.astype(form.dtype, copy=False)
    else:
        samples = samples >> np.array(low, samples.dtype)
    if lossless:
        return _signed(samples, min(bits - low, form.bits_stored), form)
    if form.signed:
        samples = _extended(samples.astype(np.int64), bits - low)
    return _clipped(samples, form)


def _indices(samples: Pixels, low: int, form: PixelFormat) -> Pixels:
    """Return the indices of a palette, whose least significant bit is at `low`."""
    shifted = samples.astype(np.int64) >> low
    if form.index_signed:
        return _extended(shifted, form.index_bits)
    indices: Pixels = shifted & (2**form.index_bits - 1)
    return indices


def _clipped(values: Pixels, form: PixelFormat) -> Pixels:
    low, high = stored_range(form)
    clipped: Pixels = np.clip(values, low, high).astype(form.dtype)
    return clipped


def _signed(samples: Pixels, width: int, form: PixelFormat) -> Pixels:
    """Return the lowest `width` bits of samples, interpreting a sign bit if signed."""
    if form.signed:
        return _extended(samples.astype(np.int64), width).astype(form.dtype)
    if width < 8 * samples.dtype.itemsize:
        samples = samples & np.array(2**width - 1, samples.dtype)
    return samples.astype(form.dtype, copy=False)


def _extended(samples: Pixels, width: int) -> Pixels:
    """Interpret the lowest `width` bits as a two's complement number."""
    half = 1 << (width - 1)
    values: Pixels = ((samples & (2 * half - 1)) ^ half) - half
    return values
