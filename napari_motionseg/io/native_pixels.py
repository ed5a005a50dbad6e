"""Read uncompressed frames, in every layout that occurs in files."""

from __future__ import annotations

import os

import numpy as np

from napari_motionseg.errors import ReadError
from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.pixel_format import PixelFormat
from napari_motionseg.io.settled_format import settle_native
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
        self._held = self._held_bytes()
        # width of a row with padding, and number of samples stored for each pixel
        form = self._form
        self._width, self._stored = form.columns, form.samples
        if form.photometric.startswith("YBR") and form.samples == 3:
            self._settle_colours()
        samples = form.rows * self._width * self._stored
        if self._stored == 2:
            # pairs of pixels may extend beyond the end of a row
            samples += -samples % 4
        self._frame_bits = samples * form.bits_allocated
        self.count = 8 * self._held // self._frame_bits
        self._compare_length()

    def _compare_length(self) -> None:
        """Say if whole frames do not fill the pixel data of a complete file."""
        left = 8 * self._held - self.count * self._frame_bits
        known = self._header.pixels_length > 0 and not self.cut_off
        if known and self.count and left >= 16:  # up to a byte is padding, PS3.5 8.1.1
            form = self._form
            self.warnings.append(
                f"the pixel data are {left // 8} bytes longer than {self.count} frames "
                f"of {form.rows} x {form.columns} pixels of {form.bits_allocated} "
                "bits; if the picture is torn, Rows, Columns or BitsAllocated is wrong"
            )

    def __call__(self, t: int) -> tuple[Pixels, str]:
        """Return the values of frame `t` and its colour space; see `StoredFrames`."""
        form, flat = self._form, self._samples(t)
        halved = form.samples == 3 and self._stored == 2
        samples = self._pairs(flat) if halved else arranged(flat, form)
        return native_values(samples, form), stored_colours(form)

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

    def _held_bytes(self) -> int:
        """Return the number of bytes of pixel data, and correct the format by it."""
        header, length = self._header, self._header.pixels_length
        if header.inflated is not None:
            left = len(header.inflated)
        else:
            left = max(0, os.stat(header.path).st_size - header.pixels_at)
        if length < 0:
            self.warnings.append(
                "the length of PixelData is undefined, though the pixels are not "
                "compressed; everything up to the end of the file was read"
            )
            return left
        form = self._form
        frame = form.rows * form.columns * form.samples * form.bits_allocated // 8
        if length < frame <= left and length < 2:
            self.warnings.append(
                "the length of PixelData is zero; everything up to the end of the file "
                "was read"
            )
            return left
        self.cut_off = length > left
        if not self.cut_off:
            self._settle(settle_native(form, length))
        return min(left, length)

    def _bytes(self, start: int, size: int) -> bytes:
        with self._header.open_pixels() as file:
            file.seek(self._header.pixels_at + start)
            return file.read(min(size, max(0, self._held - start)))


def arranged(flat: Pixels, form: PixelFormat) -> Pixels:
    """Return the samples of one frame as ``(H, W)`` or ``(H, W, 3)``.

    Parameters
    ----------
    flat
        All samples of the frame in the order of the file.
    form
        Format of the stored pixels.
    """
    if form.samples == 1:
        return flat.reshape(form.rows, form.columns)
    if form.planar:
        planes: Pixels = flat.reshape(3, form.rows, form.columns)
        return np.moveaxis(planes, 0, -1)
    return flat.reshape(form.rows, form.columns, 3)


def stored_colours(form: PixelFormat) -> str:
    """Return the colour space of uncompressed samples, ``"YBR"`` or ``"RGB"``."""
    return "YBR" if form.photometric.startswith("YBR") else "RGB"
