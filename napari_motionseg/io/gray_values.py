"""Convert stored colours, palettes and polarity to gray values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.palette_color import LUMINANCE
from napari_motionseg.io.pixel_format import PixelFormat, stored_range

Pixels = NDArray[Any]
PALETTE = "PALETTE COLOR"


def luminance(colours: Pixels, dtype: np.dtype[Any]) -> Pixels:
    """Return the luminance of red, green and blue, rounded.

    Parameters
    ----------
    colours
        Red, green and blue values, ``(H, W, 3)``.
    dtype
        Data type of the result.

    Returns
    -------
    gray
        ``(H, W)`` luminance with the weights of ITU-R BT.601.
    """
    gray: Pixels = np.rint(colours @ np.asarray(LUMINANCE)).astype(dtype)
    return gray


def luminance_of_ybr(colours: Pixels, bits: int) -> Pixels:
    """Return the luminance of pixels stored as luminance and colour differences.

    The luminance is Y. Rounding of red, green and blue may leave colours slightly
    outside the displayable range, whose luminance on a screen differs from Y by up to
    two steps; the value half way between the two is returned for them.

    Parameters
    ----------
    colours
        Unsigned Y, Cb and Cr values, ``(H, W, 3)`` (PS3.3 C.7.6.3.1.2).
    bits
        Number of bits of a sample.

    Returns
    -------
    gray
        ``(H, W)`` in the type of `colours`, at most 1 from Y.
    """
    y, blue, red = np.moveaxis(colours.astype(np.float32), -1, 0)
    blue, red = blue - 2 ** (bits - 1), red - 2 ** (bits - 1)
    shown = np.stack(
        [y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], -1
    )
    most = 2**bits - 1
    moved = np.clip(np.rint(shown), 0, most) @ np.asarray(LUMINANCE, np.float32) - y
    gray = np.clip(y + np.clip(np.rint(moved / 2), -1, 1), 0, most)
    stored: Pixels = gray.astype(colours.dtype)
    return stored


def to_gray(pixels: Pixels, colours: str, form: PixelFormat) -> Pixels:
    """Return gray values as displayed, in which contrast agent is dark.

    Parameters
    ----------
    pixels
        Stored values, ``(H, W)`` or ``(H, W, 3)``.
    colours
        Colour space of three samples: ``"RGB"`` or ``"YBR"``.
    form
        Format of the pixels in the file.

    Returns
    -------
    gray
        ``(H, W)`` array of `form.dtype`.
    """
    if pixels.ndim == 3 and colours == "YBR" and not form.signed:
        return luminance_of_ybr(pixels, form.bits_stored).astype(form.dtype)
    if pixels.ndim == 3:
        return luminance(pixels, form.dtype)
    if form.palette is not None:
        return form.palette(pixels)
    if form.photometric == "MONOCHROME1":
        # MONOCHROME1: small values are bright, so values are inverted here
        return (sum(stored_range(form)) - pixels.astype(np.int64)).astype(form.dtype)
    return pixels


def colour_warnings(form: PixelFormat) -> list[str]:
    """Return a sentence if the name of the colours is unknown or contradicts them.

    Parameters
    ----------
    form
        Format of the pixels in the file.
    """
    named = form.photometric
    if form.samples == 3:
        known, read_as = named == "RGB" or named.startswith("YBR_"), "RGB"
    else:
        known, read_as = named in ("MONOCHROME1", "MONOCHROME2", PALETTE), "MONOCHROME2"
    if known:
        return []
    return [
        f"PhotometricInterpretation {named[:16]!r} is unknown or does not fit "
        f"SamplesPerPixel {form.samples}; the pixels were read as {read_as}"
    ]


def gray_notes(form: PixelFormat) -> list[str]:
    """Return sentences about what `to_gray` does to the pixels of a file.

    Parameters
    ----------
    form
        Format of the pixels in the file.
    """
    if form.palette is not None:
        return ["palette colours were read as luminance"]
    if form.samples == 3:
        return [f"colours ({form.photometric}) were read as luminance"]
    if form.photometric == "MONOCHROME1":
        return ["MONOCHROME1: gray values were inverted, so that vessels are dark"]
    return []
