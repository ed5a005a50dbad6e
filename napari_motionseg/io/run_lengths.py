"""Decode the run-length compression of DICOM (PS3.5 annex G)."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.codestreams import MOST_RLE_SEGMENTS, RLE_HEADER_BYTES


def decode_run_lengths(
    stream: bytes, rows: int, columns: int, samples: int, sample_bytes: int
) -> NDArray[Any]:
    """Return one frame as ``(H, W)`` or ``(H, W, samples)`` unsigned integers.

    Parameters
    ----------
    stream
        A run-length coded frame, beginning with its header of 64 bytes.
    rows, columns
        Size of the frame in pixels.
    samples
        Number of samples of a pixel, 1 or 3.
    sample_bytes
        Number of bytes of a sample, 1, 2 or 4. Each byte has its own segment, the most
        significant byte first.

    Raises
    ------
    ValueError
        If the header is wrong, or a segment does not hold one byte for each pixel.
    """
    from imagecodecs import packbits_decode

    if len(stream) < RLE_HEADER_BYTES:
        raise ValueError("its run-length header is cut off")
    count, *offsets = struct.unpack_from("<16I", stream)
    expected = samples * sample_bytes
    if count != expected:
        raise ValueError(f"it has {count} run-length segments instead of {expected}")
    pixels = rows * columns
    ends = [*offsets[1 : min(count, MOST_RLE_SEGMENTS)], len(stream)]
    # all bytes of a pixel are adjacent, those of a sample in little-endian order
    whole = np.empty((pixels, samples, sample_bytes), np.uint8)
    for number, (start, end) in enumerate(zip(offsets, ends, strict=False)):
        if not RLE_HEADER_BYTES <= start <= end <= len(stream):
            raise ValueError(f"run-length segment {number} lies outside the frame")
        values = packbits_decode(stream[start:end])
        # a padded segment may give some bytes too many, but not a row or more
        if not pixels <= len(values) < pixels + max(columns, 2):
            raise ValueError(
                f"run-length segment {number} holds {len(values)} bytes, but Rows and "
                f"Columns ask for {pixels}"
            )
        sample, byte = divmod(number, sample_bytes)
        plane = np.frombuffer(values, np.uint8, pixels)
        whole[:, sample, sample_bytes - 1 - byte] = plane
    decoded = whole.view(f"<u{sample_bytes}").astype(f"u{sample_bytes}", copy=False)
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    return decoded.reshape(shape)
