"""Records: as documented, whole or not there, whatever happens to the file."""

import errno
import os
import struct
import zlib

import numpy as np
import pytest

from napari_motionseg.project.journal import Delta, Journal, encode, parse, replay

SHAPE = (4, 20, 30)
U8 = np.dtype(np.uint8)


def some(seed, count=6, dtype=np.uint8):
    draw = np.random.default_rng(seed)
    deltas = []
    for _ in range(count):
        rows, columns = draw.integers(1, 9, 2)
        pixels = draw.integers(0, 5, (rows, columns)).astype(dtype)
        place = (int(draw.integers(0, n)) for n in (4, 20 - rows, 30 - columns))
        deltas.append(Delta(7, *place, pixels))
    return deltas


def painted(deltas):
    """What the changes make, slowly."""
    pixels = np.zeros(SHAPE, np.int64)
    for delta in deltas:
        for (r, c), value in np.ndenumerate(delta.pixels):
            pixels[delta.frame, delta.row + r, delta.column + c] = value
    return pixels


def test_a_record_is_what_the_documentation_says():
    delta = Delta(3, 2, 5, 6, np.asarray([[1, 2], [3, 400]], np.uint16))
    record = encode(delta)
    assert record[:4] == b"\x89MSR"
    assert struct.unpack("<8I", record[4:36])[1:7] == (3, 2, 5, 6, 2, 2)
    assert struct.unpack("<I", record[4:8])[0] == zlib.crc32(record[8:])
    assert struct.unpack("<I", record[32:36])[0] == len(record) - 36
    assert zlib.decompress(record[36:]) == bytes([1, 0, 2, 0, 3, 0, 0x90, 1])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, bool])
def test_what_is_written_is_replayed(tmp_path, dtype):
    deltas = some(1, dtype=dtype)
    journal = Journal(tmp_path / "j")
    written = journal.append(deltas[:2]) + journal.append(deltas[2:])
    content = journal.path.read_bytes()
    assert written == len(content) == journal.size
    pixels, left_out = replay(parse(content), SHAPE, np.dtype(dtype))
    np.testing.assert_array_equal(pixels, painted(deltas))
    assert left_out == 0


def test_a_file_that_is_cut_anywhere_holds_all_records_before_the_cut():
    deltas = some(2)
    records = [encode(delta) for delta in deltas]
    content, ends = b"".join(records), np.cumsum([len(r) for r in records])
    for cut in range(len(content) + 1):
        whole = int((ends <= cut).sum())
        assert len(list(parse(content[:cut]))) == whole


def test_a_spoilt_byte_costs_one_record():
    records = [encode(delta) for delta in some(3)]
    content = b"".join(records)
    start = len(records[0])
    for place in range(start, start + len(records[1])):
        spoilt = bytearray(content)
        spoilt[place] ^= 0x55
        kept = list(parse(bytes(spoilt)))
        assert [r.payload for r in kept] == [
            r.payload for r in parse(content[:start] + b"".join(records[2:]))
        ]


def test_a_few_bytes_that_promise_gigabytes_give_nothing():
    bomb = zlib.compress(bytes(50_000_000))
    body = struct.pack("<7I", 1, 0, 0, 0, 4, 4, len(bomb)) + bomb
    record = b"\x89MSR" + struct.pack("<I", zlib.crc32(body)) + body
    (found,) = parse(record)
    assert found.pixels(SHAPE, U8) is None
    assert replay([found], SHAPE, U8)[1] == 1


@pytest.mark.parametrize(
    "delta",
    [
        Delta(7, 4, 0, 0, np.ones((1, 1), np.uint8)),
        Delta(7, 0, 15, 0, np.ones((6, 1), np.uint8)),
        Delta(7, 0, 0, 30, np.ones((1, 1), np.uint8)),
        Delta(7, 0, 0, 0, np.ones((2, 2), np.uint16)),
    ],
)
def test_a_record_of_another_layer_is_left_out(delta):
    pixels, left_out = replay(parse(encode(delta)), SHAPE, U8)
    assert left_out == 1
    assert not pixels.any()


def test_a_full_disk_takes_nothing_and_the_next_try_takes_all(tmp_path, monkeypatch):
    first, second = some(4)[:3], some(4)[3:]
    journal = Journal(tmp_path / "j")
    journal.append(first)
    write = os.write

    def half(file, content):
        if len(content) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content[: len(content) // 2])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space"):
        journal.append(second)
    torn = parse(journal.path.read_bytes())
    assert len(list(torn)) < 6
    monkeypatch.undo()
    journal.append(second)
    pixels, _ = replay(parse(journal.path.read_bytes()), SHAPE, U8)
    np.testing.assert_array_equal(pixels, painted(first + second))
