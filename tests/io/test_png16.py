"""PNG of 16 bits against Pillow, FFmpeg and a loop over bytes; and files that lie."""

import struct
import subprocess
import zlib
from contextlib import suppress

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from napari_motionseg.errors import MemoryBudgetError, ReadError, WriteError
from napari_motionseg.io.png16 import SIGNATURE, read_png16, write_png16


@pytest.fixture
def pixels():
    values = np.random.default_rng(0).integers(0, 2**16, (7, 11, 3))
    return values.astype(np.uint16)


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(rows, header=None, end=True):
    """A file of filtered rows, by hand."""
    header = header or struct.pack(">IIBBBBB", 11, 7, 16, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows))]
    return SIGNATURE + b"".join([*parts, chunk(b"IEND", b"") if end else b""])


def decoded_by_ffmpeg(path, shape):
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path),
        "-f", "rawvideo", "-pix_fmt", "rgb48be", "-",
    ]  # fmt: skip
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, ">u2").reshape(shape)


def plain_unfilter(filters, coded):
    """The specification's clause 9, byte by byte."""
    height, width, channels = coded.shape
    out = np.zeros(coded.shape, int)
    for r in range(height):
        for c in range(width):
            for b in range(channels):
                left = out[r, c - 1, b] if c else 0
                above = out[r - 1, c, b] if r else 0
                corner = out[r - 1, c - 1, b] if r and c else 0
                p = left + above - corner
                near = min(
                    (abs(p - left), 0), (abs(p - above), 1), (abs(p - corner), 2)
                )
                paeth = (left, above, corner)[near[1]]
                guess = (0, left, above, (left + above) // 2, paeth)[filters[r]]
                out[r, c, b] = (int(coded[r, c, b]) + guess) % 256
    return out


@pytest.mark.parametrize("shape", [(7, 11), (1, 1), (1, 9), (8, 1)])
def test_round_trip_and_what_others_read(tmp_path, shape):
    values = np.random.default_rng(1).integers(0, 2**16, (*shape, 3))
    pixels = values.astype(np.uint16)
    path = tmp_path / "a.png"
    write_png16(path, pixels)
    np.testing.assert_array_equal(read_png16(path), pixels)
    with Image.open(path) as image:
        image.load()  # check sums and all rows
        assert image.size == shape[::-1]
    np.testing.assert_array_equal(decoded_by_ffmpeg(path, pixels.shape), pixels)


@pytest.mark.parametrize("height", [1, 13])
def test_all_filters_are_undone_as_the_specification_says(tmp_path, height):
    generator = np.random.default_rng(2)
    coded = generator.integers(0, 256, (height, 5, 6), dtype=np.uint8)
    filters = np.arange(height) % 5
    rows = b"".join(
        bytes([kind]) + row.tobytes()
        for kind, row in zip(filters.tolist(), coded, strict=True)
    )
    path = tmp_path / "a.png"
    path.write_bytes(png(rows, struct.pack(">IIBBBBB", 5, height, 16, 2, 0, 0, 0)))
    expected = plain_unfilter(filters, coded).astype(np.uint8).view(">u2")
    np.testing.assert_array_equal(read_png16(path), expected)


def test_a_file_of_another_program_with_its_data_in_parts(tmp_path, pixels):
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    packed = zlib.compress(rows)
    header = struct.pack(">IIBBBBB", 11, 7, 16, 2, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header), chunk(b"tEXt", b"Author\0x"),
        chunk(b"IDAT", packed[:9]), chunk(b"IDAT", packed[9:]), chunk(b"IEND", b""),
    ]  # fmt: skip
    path = tmp_path / "a.png"
    path.write_bytes(SIGNATURE + b"".join(parts))
    np.testing.assert_array_equal(read_png16(path), pixels)


def test_every_truncation_is_noticed(tmp_path, pixels):
    path = tmp_path / "a.png"
    write_png16(path, pixels)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ReadError, match=r"a\.png"):
            read_png16(path)


def test_every_flipped_byte_that_counts_is_noticed(tmp_path, pixels, capfd):
    path = tmp_path / "a.png"
    write_png16(path, pixels)
    whole = path.read_bytes()
    comment = whole.index(b"tEXt")
    unnoticed = []
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        with suppress(ReadError, MemoryBudgetError):
            np.testing.assert_array_equal(read_png16(path), pixels)
            unnoticed.append(at)
    text = b"Software\0napari-motionseg"
    may_differ = {*range(comment, comment + 4 + len(text) + 4)}
    may_differ |= {*range(len(whole) - 4, len(whole))}  # check sum of the end chunk
    assert set(unnoticed) <= may_differ
    assert capfd.readouterr() == ("", "")  # libpng likes to write there


@pytest.mark.parametrize("kind", [b"tRNS", b"tEXt", b"gAMA", b"zzZz"])
def test_chunks_that_are_not_pixels_change_nothing(tmp_path, pixels, kind, capfd):
    path = tmp_path / "a.png"
    write_png16(path, pixels)
    whole = path.read_bytes()
    at = whole.index(b"IDAT") - 4
    path.write_bytes(whole[:at] + chunk(kind, b"\0\1\0\2\0\3") + whole[at:])
    np.testing.assert_array_equal(read_png16(path), pixels)
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_larger_than_the_budget(tmp_path):
    path = tmp_path / "a.png"
    pixels = np.zeros((7, 11, 3), np.uint16)  # packed to less than they take
    write_png16(path, pixels)
    whole = path.read_bytes()
    with pytest.raises(MemoryBudgetError, match="11 x 7 pixels need"):
        read_png16(path, memory_budget=len(whole))
    path.write_bytes(whole + b"\0" * 5000)
    assert read_png16(path).shape == pixels.shape  # the end chunk ends the file
    with pytest.raises(MemoryBudgetError, match="larger than the memory"):
        read_png16(path, memory_budget=5000)


PACKED_OTHERWISE = struct.pack(">IIBBBBB", 11, 7, 16, 2, 1, 0, 0)
FILTERED_OTHERWISE = struct.pack(">IIBBBBB", 11, 7, 16, 2, 0, 1, 0)


def headed(*fields):
    return png(b"", struct.pack(">IIBBBBB", *fields))


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"GIF89a", ReadError, "not a PNG"),
        (headed(2**31 - 1, 2**31 - 1, 16, 2, 0, 0, 0), MemoryBudgetError, "budget"),
        (headed(0, 4, 16, 2, 0, 0, 0), ReadError, "0 x 4 pixels"),
        (headed(4, 2**31, 16, 2, 0, 0, 0), ReadError, "damaged PNG"),
        (headed(4, 4, 8, 2, 0, 0, 0), ReadError, "8 bits and colour type 2"),
        (headed(4, 4, 16, 6, 0, 0, 0), ReadError, "colour type 6"),
        (headed(4, 4, 16, 2, 0, 0, 1), ReadError, "interlaced"),
        (png(b"\0" * 469, PACKED_OTHERWISE), ReadError, "unreadable PNG"),
        (png(b"\0" * 469, FILTERED_OTHERWISE), ReadError, "unreadable PNG"),
        (png(b"\0" * 469, end=False), ReadError, "cut short"),
        (png(b"\0" * 70), ReadError, "469 bytes expected, 70 found"),
        (png(b"\0" * 10_000_000), ReadError, "469 bytes expected, more found"),
        (png(b"\5" * 469), ReadError, "damaged or unreadable PNG"),
        (SIGNATURE + chunk(b"IEND", b""), ReadError, "begin with a header"),
        (SIGNATURE + struct.pack(">I", 2**31) + b"IHDR" * 4, ReadError, "cut short"),
    ],
)
def test_hostile_files(tmp_path, data, error, message):
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    with pytest.raises(error, match=message):
        read_png16(path)


def test_faults(tmp_path, pixels):
    with pytest.raises(ReadError, match="no such file"):
        read_png16(tmp_path / "none.png")
    for bad in (pixels[..., :2], pixels[0], pixels.astype(np.uint8)):
        with pytest.raises(WriteError, match="uint16; got"):
            write_png16(tmp_path / "a.png", bad)
    with pytest.raises(WriteError, match="at least one row and column"):
        write_png16(tmp_path / "a.png", pixels[:0])
    assert not list(tmp_path.iterdir())
