"""Read uncompressed frames, in every layout that occurs in files."""

from __future__ import annotations

import os

import numpy as np

from napari_motionseg.errors import ReadError
from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.pixel_format import PixelFormat
from napari_motionseg.io.stored_frames import Pixels, StoredFrames
from napari_motionseg.io.stored_samples import native_values


class NativeFrames(StoredFrames):
    """Read the frames of uncompressed pixel data.

    See `StoredFrames` for the parameters and attributes.

    Raises
    ------
    ReadError
        If the byte order or the layout of colours cannot be determined.
    """

    def __init__(self, header: Header, form: PixelFormat) -> None:
        super().__init__(header, form)
        unknown = header.syntax.is_private or not header.syntax.is_transfer_syntax
        if unknown and form.bits_allocated > 8:
            raise ReadError(
                f"{header.path}: the transfer syntax {header.syntax} is unknown, and "
                "with it the byte order of its 16-bit pixels; convert the file to "
                "explicit VR little endian"
            )
        self._held = _held_bytes(header)
        # width of a row with padding, and number of samples stored for each pixel
        self._width, self._stored = form.columns, form.samples
        if form.photometric.startswith("YBR") and form.samples == 3:
            self._settle_colours()
        samples = form.rows * self._width * self._stored
        if self._stored == 2:
            # pairs of pixels may extend beyond the end of a row
            samples += -samples % 4
        self._frame_bits = samples * form.bits_allocated
        self.count = 8 * self._held // self._frame_bits

    def __call__(self, t: int) -> tuple[Pixels, str]:
        """Return the values of frame `t` and its colour space; see `StoredFrames`."""
        form, flat = self._form, self._samples(t)
        samples: Pixels
        colours = "YBR" if form.photometric.startswith("YBR") else "RGB"
        if form.samples == 1:
            samples = flat.reshape(form.rows, form.columns)
        elif self._stored == 2:
            samples = self._pairs(flat)
        elif form.planar:
            planes: Pixels = flat.reshape(3, form.rows, form.columns)
            samples = np.moveaxis(planes, 0, -1)
        else:
            samples = flat.reshape(form.rows, form.columns, 3)
        return native_values(samples, form), colours

    def _settle_colours(self) -> None:
        """Determine the layout of colours from the length of the pixel data."""
        form, frames = self._form, self._form.frames or 1
        pixels = form.rows * form.columns
        padded = form.rows * (form.columns + form.columns % 2)
        each = self._held * 8 // form.bits_allocated / frames
        halves = {2 * padded: padded // form.rows, 2 * pixels: form.columns}
        if form.photometric.endswith("_420"):
            raise ReadError(
                f"{self._header.path}: {form.photometric} can be read only in "
                "compressed frames; convert the file to RGB"
            )
        if not form.chroma_is_halved or 3 * pixels <= each < 3 * pixels + 1:
            if form.chroma_is_halved:
                self.warnings.append(
                    f"{form.photometric} says that pairs of pixels share their "
                    "colours; the pixel data hold three samples a pixel"
                )
            return
        if form.planar:
            self.warnings.append(
                f"{form.photometric} has no colour planes, though "
                "PlanarConfiguration is 1; it was read pixel after pixel"
            )
        exact = [size for size in halves if size <= each < size + 2]
        self._width = halves[exact[0]] if exact else form.columns
        self._stored = 2

    def _pairs(self, flat: Pixels) -> Pixels:
        """Return Y, Cb and Cr of each pixel of frames in which pairs share colours."""
        form = self._form
        pairs = flat.reshape(-1, 4)
        whole = np.empty((2 * len(pairs), 3), flat.dtype)
        whole[:, 0] = pairs[:, :2].reshape(-1)
        whole[:, 1:] = np.repeat(pairs[:, 2:], 2, axis=0)
        whole = whole[: form.rows * self._width]
        return whole.reshape(form.rows, self._width, 3)[:, : form.columns]

    def _samples(self, t: int) -> Pixels:
        """Return the stored words of frame `t` as integers in native byte order."""
        form, header = self._form, self._header
        first, end = t * self._frame_bits, (t + 1) * self._frame_bits
        start, size = first // 8, -(-end // 8) - first // 8
        swapped = header.big_endian and header.words and form.bits_allocated <= 8
        if swapped:
            # bytes were stored in pairs, as big-endian 16-bit words (PS3.5 annex A.3)
            raw = self._bytes(start - start % 2, size + start % 2 + 1)
            raw = raw[: len(raw) // 2 * 2]
            words = np.frombuffer(raw, ">u2").astype("<u2").tobytes()
            raw = words[start % 2 : start % 2 + size]
        else:
            raw = self._bytes(start, size)
        if len(raw) < size:
            raise ValueError(f"the file ends {size - len(raw)} bytes too early")
        if form.bits_allocated == 1:
            bits = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
            return bits[first % 8 : first % 8 + self._frame_bits]
        kind = f"{'>' if header.big_endian else '<'}u{form.sample_bytes}"
        return np.frombuffer(raw, kind).astype(f"u{form.sample_bytes}", copy=False)

    def _bytes(self, start: int, size: int) -> bytes:
        with self._header.open_pixels() as file:
            file.seek(self._header.pixels_at + start)
            return file.read(min(size, max(0, self._held - start)))


def _held_bytes(header: Header) -> int:
    if header.inflated is not None:
        return len(header.inflated)
    left = os.stat(header.path).st_size - header.pixels_at
    return max(0, min(left, header.pixels_length))
