"""Turn stored samples into numbers: cut out their bits, and give them their sign."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.pixel_format import PixelFormat, stored_range

Pixels = NDArray[Any]


def native_values(samples: Pixels, form: PixelFormat) -> Pixels:
    """Return the values of samples that are stored in containers of bits.

    What lies outside the bits stored is cleared: overlays of old files hid there.

    Parameters
    ----------
    samples
        Unsigned integers of any shape, a container each.
    form
        How they are stored.

    Returns
    -------
    values
        Integers of the same shape; of `form.dtype`, or indices of a palette as they
        are stored.
    """
    if form.palette is not None:
        return samples
    shifted = samples >> np.array(form.low_bit, samples.dtype)
    return _signed(shifted, form.bits_stored, form)


def decoded_values(
    samples: Pixels, bits: int, lossless: bool, form: PixelFormat
) -> Pixels:
    """Return the values of samples that a decoder has given.

    Parameters
    ----------
    samples
        Integers of any shape; negative ones only where the codestream has a sign.
    bits
        Precision of the codestream.
    lossless
        Whether the codestream keeps every bit. Then what lies above the bits stored
        are other data and cleared; else it is overshoot and clipped.
    form
        How the file says that pixels are stored.

    Returns
    -------
    values
        Integers of the same shape and `form.dtype`.
    """
    if form.palette is not None:
        return samples
    # samples lie in the codestream as in the container, or were moved down before
    low = form.low_bit if bits > form.high_bit else 0
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


def _clipped(values: Pixels, form: PixelFormat) -> Pixels:
    low, high = stored_range(form)
    clipped: Pixels = np.clip(values, low, high).astype(form.dtype)
    return clipped


def _signed(samples: Pixels, width: int, form: PixelFormat) -> Pixels:
    """Return the lowest `width` bits of samples, of which the highest may be a sign."""
    if form.signed:
        return _extended(samples.astype(np.int64), width).astype(form.dtype)
    if width < 8 * samples.dtype.itemsize:
        samples = samples & np.array(2**width - 1, samples.dtype)
    return samples.astype(form.dtype, copy=False)


def _extended(samples: Pixels, width: int) -> Pixels:
    """Return the two's complement of the lowest `width` bits."""
    half = 1 << (width - 1)
    values: Pixels = ((samples & (2 * half - 1)) ^ half) - half
    return values
