"""Turn what a file shows into gray values: luminance, palette, polarity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.palette_color import LUMINANCE
from napari_motionseg.io.pixel_format import PixelFormat, stored_range

Pixels = NDArray[Any]


def luminance(colours: Pixels, dtype: np.dtype[Any]) -> Pixels:
    """Return the luminance of red, green and blue, rounded.

    Parameters
    ----------
    colours
        ``(H, W, 3)`` red, green and blue.
    dtype
        Type of the result.

    Returns
    -------
    gray
        ``(H, W)`` luminance by the weights of ITU-R BT.601.
    """
    gray: Pixels = np.rint(colours @ np.asarray(LUMINANCE)).astype(dtype)
    return gray


def luminance_of_ybr(colours: Pixels, bits: int) -> Pixels:
    """Return the luminance of stored luminance and colour differences.

    It is Y. A file that was made from red, green and blue by rounding may hold colours
    a little outside of what can be shown, whose luminance on a screen is up to two
    steps from Y; there it is half way between.

    Parameters
    ----------
    colours
        ``(H, W, 3)`` unsigned Y, Cb and Cr (PS3.3 C.7.6.3.1.2).
    bits
        Bits of a sample.

    Returns
    -------
    gray
        ``(H, W)`` of the type of `colours`, never more than 1 from Y.
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
    """Return gray values as displayed, dark where contrast is.

    Parameters
    ----------
    pixels
        ``(H, W)`` or ``(H, W, 3)`` stored values.
    colours
        ``"RGB"`` or ``"YBR"``: what three samples are.
    form
        How the file says that pixels are stored.

    Returns
    -------
    gray
        ``(H, W)`` of `form.dtype`.
    """
    if pixels.ndim == 3 and colours == "YBR" and not form.signed:
        return luminance_of_ybr(pixels, form.bits_stored).astype(form.dtype)
    if pixels.ndim == 3:
        return luminance(pixels, form.dtype)
    if form.palette is not None:
        return form.palette(pixels)
    if form.photometric == "MONOCHROME1":
        # small values are bright; turned round once and for all
        return (sum(stored_range(form)) - pixels.astype(np.int64)).astype(form.dtype)
    return pixels


def gray_notes(form: PixelFormat) -> list[str]:
    """Return what `to_gray` does to the pixels of a file, a sentence each.

    Parameters
    ----------
    form
        How the file says that pixels are stored.
    """
    if form.palette is not None:
        return ["palette colours were read as luminance"]
    if form.samples == 3:
        return [f"colours ({form.photometric}) were read as luminance"]
    if form.photometric == "MONOCHROME1":
        return ["MONOCHROME1: gray values were turned round, so that vessels are dark"]
    return []
