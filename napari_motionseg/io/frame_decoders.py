"""Decode one compressed frame, with the decoder for its kind of codestream.

All decoders come from imagecodecs (libjpeg-turbo, CharLS, OpenJPEG). The header of the
codestream is compared with the header of the file before a decoder is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid

from napari_motionseg.io.codestreams import (
    END_OF_IMAGE,
    Codestream,
    read_codestream,
)
from napari_motionseg.io.jpeg_repair import with_sequential_scan
from napari_motionseg.io.run_lengths import decode_run_lengths

Pixels = NDArray[Any]
MOST_BITS = 16  # XA images have 8 or 16 bits allocated, PS3.3 C.8.7.1
PADDING = b"\x55" * 64  # bits unlikely to complete a Huffman code of an image

# kinds of codestream that each transfer syntax allows
SYNTAXES: dict[str, tuple[str, ...]] = {
    uid.RLELossless: ("RLE",),
    uid.JPEGBaseline8Bit: ("JPEG",),
    uid.JPEGExtended12Bit: ("JPEG",),
    uid.JPEGLossless: ("JPEG lossless",),
    uid.JPEGLosslessSV1: ("JPEG lossless",),
    uid.JPEGLSLossless: ("JPEG-LS",),
    uid.JPEGLSNearLossless: ("JPEG-LS",),
    uid.JPEG2000Lossless: ("JPEG 2000",),
    uid.JPEG2000: ("JPEG 2000",),
    uid.HTJ2KLossless: ("HTJ2K",),
    uid.HTJ2KLosslessRPCL: ("HTJ2K",),
    uid.HTJ2K: ("HTJ2K",),
}


def decode_frame(
    stream: bytes, rows: int, columns: int, samples: int, sample_bytes: int, rgb: bool
) -> tuple[Pixels, Codestream]:
    """Decode one frame and return its pixels and its header.

    Parameters
    ----------
    stream
        All bytes of the codestream of one frame.
    rows, columns
        Size in pixels that the file promises.
    samples
        Samples of a pixel that the file promises; needed for RLE, whose header lacks
        them.
    sample_bytes
        Bytes of a sample that the file promises; needed for RLE, whose header lacks
        them.
    rgb
        How to read three components of a JPEG that does not name its colours: True for
        red, green and blue, False for luminance and two colour differences.

    Returns
    -------
    pixels
        ``(H, W)`` or ``(H, W, 3)`` integers. Colours of JPEG are returned as red, green
        and blue; those of other kinds are returned as stored.
    header
        Header of the codestream; for RLE it is completed from the file's header.

    Raises
    ------
    ValueError
        If the codestream is damaged, or contradicts the file.
    RuntimeError
        If a decoder reports an error.
    """
    header = read_codestream(stream)
    if header.kind == "RLE":
        pixels = decode_run_lengths(stream, rows, columns, samples, sample_bytes)
        return pixels, header._replace(
            rows=rows, columns=columns, samples=samples, bits=8 * sample_bytes
        )
    _check(header, rows, columns)
    if header.samples == 3 and header.kind == "JPEG" and not header.colours:
        header = header._replace(colours="RGB" if rgb else "YBR")
    pixels = _DECODERS[header.kind](stream, header)
    shape = (rows, columns) if header.samples == 1 else (rows, columns, header.samples)
    if pixels.shape != shape:
        raise ValueError(f"it was decoded to {pixels.shape} instead of {shape}")
    if header.kind == "JPEG" and header.samples == 3:
        header = header._replace(colours="RGB")
    return pixels, header


def _check(header: Codestream, rows: int, columns: int) -> None:
    if (header.rows, header.columns) != (rows, columns):
        raise ValueError(
            f"its codestream is of {header.rows} x {header.columns} pixels, "
            f"the file's frames are of {rows} x {columns}"
        )
    if header.samples not in (1, 3):
        raise ValueError(f"it has {header.samples} components; 1 or 3 can be read")
    if not 0 < header.bits <= MOST_BITS:
        raise ValueError(f"it has {header.bits} bits a sample; at most 16 can be read")


def _jpeg(stream: bytes, header: Codestream) -> Pixels:
    from imagecodecs import jpeg8_decode

    if not header.lossless:
        stream = with_sequential_scan(stream)
    colours: dict[str, Any] = {}
    if header.samples == 3 and not header.lossless:
        space = "rgb" if header.colours == "RGB" else "ycbcr"
        colours = {"colorspace": space, "outcolorspace": "rgb"}
    pixels: Pixels = jpeg8_decode(stream, **colours)
    if stream.rfind(END_OF_IMAGE, len(stream) // 2) < 0:
        # The decoder fills the missing part of a truncated frame with gray. A frame
        # that lacks only its last marker decodes the same, whatever follows; a
        # truncated one does not.
        other = jpeg8_decode(stream + PADDING + END_OF_IMAGE, **colours)
        if not np.array_equal(pixels, other):
            raise ValueError("it is cut off")
    return pixels


def _jpeg_ls(stream: bytes, header: Codestream) -> Pixels:
    from imagecodecs import jpegls_decode

    if not stream.rstrip(b"\0").endswith(END_OF_IMAGE):
        # without an end marker, the decoder takes seconds to find the end
        stream += END_OF_IMAGE
    pixels: Pixels = jpegls_decode(stream)
    if header.samples == 3 and pixels.shape[0] == 3 != pixels.shape[-1]:
        return np.moveaxis(pixels, 0, -1)
    return pixels


def _jpeg_2000(stream: bytes, header: Codestream) -> Pixels:
    from imagecodecs import jpeg2k_decode

    pixels: Pixels = jpeg2k_decode(stream, planar=False, numthreads=1)
    return pixels


_DECODERS: dict[str, Callable[[bytes, Codestream], Pixels]] = {
    "JPEG": _jpeg,
    "JPEG lossless": _jpeg,
    "JPEG-LS": _jpeg_ls,
    "JPEG 2000": _jpeg_2000,
    "HTJ2K": _jpeg_2000,
}
