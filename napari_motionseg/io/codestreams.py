"""Read the header of a compressed frame before anything is decoded.

A codestream of a few bytes may announce an image of several gigabytes, and decoders
allocate the announced size. The headers read here are small and stand at the beginning,
so a wrong size is found at no cost. They also tell which decoder is the right one, even
if the transfer syntax of the file is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

START_OF_IMAGE, END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"
J2K_START = b"\xff\x4f\xff\x51"  # SOC and SIZ, always together
JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
RLE_HEADER_BYTES, MOST_RLE_SEGMENTS = 64, 15
START_OF_SCAN = 0xDA  # SOS, T.81 table B.1
WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))  # TEM, RST0 to RST7, SOI
FRAME_HEADERS = {0xC0, 0xC1, 0xC2, 0xC3, 0xF7}  # SOF0 to SOF3 of T.81; SOF55 of T.87
LOSSLESS_PROCESS, JPEG_LS = 0xC3, 0xF7
FRAME_HEADERS_REFUSED = {*range(0xC5, 0xD0)} - {0xC8, 0xCC}  # C8: JPG, CC: DAC
# each scan covers the whole image, so thousands of empty scans would take minutes
MOST_SCANS = 256
MOST_TILES = 1024
MOST_BLOCKS = 2**18  # a decoder needs 600 bytes for each code block
COD, COC, START_OF_TILE, START_OF_DATA = 0xFF52, 0xFF53, 0xFF90, 0xFF93
HIGH_THROUGHPUT = 0x4000  # bit 14 of Rsiz, ISO/IEC 15444-15


class Codestream(NamedTuple):
    """The header of one compressed frame.

    Parameters
    ----------
    kind
        Compression: ``"JPEG"``, ``"JPEG lossless"``, ``"JPEG-LS"``, ``"JPEG 2000"``,
        ``"HTJ2K"`` or ``"RLE"``.
    rows, columns
        Size in pixels; 0 for RLE, whose header does not give it.
    samples
        Number of components of a pixel; 0 for RLE.
    bits
        Bits of a sample; 0 for RLE.
    signed
        Whether the decoder returns signed numbers.
    lossless
        Whether the compression keeps every bit.
    colours
        Colour space of three components, ``"RGB"`` or ``"YBR"``, if the codestream
        tells it; else an empty text.
    """

    kind: str
    rows: int = 0
    columns: int = 0
    samples: int = 0
    bits: int = 0
    signed: bool = False
    lossless: bool = True
    colours: str = ""


def codestream_kind(head: bytes) -> str:
    """Return the kind, such as ``"JPEG 2000"`` or ``"RLE"``; ``""`` if unknown.

    Parameters
    ----------
    head
        The first bytes of a fragment, at least 64 of them if it is that long.
    """
    if head.startswith(START_OF_IMAGE + b"\xff"):
        return "JPEG"
    if head.startswith((J2K_START, JP2_SIGNATURE)):
        return "JPEG 2000"
    return "RLE" if _is_rle_header(head) else ""


def read_codestream(stream: bytes) -> Codestream:
    """Return the header of a compressed frame.

    Parameters
    ----------
    stream
        All bytes of the codestream.

    Raises
    ------
    ValueError
        If the bytes are no codestream, or its header is cut off, contradicts itself, or
        asks for more work than an image can need.
    """
    kind = codestream_kind(stream[:RLE_HEADER_BYTES])
    if kind == "JPEG":
        return _jpeg(stream)
    if kind == "JPEG 2000":
        return _jpeg_2000(_contiguous(stream))
    if kind == "RLE":
        return Codestream("RLE")
    raise ValueError(
        "it begins with none of the marks of JPEG, JPEG-LS, JPEG 2000 and RLE"
    )


def _is_rle_header(head: bytes) -> bool:
    if len(head) < RLE_HEADER_BYTES:
        return False
    segments, *offsets = struct.unpack_from("<16I", head)
    used, unused = offsets[:segments], offsets[segments:]
    return (
        0 < segments <= MOST_RLE_SEGMENTS
        and offsets[0] == RLE_HEADER_BYTES
        and used == sorted(used)
        and not any(unused)
    )


def _segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of JPEG's marker segments, up to the first scan."""
    position = 2
    while True:
        # as decoders do: bytes between segments are skipped, and 0xFF may be repeated
        position = stream.find(b"\xff", position)
        if position < 0:  # searching on from -1 would never end
            raise ValueError("its header is cut off")
        while stream[position + 1 : position + 2] == b"\xff":
            position += 1
        if position + 4 > len(stream):
            raise ValueError("its header is cut off")
        marker = stream[position + 1]
        position += 2
        if marker in WITHOUT_LENGTH or marker == 0:
            continue
        length = int.from_bytes(stream[position : position + 2], "big")
        end = position + length
        if length < 2 or end > len(stream):
            raise ValueError("its header is cut off")
        yield marker, stream[position + 2 : end]
        if marker == START_OF_SCAN:
            return
        position = end


def _jpeg(stream: bytes) -> Codestream:
    frame, colours, scan = None, "", b""
    for marker, content in _segments(stream):
        if marker in FRAME_HEADERS:
            if frame is not None:
                raise ValueError("it has two frame headers")
            frame = marker, content
        elif marker in FRAME_HEADERS_REFUSED:
            raise ValueError(f"JPEG process SOF{marker - 0xC0} is not used in DICOM")
        elif marker == 0xE0 and content.startswith(b"JFIF"):
            colours = colours or "YBR"
        elif marker == 0xEE and content.startswith(b"Adobe") and len(content) >= 12:
            colours = "RGB" if content[11] == 0 else "YBR"
        elif marker == START_OF_SCAN:
            scan = content
    if frame is None:
        raise ValueError("it has no frame header")
    if stream.count(b"\xff\xda") > MOST_SCANS:
        raise ValueError(f"it has more than {MOST_SCANS} scans")
    return _jpeg_frame(*frame, scan, colours)


def _jpeg_frame(marker: int, content: bytes, scan: bytes, colours: str) -> Codestream:
    bits, rows, columns, samples = struct.unpack_from(">BHHB", content)
    components = [content[at : at + 3] for at in range(6, 6 + 3 * samples, 3)]
    if not samples or len(components[-1]) < 3:
        raise ValueError("its frame header is cut off")
    if bytes(part[0] for part in components) == b"RGB":
        colours = colours or "RGB"
    if any(part[1] != components[0][1] for part in components):
        colours = "YBR"  # only chroma is subsampled, so these are not RGB
    if marker == JPEG_LS:
        near = scan[1 + 2 * scan[0]] if scan and len(scan) > 1 + 2 * scan[0] else 0
        return Codestream("JPEG-LS", rows, columns, samples, bits, lossless=not near)
    if marker == LOSSLESS_PROCESS:  # it transforms no colours: the file names the space
        return Codestream("JPEG lossless", rows, columns, samples, bits)
    return Codestream(
        "JPEG", rows, columns, samples, bits, lossless=False, colours=colours
    )


def _contiguous(stream: bytes) -> bytes:
    """Return the codestream inside a JP2 file.

    A bare codestream is returned as it is.
    """
    if not stream.startswith(JP2_SIGNATURE):
        return stream
    position = 0
    while position + 8 <= len(stream):
        length, name = struct.unpack_from(">I4s", stream, position)
        if name == b"jp2c":
            return stream[position + 8 :]
        # 1: a 64-bit length follows; 0: up to the end; neither precedes jp2c
        if length < 8:
            break
        position += length
    raise ValueError("its JP2 boxes hold no codestream")


def _jpeg_2000(stream: bytes) -> Codestream:
    """Read SIZ (ISO/IEC 15444-1, A.5.1) and the colour transform of COD (A.6.1)."""
    fields = struct.unpack_from(">HH8IH", stream, 4)
    length, capabilities, right, bottom, left, top = fields[:6]
    width, height, tiles_left, tiles_top, samples = fields[6:]
    components = stream[4 + 38 : 4 + length]
    if not samples or len(components) != 3 * samples:
        raise ValueError("its header is cut off")
    if not (width and height and tiles_left <= left < right and tiles_top <= top):
        raise ValueError("its image area and its tiles do not overlap")
    across, down = -(-(right - tiles_left) // width), -(-(bottom - tiles_top) // height)
    if across * down > MOST_TILES:
        raise ValueError(f"it has {across * down} tiles, more than {MOST_TILES}")
    if len({components[at : at + 3] for at in range(0, 3 * samples, 3)}) > 1:
        raise ValueError("its components differ in depth or size")
    if components[1:3] != b"\x01\x01":
        raise ValueError("its components are subsampled")
    header = Codestream(
        "HTJ2K" if capabilities & HIGH_THROUGHPUT else "JPEG 2000",
        bottom - top,
        right - left,
        samples,
        bits=(components[0] & 0x7F) + 1,
        signed=bool(components[0] & 0x80),
    )
    styles = list(_coding_styles(stream, 4 + length))
    for marker, content in styles:
        # Scod, SGcod and SPcod of COD; Ccoc, Scoc and SPcoc of COC
        scope, at = (0, 5) if marker == COD else (1, 2)
        _check_blocks(content[scope:at], content[at:], header)
    style = next((content for marker, content in styles if marker == COD), b"")
    if len(style) < 10:
        raise ValueError("its header has no coding style (marker COD)")
    transformed = style[4] == 1 and samples >= 3
    return header._replace(lossless=style[9] == 1, colours="RGB" if transformed else "")


def _coding_styles(stream: bytes, position: int) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of COD and COC of the image and of its tiles."""
    tile_part, tile_end = 0, 0
    while position + 4 <= len(stream):
        marker, length = struct.unpack_from(">HH", stream, position)
        if marker == START_OF_DATA:  # data have no length; go on at the next tile part
            if tile_end <= tile_part:
                return
            position = tile_end
            continue
        if marker < 0xFF00 or length < 2:
            return
        content = stream[position + 4 : position + 2 + length]
        if marker == START_OF_TILE and len(content) == 8:
            tile_part = position
            tile_end = position + int.from_bytes(content[2:6], "big")
        elif marker in (COD, COC):
            yield marker, content
        position += 2 + length


def _check_blocks(style: bytes, parameters: bytes, header: Codestream) -> None:
    """Refuse more code blocks than an image needs, since each takes memory (A.6.1)."""
    if len(parameters) < 5 or not style:
        raise ValueError("its coding style (marker COD or COC) is cut off")
    # exponents of the block size; a precinct of a subband may cut blocks smaller
    across, down = (parameters[1] & 15) + 2, (parameters[2] & 15) + 2
    if style[0] & 1:  # the sizes of precincts are given
        for precinct in parameters[5 : 6 + parameters[0]]:
            across = min(across, max(0, (precinct & 15) - 1))
            down = min(down, max(0, (precinct >> 4) - 1))
    if header.rows * header.columns >> (across + down) > MOST_BLOCKS:
        raise ValueError(f"it has more than {MOST_BLOCKS} code blocks")
