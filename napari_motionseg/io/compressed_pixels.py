"""Read compressed frames: find the codestream of each frame and decode it."""

from __future__ import annotations

import numpy as np

from napari_motionseg.errors import MemoryBudgetError, MissingDecoderError, ReadError
from napari_motionseg.io.codestreams import Codestream, read_codestream
from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.encapsulation import (
    divide_joined,
    find_items,
    group_fragments,
)
from napari_motionseg.io.frame_decoders import SYNTAXES, decode_frame
from napari_motionseg.io.native_pixels import arranged, stored_colours
from napari_motionseg.io.pixel_format import PixelFormat
from napari_motionseg.io.settled_format import settle_compressed
from napari_motionseg.io.stored_frames import Pixels, StoredFrames
from napari_motionseg.io.stored_samples import decoded_values, native_values

# Three times the largest detector. A codestream of a few bytes may announce 65535 x
# 65535 black pixels, which fit the memory budget but take minutes to decode.
MOST_PIXELS = 2**26
PLAIN_ITEMS = "1.2.840.10008.1.2.1.98"  # Encapsulated Uncompressed, PS3.5 A.4.11
FRAMES_ASKED = 4  # frames tried until one is not damaged, to learn the compression


class CompressedFrames(StoredFrames):
    """Decode the frames of encapsulated pixel data.

    See `StoredFrames` for the parameters and attributes.

    Raises
    ------
    ReadError
        If the pixel data are not encapsulated, or have more bits than the header
        allows.
    MemoryBudgetError
        If a frame is too large to be decoded within seconds.
    MissingDecoderError
        If no decoder can read the compression of the frames.
    """

    def __init__(self, header: Header, form: PixelFormat) -> None:
        super().__init__(header, form)
        with header.open_pixels() as file:
            end = file.seek(0, 2)
            if header.pixels_length >= 0:
                end = min(end, header.pixels_at + header.pixels_length)
            items = find_items(file, header.pixels_at, end)
            frames, note = group_fragments(items, form.frames, _extended_table(header))
            self._frames = divide_joined(file, frames, form.frames)
        self.warnings += [note] if note else []
        if items.repaired:
            self.warnings.append(
                "the length of an item is wrong; the next item was searched for"
            )
        self.count = len(self._frames)
        last = items.fragments[-1:]
        # without a delimiter, nothing tells that the last item is the last one
        open_end = header.pixels_length < 0 and any(
            part.offset + part.length == end for part in last
        )
        self.cut_off = items.cut_off or open_end
        streams = self._first_codestreams()
        self._plain = not streams and self._hold_plain_frames()
        self._settle(settle_compressed(form, streams))
        _check_pixels(header, self._form)
        self._compare(streams[0][0] if streams else None)

    def __call__(self, t: int) -> tuple[Pixels, str]:
        """Return the values of frame `t` and its colour space; see `StoredFrames`."""
        form = self._form
        if self._plain:
            return self._plain_frame(t)
        pixels, found = decode_frame(
            self._stream(t),
            form.rows,
            form.columns,
            form.samples,
            form.sample_bytes,
            rgb=form.photometric == "RGB",
        )
        if found.bits > form.bits_allocated:
            raise ValueError(_too_deep(found, form))
        colours = found.colours or self._header_colours()
        return decoded_values(pixels, found.bits, found.lossless, form), colours

    def _header_colours(self) -> str:
        """Return the header's colour space, for codestreams that do not tell it."""
        # JPEG 2000 makes YBR_ICT and YBR_RCT from RGB, and its decoder returns RGB
        # again
        named = self._form.photometric
        return "YBR" if named.startswith(("YBR_FULL", "YBR_PARTIAL")) else "RGB"

    def _stream(self, t: int) -> bytes:
        with self._header.open_pixels() as file:
            parts = []
            for fragment in self._frames[t]:
                file.seek(fragment.offset)
                parts.append(file.read(fragment.length))
        return b"".join(parts)

    def _first_codestreams(self) -> list[tuple[Codestream, bytes]]:
        found = []
        for t in range(min(self.count, FRAMES_ASKED)):
            stream = self._stream(t)
            try:
                found.append((read_codestream(stream), stream))
            except ValueError:
                continue  # a damaged frame is reported when it is decoded
        return found

    def _hold_plain_frames(self) -> bool:
        """Return whether each frame has the length of one that is not compressed."""
        size = _plain_bytes(self._form)
        lengths = [sum(part.length for part in frame) for frame in self._frames]
        return bool(lengths) and all(size <= length < size + 2 for length in lengths)

    def _plain_frame(self, t: int) -> tuple[Pixels, str]:
        """Return a frame whose item holds samples, little endian (PS3.5 A.4.11)."""
        form = self._form
        raw = self._stream(t)[: _plain_bytes(form)]
        flat = np.frombuffer(raw, f"<u{form.sample_bytes}")
        flat = flat.astype(f"u{form.sample_bytes}", copy=False)
        return native_values(arranged(flat, form), form), stored_colours(form)

    def _compare(self, found: Codestream | None) -> None:
        """Note where the codestream of the first frame contradicts the header."""
        syntax, form, path = self._header.syntax, self._form, self._header.path
        named = syntax.name if syntax.is_transfer_syntax else "unknown"
        if self._plain:
            if syntax != PLAIN_ITEMS:
                self.warnings.append(
                    "the pixel data are not compressed but lie in items, though the "
                    f"transfer syntax says {named}"
                )
            return
        if found is None:
            if syntax in SYNTAXES or not self.count:
                return
            if syntax.is_transfer_syntax and not syntax.is_encapsulated:
                raise ReadError(
                    f"{path}: the pixel data are compressed in an unknown way, though "
                    f"the transfer syntax says {named}; convert the file with another "
                    "program"
                )
            raise MissingDecoderError(
                f"{path}: no decoder for the transfer syntax {named} ({syntax}); "
                "convert the file to a transfer syntax that the documentation lists"
            )
        if found.kind not in SYNTAXES.get(syntax, ()):
            self.warnings.append(
                f"the pixel data are compressed by {found.kind}, though the transfer "
                f"syntax says {named} ({syntax})"
            )
        if found.samples not in (0, form.samples):
            self.warnings.append(
                f"frames have {found.samples} components, though SamplesPerPixel is "
                f"{form.samples}"
            )
        if found.bits > form.bits_allocated:
            raise ReadError(f"{path}: {_too_deep(found, form)}")


def _extended_table(header: Header) -> list[int]:
    """Return the extended offset table; empty if the file has none that can be read."""
    table = header.dataset.get("ExtendedOffsetTable")
    if not isinstance(table, bytes):
        return []
    offsets: list[int] = np.frombuffer(table[: len(table) // 8 * 8], "<u8").tolist()
    return offsets


def _plain_bytes(form: PixelFormat) -> int:
    return form.rows * form.columns * form.samples * form.sample_bytes


def _check_pixels(header: Header, form: PixelFormat) -> None:
    if form.rows * form.columns > MOST_PIXELS:
        raise MemoryBudgetError(
            f"{header.path}: promises compressed frames of {form.rows} x "
            f"{form.columns} pixels; frames of at most {MOST_PIXELS} pixels can be "
            "decoded"
        )


def _too_deep(found: Codestream, form: PixelFormat) -> str:
    return (
        f"its codestream has {found.bits} bits per sample, more than the "
        f"{form.bits_allocated} of BitsAllocated"
    )
