"""Decode a small frame of each kind that angiograms come in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.doctor.findings import Finding
from napari_motionseg.errors import MissingDependencyError
from napari_motionseg.io.ffmpeg_program import REMEDY as FFMPEG_REMEDY
from napari_motionseg.io.ffmpeg_program import ffmpeg_program, ffmpeg_version

ROWS, COLUMNS = 24, 32
LOSSY_ERROR = 4  # gray levels that JPEG at quality 98 may be off on a smooth frame
REINSTALL = "pip install --force-reinstall imagecodecs"


def decoder_findings() -> Iterator[Finding]:
    """Yield whether each kind of compressed frame, and videos, can be decoded."""
    for kind in ("JPEG", "JPEG lossless", "JPEG-LS", "JPEG 2000", "HTJ2K"):
        yield _codestream(kind)
    yield _videos()


def _codestream(kind: str) -> Finding:
    """Encode a frame, decode it as a file's frame is decoded, and compare."""
    from napari_motionseg.io.frame_decoders import decode_frame

    bits = 8 if kind == "JPEG" else 12
    frame = _smooth_frame(bits)
    try:
        stream = _encode(frame, kind, bits)
        if stream is None:
            return Finding(kind, "not tried: this imagecodecs has no encoder for it")
        decoded, _ = decode_frame(stream, ROWS, COLUMNS, 1, frame.itemsize, rgb=False)
    except (ImportError, RuntimeError, ValueError) as error:
        return Finding(kind, f"cannot be decoded: {error}", "broken", REINSTALL)
    most = int(np.abs(decoded.astype(int) - frame).max())
    if most > (LOSSY_ERROR if kind == "JPEG" else 0):
        words = f"decoded wrongly, by up to {most} gray levels"
        return Finding(kind, words, "broken", REINSTALL)
    return Finding(kind, f"{bits} bits decoded")


def _smooth_frame(bits: int) -> NDArray[Any]:
    y, x = np.mgrid[:ROWS, :COLUMNS]
    waves = (np.sin(x / 9) + np.cos(y / 7) + 2) / 4
    frame = np.rint(waves * (2**bits - 1))
    return np.asarray(frame, np.uint8 if bits == 8 else np.uint16)


def _encode(frame: NDArray[Any], kind: str, bits: int) -> bytes | None:
    """Return a frame as a codestream, or None if nothing here can write its kind."""
    import imagecodecs

    if kind == "JPEG":
        stream = imagecodecs.jpeg8_encode(frame, 98)
    elif kind == "JPEG lossless":
        stream = imagecodecs.jpeg8_encode(frame, lossless=True, bitspersample=bits)
    elif kind == "JPEG-LS":
        stream = imagecodecs.jpegls_encode(frame)
    elif kind == "JPEG 2000":
        stream = imagecodecs.jpeg2k_encode(
            frame, level=0, reversible=True, codecformat="j2k", bitspersample=bits
        )
    elif hasattr(imagecodecs, "htj2k_encode"):
        stream = imagecodecs.htj2k_encode(frame, reversible=True)
    else:
        return None
    return bytes(stream)


def _videos() -> Finding:
    """Return the version of ffmpeg; without it, DICOM and all else still work."""
    try:
        ffmpeg_program()
        known = ffmpeg_version()
    except (MissingDependencyError, OSError) as error:
        return Finding("videos (ffmpeg)", f"none: {error}", "broken", FFMPEG_REMEDY)
    number = "of unknown version" if known is None else f"{known[0]}.{known[1]}"
    return Finding("videos (ffmpeg)", f"ffmpeg {number}")
