"""Frames are found whatever the table of offsets says, in linear time."""

import io
import struct

import numpy as np
import pytest
from helpers import coded_frames
from helpers import dicom_files as files
from pydicom import uid

from napari_motionseg.errors import MemoryBudgetError, PartialReadWarning
from napari_motionseg.io import encapsulation, read_cine
from napari_motionseg.io.encapsulation import find_items, group_fragments

PIXELS = files.gray_frames(frames=4, rows=20, columns=24)
ITEM = b"\xfe\xff\x00\xe0"


def items(table, fragments):
    parts = [table, *(part + b"\0" * (len(part) % 2) for part in fragments)]
    whole = b"".join(ITEM + struct.pack("<I", len(part)) + part for part in parts)
    return whole + b"\xfe\xff\xdd\xe0\0\0\0\0"


def fragments_of(streams, number):
    """Cut each stream into a number of fragments of even length."""
    parts = []
    for stream in streams:
        stream += b"\0" * (len(stream) % 2)
        edges = np.linspace(0, len(stream) // 2, number + 1).astype(int) * 2
        parts += [stream[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    return parts


def right_offsets(parts, number):
    sizes = [len(part) + len(part) % 2 + 8 for part in parts]
    return np.cumsum([0, *sizes])[:-1:number]


WRONG = {
    "zero": lambda right: 0 * right,
    "shifted": lambda right: right + 8,
    "by one frame": lambda right: np.append(right[1:], right[-1] + 100),
    "falling": lambda right: right[::-1],
    "too long": lambda right: np.append(right, [0, 0]),
    "too short": lambda right: right[:1],
    "cut to 32 bits": lambda right: right | 0xFFFF0000,
    "repeated": lambda right: np.repeat(right[::2], 2),
}


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("extended", [False, True])
def test_a_wrong_table_of_offsets_shifts_nothing(tmp_path, fault, number, extended):
    streams = [coded_frames.run_lengths(frame) for frame in PIXELS]
    parts = fragments_of(streams, number)
    wrong = np.asarray(WRONG[fault](right_offsets(parts, number)), "<u8")
    data = files.xa_dataset(PIXELS)
    data.file_meta.TransferSyntaxUID = uid.RLELossless
    table = b"" if extended else wrong.astype("<u4").tobytes()
    if extended:
        data.ExtendedOffsetTable = wrong.tobytes()
    data.PixelData = items(table, parts)
    data["PixelData"].is_undefined_length = True
    path = files.save(data, tmp_path / "a.dcm")
    with pytest.warns(PartialReadWarning, match="the table of offsets is wrong"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


def grouped(table, parts, promised, extended=()):
    content = items(np.asarray(table, "<u4").tobytes(), parts)
    found = find_items(io.BytesIO(content), 0, len(content))
    frames, note = group_fragments(found, promised, extended)
    return [len(frame) for frame in frames], note


def test_a_right_table_is_believed_where_a_frame_is_blank():
    """The second frame begins like no codestream; the table knows where it begins."""
    parts = [b"\xff\xd8\xff1", b"22", bytes(4), b"44", b"\xff\xd8\xff5", b"66"]
    table = right_offsets(parts, 2)
    assert grouped(table, parts, 3) == ([2, 2, 2], None)
    assert grouped((), parts, 3, extended=table.tolist()) == ([2, 2, 2], None)


def test_one_frame_in_several_fragments():
    assert grouped((), [b"\xff\xd8\xff1", b"22", b"33"], 1) == ([3], None)
    assert grouped((), [b"11", b"22"], 1) == ([2], None)


def loop_of(path, syntax, value, **attributes):
    data = files.xa_dataset(PIXELS, **attributes)
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = value
    data["PixelData"].is_undefined_length = True
    return files.save(data, path)


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEG2000Lossless])
def test_a_missing_table_costs_no_frame(tmp_path, syntax):
    """Some writers begin with the first frame instead of an empty table."""
    streams = [coded_frames.encode(frame, syntax, 8) for frame in PIXELS]
    path = loop_of(tmp_path / "a.dcm", syntax, items(b"", streams)[8:])
    np.testing.assert_array_equal(read_cine(path).frames[:], PIXELS)


@pytest.mark.parametrize(
    "syntax", [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless]
)
def test_fragments_that_cut_the_header_of_a_codestream(tmp_path, syntax):
    parts = []
    for frame in PIXELS:
        stream = coded_frames.encode(frame, syntax, 8)
        parts += [stream[:2], stream[2:20], b"", stream[20:]]
    path = loop_of(tmp_path / "a.dcm", syntax, items(b"", parts))
    np.testing.assert_array_equal(read_cine(path).frames[:], PIXELS)


@pytest.mark.parametrize("syntax", [uid.JPEGLSLossless, uid.JPEG2000Lossless])
@pytest.mark.parametrize("padding", [b"", bytes(3)])
def test_all_frames_in_one_fragment(tmp_path, syntax, padding):
    streams = [coded_frames.encode(frame, syntax, 8) + padding for frame in PIXELS]
    path = loop_of(tmp_path / "a.dcm", syntax, items(b"", [b"".join(streams)]))
    np.testing.assert_array_equal(read_cine(path).frames[:], PIXELS)


@pytest.mark.parametrize("number", [1, 3, 4])
@pytest.mark.parametrize("wrong", [-2, 4, 10**6, 0xFFFFFFFF])
def test_a_wrong_length_of_an_item_costs_no_other_frame(tmp_path, number, wrong):
    streams = [coded_frames.run_lengths(frame) for frame in PIXELS]
    value = bytearray(items(b"", streams))
    at = -1
    for _ in range(number + 1):
        at = value.index(ITEM, at + 1)
    right = struct.unpack_from("<I", value, at + 4)[0]
    struct.pack_into("<I", value, at + 4, min(right + wrong, 0xFFFFFFFF))
    path = loop_of(tmp_path / "a.dcm", uid.RLELossless, bytes(value))
    with pytest.warns(PartialReadWarning, match="the length of an item is wrong"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


@pytest.mark.parametrize("wrong", [-2, 2, 0xFFFFFFFF])
def test_wrong_lengths_of_all_items_cost_no_frame(tmp_path, wrong):
    streams = [coded_frames.run_lengths(frame) for frame in PIXELS]
    value = bytearray(items(b"", streams))
    at = value.index(ITEM, 1)
    for stream in streams:
        length = len(stream) + len(stream) % 2
        struct.pack_into("<I", value, at + 4, min(length + wrong, 0xFFFFFFFF))
        at += 8 + length
    path = loop_of(tmp_path / "a.dcm", uid.RLELossless, bytes(value))
    with pytest.warns(PartialReadWarning, match="the length of an item is wrong"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


def test_a_loop_that_ends_between_two_items_is_cut_off(tmp_path):
    streams = [coded_frames.run_lengths(frame) for frame in PIXELS]
    path = loop_of(tmp_path / "a.dcm", uid.RLELossless, items(b"", streams))
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(ITEM)])
    with pytest.warns(PartialReadWarning, match="1 of 4 .* the file ends too early"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], PIXELS[:3])


def test_an_extended_table_that_is_text_is_ignored(tmp_path):
    streams = [coded_frames.run_lengths(frame) for frame in PIXELS]
    path = loop_of(
        tmp_path / "a.dcm",
        uid.RLELossless,
        items(b"", streams),
        ExtendedOffsetTable=b"ab",
    )
    content = path.read_bytes()
    old = struct.pack("<HH2sHI", 0x7FE0, 1, b"OV", 0, 2) + b"ab"
    assert old in content
    new = struct.pack("<HH2sH", 0x7FE0, 1, b"LO", 6) + b"no way"[:6]
    path.write_bytes(content.replace(old, new))
    np.testing.assert_array_equal(read_cine(path).frames[:], PIXELS)


def test_entries_behind_the_last_frame_are_left_out():
    parts = [b"\xff\xd8\xff1", b"\xff\xd8\xff2"]
    assert grouped([0, 12, 24, 36], parts, 2) == ([1, 1], None)


def test_sixty_thousand_frames_are_grouped_in_one_pass(monkeypatch):
    """The number of steps is counted, not the time."""
    steps = 0
    real = encapsulation.codestream_kind

    def counted(head):
        nonlocal steps
        steps += 1
        return real(head)

    monkeypatch.setattr(encapsulation, "codestream_kind", counted)
    count = 60_000
    parts = [b"\xff\xd8\xff1"] * count
    for table in (np.arange(count) * 12, np.zeros(count)):
        steps = 0
        lengths, _ = grouped(table, parts, count)
        assert lengths == [1] * count
        assert steps <= count + 1  # the first item, a table, is looked at too


def test_items_that_claim_too_much_end_the_walk(tmp_path):
    content = ITEM + bytes(4) + ITEM + struct.pack("<I", 0xFFFFFFF0) + b"abcd"
    found = find_items(io.BytesIO(content), 0, len(content))
    assert found == ((), [], True, False)
    data = files.xa_dataset(PIXELS)
    data.file_meta.TransferSyntaxUID = uid.RLELossless
    data.PixelData = content
    data["PixelData"].is_undefined_length = True
    path = files.save(data, tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes().removesuffix(b"\xfe\xff\xdd\xe0\0\0\0\0"))
    with pytest.raises(MemoryBudgetError, match="not one whole frame"):
        read_cine(path)


def test_the_next_item_is_searched_for_in_linear_time(monkeypatch):
    """Nothing follows the items that the data seem to hold."""
    searches = 0
    real = encapsulation._is_item

    def counted(*arguments):
        nonlocal searches
        searches += 1
        return real(*arguments)

    monkeypatch.setattr(encapsulation, "_is_item", counted)
    seeming = (ITEM + b"\xf0\xff\xff\xff") * 5000
    content = ITEM + bytes(4) + ITEM + struct.pack("<I", 8) + bytes(9) + seeming
    found = find_items(io.BytesIO(content), 0, len(content))
    assert (len(found.fragments), found.cut_off) == (1, True)
    assert searches <= 5000


def test_too_many_fragments_are_refused(monkeypatch):
    monkeypatch.setattr(encapsulation, "MOST_ITEMS", 100)
    with pytest.raises(ValueError, match="more than 100 fragments"):
        grouped((), [b"12"] * 101, 1)
