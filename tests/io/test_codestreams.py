"""Promises of a codestream are looked at before anything is decoded."""

import struct

import imagecodecs
import numpy as np
import pytest
from helpers import coded_frames
from helpers import dicom_files as files
from pydicom import uid

from napari_motionseg.errors import DamagedFrameError, MemoryBudgetError, ReadError
from napari_motionseg.io import frame_decoders, read_cine
from napari_motionseg.io.codestreams import MOST_SCANS, read_codestream
from napari_motionseg.io.frame_decoders import decode_frame

FRAME = coded_frames.smooth_frames(8, frames=1)[0]


def stream_of(syntax):
    return coded_frames.encode(FRAME, syntax, 8)


def patched(stream, mark, offset, value):
    at = stream.index(mark) + offset
    return stream[:at] + value + stream[at + len(value) :]


LARGE = b"\0\0\xff\xff" * 2  # 65535 x 65535
BOMBS = {
    uid.JPEGBaseline8Bit: (b"\xff\xc0", 5, b"\xff\xff\xff\xff"),
    uid.JPEGLosslessSV1: (b"\xff\xc3", 5, b"\x7f\xff\xff\xff"),
    uid.JPEGLSLossless: (b"\xff\xf7", 5, b"\xff\xff\xff\xff"),
    uid.JPEG2000Lossless: (b"\xff\x51", 6, LARGE + bytes(8) + LARGE),
    uid.HTJ2KLossless: (b"\xff\x51", 6, LARGE + bytes(8) + LARGE),
}


@pytest.fixture
def no_decoder(monkeypatch):
    """No decoder may be called."""

    def refuse(*_):
        raise AssertionError("a decoder was called")

    for kind in frame_decoders._DECODERS:
        monkeypatch.setitem(frame_decoders._DECODERS, kind, refuse)


@pytest.mark.parametrize("syntax", BOMBS, ids=lambda syntax: syntax.name)
def test_a_size_bomb_reaches_no_decoder(no_decoder, syntax):
    stream = patched(stream_of(syntax), *BOMBS[syntax])
    with pytest.raises(ValueError, match="its codestream is of|code blocks"):
        decode_frame(stream, *FRAME.shape, 1, 1, rgb=False)


def test_a_size_bomb_whose_header_agrees(tmp_path):
    stream = patched(stream_of(uid.JPEGLSLossless), *BOMBS[uid.JPEGLSLossless])
    data = files.xa_dataset(FRAME[None], Rows=65535, Columns=65535)
    data = files.encapsulated(data, [stream], uid.JPEGLSLossless)
    with pytest.raises(MemoryBudgetError, match="65535 x 65535"):
        read_cine(files.save(data, tmp_path / "a.dcm"))


def test_endless_scans_tiles_and_blocks_reach_no_decoder(no_decoder):
    jpeg = stream_of(uid.JPEGBaseline8Bit)
    scans = jpeg[:-2] + jpeg[jpeg.index(b"\xff\xda") : -2] * MOST_SCANS + jpeg[-2:]
    j2k = stream_of(uid.JPEG2000Lossless)
    tiles = patched(j2k, b"\xff\x51", 22, b"\0\0\0\1\0\0\0\1")
    cases = {"256 scans": scans, "tiles": tiles}
    for words, stream in cases.items():
        with pytest.raises(ValueError, match=words):
            decode_frame(stream, *FRAME.shape, 1, 1, rgb=False)


def test_code_blocks_are_counted(no_decoder, monkeypatch):
    monkeypatch.setattr("napari_motionseg.io.codestreams.MOST_BLOCKS", 100)
    j2k = stream_of(uid.JPEG2000Lossless)
    small = patched(j2k, b"\xff\x52", 10, b"\0\0")  # blocks of 4 x 4
    with pytest.raises(ValueError, match="100 code blocks"):
        read_codestream(small)
    at = j2k.index(b"\xff\x52")
    levels = j2k[at + 9]
    style = bytearray(j2k[at : at + 14])
    style[3], style[4] = 12 + levels + 1, style[4] | 1
    precincts = bytes(style) + b"\x11" * (levels + 1)  # precincts of 2 x 2
    with pytest.raises(ValueError, match="100 code blocks"):
        read_codestream(j2k[:at] + precincts + j2k[at + 14 :])


@pytest.mark.parametrize("syntax", coded_frames.CATALOGUE, ids=lambda s: s.name)
def test_no_cut_or_turned_header_raises_anything_else(syntax):
    stream = stream_of(syntax)
    generator = np.random.default_rng(7)
    for length in [*range(80), *generator.integers(80, len(stream), 20)]:
        _only_known_errors(stream[:length])
    for _ in range(100):
        turned = bytearray(stream)
        for place in generator.integers(0, min(len(stream), 120), 3):
            turned[place] = generator.integers(256)
        _only_known_errors(bytes(turned))


def _only_known_errors(stream):
    try:
        pixels, _ = decode_frame(stream, *FRAME.shape, 1, 1, rgb=False)
    except (ValueError, RuntimeError, IndexError, struct.error):
        return
    assert pixels.shape[:2] == FRAME.shape


@pytest.mark.parametrize(
    "syntax", [uid.JPEGBaseline8Bit, uid.JPEGLosslessSV1], ids=lambda s: s.name
)
def test_a_jpeg_without_its_last_marker_is_read_if_it_is_whole(syntax):
    """Some encoders forget it. A frame that is cut off lacks it, too."""
    stream = stream_of(syntax)
    whole, _ = decode_frame(stream, *FRAME.shape, 1, 1, rgb=False)
    without, _ = decode_frame(stream[:-2], *FRAME.shape, 1, 1, rgb=False)
    np.testing.assert_array_equal(whole, without)
    with pytest.raises((ValueError, RuntimeError)):
        decode_frame(stream[: len(stream) * 2 // 3], *FRAME.shape, 1, 1, rgb=False)


def test_deeper_samples_than_the_file_allows(tmp_path):
    deep = coded_frames.smooth_frames(12)
    data = files.xa_dataset(coded_frames.smooth_frames(8))
    streams = [coded_frames.encode(f, uid.JPEG2000Lossless, 12) for f in deep]
    data = files.encapsulated(data, streams, uid.JPEG2000Lossless)
    with pytest.raises(ReadError, match="12 bits per sample, more than the 8"):
        read_cine(files.save(data, tmp_path / "a.dcm"))


def test_one_damaged_frame_of_a_series_is_named_by_its_place(tmp_path):
    """Each file holds its frame 0; the loop counts through."""
    series = uid.generate_uid()
    for number in range(3):
        stream = stream_of(uid.RLELossless)
        stream = bytes(len(stream)) if number == 1 else stream
        data = files.xa_dataset(
            FRAME[None], SeriesInstanceUID=series, InstanceNumber=number + 1
        )
        del data.NumberOfFrames
        data = files.encapsulated(data, [stream], uid.RLELossless)
        files.save(data, tmp_path / f"{number}.dcm")
    cine = read_cine(tmp_path)
    with pytest.raises(DamagedFrameError) as caught:
        cine.frames._decode(1)
    assert caught.value.frame == 1


@pytest.fixture(scope="module")
def stream():
    return imagecodecs.jpeg8_encode(np.zeros((16, 24), np.uint8), level=90)


def test_a_header_cut_at_any_byte_is_an_error(stream):
    end = stream.index(b"\xff\xda")
    for length in range(24, end):
        with pytest.raises(ValueError, match=r"cut off|no frame header|begins with"):
            read_codestream(stream[:length])


@pytest.mark.parametrize("filling", [b"\0", b"\x11", b"\xff"])
def test_a_header_that_goes_on_without_a_marker_ends(stream, filling):
    """Found by the fuzz: without another marker the walk began again at the start."""
    end = stream.index(b"\xff\xdb")
    with pytest.raises(ValueError, match="cut off"):
        read_codestream(stream[:end] + filling * 500)


@pytest.mark.parametrize(("transform", "colours"), [(0, "RGB"), (1, "YBR"), (2, "YBR")])
def test_the_adobe_segment_says_which_colours_a_jpeg_holds(transform, colours):
    stream = imagecodecs.jpeg8_encode(FRAME)
    adobe = b"Adobe" + bytes([0, 100, 0, 0, 0, 0, transform])
    segment = b"\xff\xee" + struct.pack(">H", 2 + len(adobe)) + adobe
    found = read_codestream(stream[:2] + segment + stream[2:])
    assert found.colours == colours


@pytest.mark.parametrize("transformed", [True, False])
def test_jpeg_2000_says_whether_its_colours_were_transformed(transformed):
    frame = np.dstack([FRAME, FRAME[::-1], FRAME[:, ::-1]])
    stream = imagecodecs.jpeg2k_encode(frame, mct=transformed, codecformat="J2K")
    assert read_codestream(stream).colours == ("RGB" if transformed else "")
