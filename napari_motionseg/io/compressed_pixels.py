"""Read compressed frames: find the codestream of each frame and decode it."""

from __future__ import annotations

import numpy as np

from napari_motionseg.errors import MemoryBudgetError, MissingDecoderError, ReadError
from napari_motionseg.io.codestreams import Codestream, read_codestream
from napari_motionseg.io.dicom_header import Header
from napari_motionseg.io.encapsulation import find_items, group_fragments
from napari_motionseg.io.frame_decoders import SYNTAXES, decode_frame
from napari_motionseg.io.pixel_format import PixelFormat
from napari_motionseg.io.stored_frames import Pixels, StoredFrames
from napari_motionseg.io.stored_samples import decoded_values

# Three times the largest detector. A codestream of a few bytes may announce 65535 x
# 65535 black pixels, which fit the memory budget but take minutes to decode.
MOST_PIXELS = 2**26
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
        if form.rows * form.columns > MOST_PIXELS:
            raise MemoryBudgetError(
                f"{header.path}: promises compressed frames of {form.rows} x "
                f"{form.columns} pixels; frames of at most {MOST_PIXELS} pixels can "
                "be decoded"
            )
        with header.open_pixels() as file:
            end = file.seek(0, 2)
            if header.pixels_length >= 0:
                end = min(end, header.pixels_at + header.pixels_length)
            items = find_items(file, header.pixels_at, end)
        table = header.dataset.get("ExtendedOffsetTable") or b""
        extended = np.frombuffer(table[: len(table) // 8 * 8], "<u8").tolist()
        self._frames, note = group_fragments(items, form.frames, extended)
        self.warnings += [note] if note else []
        self.count = len(self._frames)
        self._compare(self._first_codestream())

    def __call__(self, t: int) -> tuple[Pixels, str]:
        """Return the values of frame `t` and its colour space; see `StoredFrames`."""
        form = self._form
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

    def _first_codestream(self) -> Codestream | None:
        for t in range(min(self.count, FRAMES_ASKED)):
            try:
                return read_codestream(self._stream(t))
            except ValueError:
                continue  # a damaged frame is reported when it is decoded
        return None

    def _compare(self, found: Codestream | None) -> None:
        """Note where the codestream of the first frame contradicts the header."""
        syntax, form, path = self._header.syntax, self._form, self._header.path
        named = syntax.name if syntax.is_transfer_syntax else "unknown"
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


def _too_deep(found: Codestream, form: PixelFormat) -> str:
    return (
        f"its codestream has {found.bits} bits per sample, more than the "
        f"{form.bits_allocated} of BitsAllocated"
    )
