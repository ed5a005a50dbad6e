"""Compose the frames of a segmentation object and their pixels."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import WriteError

SegmentationType = Literal["BINARY", "LABELMAP", "FRACTIONAL"]
MAXIMUM_FRACTION = 255
LARGEST_CLASS = 255
NATIVE_BYTES = 2**32 - 2  # PS3.5 7.1.2: the length of a value that is not encapsulated
PACKED_FRAMES = 8  # bits of 8 frames of any size fill whole bytes
RLE_HEADER, RLE_HEADER_BYTES, RLE_SEGMENTS = "<16I", 64, 15


@dataclass(frozen=True, eq=False)
class SegmentationPixels:
    """Class numbers and probabilities that a segmentation object stores.

    Parameters
    ----------
    kind
        Type of the object. ``BINARY``: one bit per pixel and segment; ``LABELMAP``: one
        class number per pixel; ``FRACTIONAL``: one probability per pixel and segment.
    classes
        ``(T, H, W)`` unsigned class numbers, 0 = background.
    labelled
        ``(T,)`` bool, True for frames that were segmented, even if nothing was found.
    fractions
        For ``FRACTIONAL``: probabilities ``(T, H, W)`` in [0, 1] by class number.
    """

    kind: SegmentationType
    classes: NDArray[Any]
    labelled: NDArray[np.bool_]
    fractions: Mapping[int, NDArray[Any]]

    @property
    def highest(self) -> int:
        """Largest class number."""
        largest = int(self.classes.max(initial=0))
        return max(largest, *self.fractions, 1)

    def pixels(self, segment: int, t: int) -> NDArray[np.uint8]:
        """Return the pixels ``(H, W)`` of one frame of the object.

        Parameters
        ----------
        segment
            Class number; not used for ``LABELMAP``.
        t
            Index of the loop's frame.
        """
        pixels: NDArray[np.uint8]
        if self.kind == "LABELMAP":
            pixels = self.classes[t].astype(np.uint8)
        elif self.kind == "BINARY":
            pixels = (self.classes[t] == segment).astype(np.uint8)
        else:
            fraction = self.fractions[segment][t].astype(np.float32)
            pixels = np.rint(fraction * MAXIMUM_FRACTION).astype(np.uint8)
        return pixels

    @cached_property
    def frames(self) -> list[tuple[int, int]]:
        """Segment number and index of each frame that the object holds.

        Frames on which a segment has no pixel are left out. A labelled frame without
        any segment is stored once, empty, so that it still counts as labelled.
        """
        indices = [int(t) for t in np.flatnonzero(self.labelled)]
        if self.kind == "LABELMAP":
            return [(0, t) for t in indices]
        present = {t: self._present(t) or [1] for t in indices}
        numbers = range(1, self.highest + 1)
        return [(k, t) for k in numbers for t in indices if k in present[t]]

    def _present(self, t: int) -> list[int]:
        if self.kind == "FRACTIONAL":
            return [k for k in self.fractions if self.pixels(k, t).any()]
        counts = np.bincount(self.classes[t].ravel())
        return [int(k) for k in np.flatnonzero(counts) if k]

    def content_hash(self) -> str:
        """Return a SHA-256 of kind and pixels, in hexadecimal digits."""
        digest = hashlib.sha256(f"{self.kind} {self.classes.shape}".encode())
        for segment, t in self.frames:
            digest.update(struct.pack("<2I", segment, t))
            digest.update(np.ascontiguousarray(self.pixels(segment, t)).tobytes())
        return digest.hexdigest()

    def native(self) -> bytes:
        """Return the pixel data as they are stored without compression.

        Raises
        ------
        WriteError
            If they exceed the 4 GiB of a DICOM value.
        """
        frames = self.frames
        count, size = len(frames), int(np.prod(self.classes.shape[1:]))
        bits = 1 if self.kind == "BINARY" else 8
        if count * size * bits // 8 > NATIVE_BYTES:
            raise WriteError(
                f"{count} frames of {size} pixels exceed the 4 GiB of a DICOM value; "
                "choose the type LABELMAP with compression"
            )
        if self.kind == "BINARY":
            raw = b"".join(self._packed(frames))
        else:
            raw = b"".join(self.pixels(k, t).tobytes() for k, t in frames)
        return raw + b"\0" * (len(raw) % 2)

    def _packed(self, frames: list[tuple[int, int]]) -> Iterator[bytes]:
        """Yield the bits of frames; they run on from frame to frame (PS3.5 8.1.1)."""
        for start in range(0, len(frames), PACKED_FRAMES):
            group = [self.pixels(k, t) for k, t in frames[start:][:PACKED_FRAMES]]
            bits = np.concatenate([frame.ravel() for frame in group])
            yield np.packbits(bits, bitorder="little").tobytes()

    def run_length_encoded(self) -> list[bytes]:
        """Return each frame in RLE (PS3.5 annex G).

        A frame is one segment of PackBits, which begins anew with each row.
        """
        return [rle_frame(self.pixels(segment, t)) for segment, t in self.frames]


def rle_frame(pixels: NDArray[np.uint8]) -> bytes:
    """Return a frame in DICOM's RLE: a header of 16 numbers, then PackBits.

    Parameters
    ----------
    pixels
        ``(H, W)`` samples of one byte, or ``(H, W, C)``, whose channels become
        segments one after the other.
    """
    planes = np.moveaxis(np.atleast_3d(pixels), -1, 0)
    segments = []
    for plane in planes:
        packed = imagecodecs.packbits_encode(np.ascontiguousarray(plane))
        segments.append(packed + b"\0" * (len(packed) % 2))
    starts = [RLE_HEADER_BYTES]
    for segment in segments[:-1]:
        starts.append(starts[-1] + len(segment))
    unused = RLE_SEGMENTS - len(starts)
    header = struct.pack(RLE_HEADER, len(segments), *starts, *[0] * unused)
    return header + b"".join(segments)
