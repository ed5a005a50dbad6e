"""Invented frames in every transfer syntax that can be read, encoded when asked for."""

import imagecodecs
import numpy as np
import pytest
from imagecodecs import (
    jpeg2k_encode,
    jpeg8_encode,
    jpegls_encode,
    packbits_encode,
)
from pydicom import uid

NEAR = 2  # that near-lossless JPEG-LS may be off

# Transfer syntax: depths it can hold, and how far its values may be off at most.
# Lossy codes are off by more than this on noise; the frames are smooth.
CATALOGUE = {
    uid.RLELossless: ((8, 10, 12, 16), 0),
    uid.JPEGBaseline8Bit: ((8,), 4),
    uid.JPEGExtended12Bit: ((8, 10, 12), 8),
    uid.JPEGLossless: ((8, 10, 12, 16), 0),
    uid.JPEGLosslessSV1: ((8, 10, 12, 16), 0),
    uid.JPEGLSLossless: ((8, 10, 12, 16), 0),
    uid.JPEGLSNearLossless: ((8, 10, 12, 16), NEAR),
    uid.JPEG2000Lossless: ((8, 10, 12, 16), 0),
    uid.JPEG2000: ((8, 10, 12, 16), 8),
    uid.HTJ2KLossless: ((8, 10, 12, 16), 0),
    uid.HTJ2KLosslessRPCL: ((8, 10, 12, 16), 0),
    uid.HTJ2K: ((8, 12, 16), 8),
}
LOSSLESS = [syntax for syntax, (_, error) in CATALOGUE.items() if not error]


def smooth_frames(bits, frames=2, rows=48, columns=56):
    """``(T, H, W)`` waves that use nearly all of the bits."""
    y, x = np.mgrid[:rows, :columns]
    waves = [np.sin(x / 9 + t) + np.cos(y / 7 - t) for t in range(frames)]
    scaled = (np.stack(waves) + 2) / 4 * (2**bits - 1)
    return np.rint(scaled).astype(np.uint8 if bits <= 8 else np.uint16)


def encode(frame, syntax, bits):
    """Return one unsigned frame ``(H, W)`` or ``(H, W, 3)`` as a codestream."""
    if syntax == uid.RLELossless:
        return run_lengths(frame)
    if syntax in (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit):
        # 12 bits are the only other depth of the extended process
        depth = 8 if bits == 8 else 12
        return jpeg8_encode(frame, 98, bitspersample=depth)
    if syntax in (uid.JPEGLossless, uid.JPEGLosslessSV1):
        predictor = 1 if syntax == uid.JPEGLosslessSV1 else 4
        return jpeg8_encode(
            frame, lossless=True, predictor=predictor, bitspersample=bits
        )
    if syntax in (uid.JPEGLSLossless, uid.JPEGLSNearLossless):
        return jpegls_encode(frame, NEAR if syntax == uid.JPEGLSNearLossless else 0)
    if syntax in (uid.JPEG2000Lossless, uid.JPEG2000):
        lossless = syntax == uid.JPEG2000Lossless
        return jpeg2k_encode(
            frame,
            level=0 if lossless else 60,
            reversible=lossless,
            codecformat="j2k",
            bitspersample=bits,
        )
    return htj2k_encode(frame, reversible=syntax != uid.HTJ2K)


def htj2k_encode(frame, **options):
    """Encode; imagecodecs for Python 3.10 decodes HTJ2K but has no encoder."""
    if not hasattr(imagecodecs, "htj2k_encode"):
        pytest.skip("imagecodecs has no encoder for HTJ2K")
    return imagecodecs.htj2k_encode(frame, **options)


def run_lengths(frame):
    """Return a frame as run lengths, the bytes of a sample in segments of their own."""
    samples = frame.reshape(*frame.shape[:2], -1)
    segments = []
    for sample in range(samples.shape[-1]):
        plane = np.ascontiguousarray(samples[..., sample])
        big = plane.astype(plane.dtype.newbyteorder(">")).view(np.uint8)
        planes = big.reshape(*plane.shape, -1)
        for byte in range(plane.itemsize):
            segment = packbits_encode(planes[..., byte].tobytes())
            segments.append(segment + b"\0" * (len(segment) % 2))
    offsets = 64 + np.cumsum([0, *[len(segment) for segment in segments[:-1]]])
    header = np.zeros(16, "<u4")
    header[0], header[1 : 1 + len(segments)] = len(segments), offsets
    return header.tobytes() + b"".join(segments)
