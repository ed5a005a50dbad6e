"""Repair a common fault of 12-bit JPEG frames that strict decoders reject."""

from __future__ import annotations

import struct

SEQUENTIAL = (0xC0, 0xC1)  # SOF0, SOF1: the baseline and extended processes
START_OF_SCAN = 0xDA  # SOS, T.81 table B.1
LONE_MARKERS = (0xD8, 0x01)  # start of image, TEM: markers without a length
SPECTRAL_END = 63  # the value that T.81 table B.3 prescribes for these processes


def with_sequential_scan(stream: bytes) -> bytes:
    """Return a codestream with the scan headers that sequential processes require.

    ITU-T T.81, B.2.3 requires spectral selection 0 to 63 and no successive
    approximation.
    Some encoders write zeros instead.
    """
    sequential, position = False, 0
    while position + 4 <= len(stream) and stream[position] == 0xFF:
        marker = stream[position + 1]
        if marker in LONE_MARKERS:
            position += 2
            continue
        length = struct.unpack(">H", stream[position + 2 : position + 4])[0]
        sequential = sequential or marker in SEQUENTIAL
        end = position + 2 + length
        if marker == START_OF_SCAN:
            if not sequential or end > len(stream):
                return stream
            mended = bytes((0, SPECTRAL_END, 0))
            return stream[: end - 3] + mended + stream[end:]
        position = end
    return stream
