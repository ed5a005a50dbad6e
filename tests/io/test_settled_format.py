"""What the pixel data tell of their format counts more than a header that is wrong."""

import struct

import numpy as np
import pytest
from helpers import coded_frames
from helpers import dicom_files as files
from pydicom import uid

from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io import read_cine

PIXELS = files.gray_frames(frames=3, rows=10, columns=12)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.dcm"


def put(data, raw):
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    return data


def items(streams):
    parts = [b"", *(stream + b"\0" * (len(stream) % 2) for stream in streams)]
    whole = b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(p)) + p for p in parts)
    return whole + b"\xfe\xff\xdd\xe0\0\0\0\0"


def in_items(data, streams, syntax):
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = items(streams)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return data


def read_with(path, data, words):
    files.save(data, path)
    with pytest.warns(PartialReadWarning, match=words):
        cine = read_cine(path)
    assert any(words.split(",")[0] in note for note in cine.notes)
    return cine


@pytest.mark.parametrize(("bits", "allocated"), [(8, 16), (8, 32), (12, 32)])
def test_samples_in_smaller_containers_than_allocated(path, bits, allocated):
    pixels = files.gray_frames(bits=bits)
    data = files.xa_dataset(pixels, bits, BitsAllocated=allocated)
    cine = read_with(path, data, f"BitsAllocated is {allocated}, but")
    np.testing.assert_array_equal(cine.frames[:], pixels)


@pytest.mark.parametrize("count", [1, 3])
def test_gray_that_is_called_colour(path, count):
    data = files.xa_dataset(PIXELS[:count], SamplesPerPixel=3)
    cine = read_with(path, data, "SamplesPerPixel is 3, but")
    np.testing.assert_array_equal(cine.frames[:], PIXELS[:count])


def test_colour_that_is_called_gray(path):
    colours = np.stack([PIXELS] * 3, -1)
    data = files.xa_dataset(colours, SamplesPerPixel=1)
    cine = read_with(path, data, "SamplesPerPixel is 1, but")
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


@pytest.mark.parametrize("columns", [12, 11])
def test_pairs_of_colours_that_are_called_whole(path, columns):
    grays = PIXELS[..., :columns]
    even = np.pad(grays, ((0, 0), (0, 0), (0, columns % 2)), mode="edge")
    neutral = np.full(even[..., ::2].shape, 128, np.uint8)
    quads = np.stack([even[..., ::2], even[..., 1::2], neutral, neutral], -1)
    data = files.xa_dataset(np.stack([grays] * 3, -1))
    data.PhotometricInterpretation = "YBR_FULL"
    cine = read_with(path, put(data, quads.tobytes()), "pairs of pixels share them")
    assert np.abs(cine.frames[:].astype(int) - grays).max() <= 1


def test_a_wrong_number_of_frames_changes_no_format(path):
    data = files.xa_dataset(PIXELS.astype(np.uint16), 12, NumberOfFrames=9)
    cine = read_with(path, data, "6 of 9 frames are missing: the pixel data hold no")
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


def test_a_file_that_is_cut_off_changes_no_format(path):
    """Half of the words look like all of the bytes, but the file says how many."""
    pixels = files.gray_frames(frames=4, bits=12)
    files.save(files.xa_dataset(pixels, 8), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - pixels.nbytes // 2])
    with pytest.warns(PartialReadWarning, match="2 of 4 .* the file ends too early"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], pixels[:2] & 255)


@pytest.mark.parametrize("wrong", [{"Rows": 9}, {"Columns": 11}, {"Columns": 13}])
def test_a_length_that_fits_no_frame_is_said(path, wrong):
    """Nothing tells the right size of a picture that is not compressed."""
    data = files.xa_dataset(PIXELS[:1], **wrong)
    if 13 in wrong.values():
        data.NumberOfFrames, data.PixelData = 3, PIXELS.tobytes()
    files.save(data, path)
    with pytest.warns(PartialReadWarning) as seen:
        cine = read_cine(path)
    assert any("is wrong" in str(one.message) for one in seen)
    assert any("Rows, Columns or BitsAllocated is wrong" in note for note in cine.notes)


@pytest.mark.parametrize("syntax", [uid.JPEG2000Lossless, uid.JPEGLSLossless])
def test_the_size_of_a_codestream_counts(path, syntax):
    streams = [coded_frames.encode(frame, syntax, 8) for frame in PIXELS]
    data = files.xa_dataset(PIXELS, Rows=12, Columns=10)
    cine = read_with(
        path, in_items(data, streams, syntax), "frames are of 10 x 12 pixels, though"
    )
    assert cine.shape == PIXELS.shape
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


def test_one_frame_of_another_size_is_a_damaged_frame(path):
    syntax = uid.JPEG2000Lossless
    odd = [PIXELS[0, :5], *PIXELS[1:]]
    streams = [coded_frames.encode(np.ascontiguousarray(f), syntax, 8) for f in odd]
    files.save(in_items(files.xa_dataset(PIXELS), streams, syntax), path)
    cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[1], PIXELS[1])
    with pytest.warns(PartialReadWarning, match="5 x 12 pixels.*shown blank"):
        cine.frames[0]


def test_the_bits_of_a_lossless_codestream_count(path):
    deep = files.gray_frames(bits=12)
    syntax = uid.JPEG2000Lossless
    streams = [coded_frames.encode(frame, syntax, 12) for frame in deep]
    data = in_items(files.xa_dataset(deep, 8), streams, syntax)
    cine = read_with(path, data, "frames have 12 bits, though BitsStored is 8")
    assert cine.bits_stored == 12
    np.testing.assert_array_equal(cine.frames[:], deep)


@pytest.mark.parametrize(("bits", "stored"), [(8, 16), (8, 12), (10, 12), (12, 16)])
def test_fewer_bits_than_stored_keep_the_range(path, bits, stored):
    """The gray levels would else be shown and learnt nearly black."""
    pixels = files.gray_frames(bits=bits)
    syntax = uid.JPEG2000Lossless
    streams = [coded_frames.encode(frame, syntax, bits) for frame in pixels]
    data = in_items(files.xa_dataset(pixels.astype(np.uint16), stored), streams, syntax)
    cine = read_with(
        path, data, f"frames have {bits} bits, though BitsStored is {stored}"
    )
    assert cine.bits_stored == bits
    np.testing.assert_array_equal(cine.frames[:], pixels)


@pytest.mark.parametrize(
    ("pixels", "wrong"),
    [
        (PIXELS, {"BitsAllocated": 16}),
        (PIXELS, {"SamplesPerPixel": 3, "PlanarConfiguration": 0}),
        (
            files.gray_frames(bits=12),
            {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7},
        ),
    ],
)
def test_the_segments_of_run_lengths_count(path, pixels, wrong):
    streams = [coded_frames.run_lengths(frame) for frame in pixels]
    data = files.xa_dataset(pixels, **wrong)
    cine = read_with(
        path, in_items(data, streams, uid.RLELossless), "number of run-length segments"
    )
    np.testing.assert_array_equal(cine.frames[:], pixels)


def test_run_lengths_of_more_rows_are_not_cut(path):
    streams = [coded_frames.run_lengths(frame) for frame in PIXELS]
    data = in_items(files.xa_dataset(PIXELS, Rows=5), streams, uid.RLELossless)
    cine = read_cine(files.save(data, path))
    words = "120 bytes, but Rows and Columns ask for 60"
    with pytest.warns(PartialReadWarning), pytest.raises(ReadError, match=words):
        cine.frames[:]


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1.98", uid.JPEGBaseline8Bit])
def test_uncompressed_frames_in_items(path, bits, syntax):
    pixels = files.gray_frames(rows=5, columns=7, bits=bits)
    streams = [frame.tobytes() for frame in pixels]
    data = in_items(files.xa_dataset(pixels, bits), streams, uid.JPEGBaseline8Bit)
    data.file_meta.TransferSyntaxUID = syntax
    files.save(data, path)
    if syntax == uid.JPEGBaseline8Bit:
        with pytest.warns(PartialReadWarning, match="not compressed but lie in items"):
            cine = read_cine(path)
    else:
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], pixels)


@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", bytes(4)])
def test_uncompressed_pixels_whose_length_is_not_given(path, length):
    content = files.save(files.xa_dataset(PIXELS), path).read_bytes()
    at = content.index(struct.pack("<HH2s", 0x7FE0, 0x10, b"OB")) + 8
    path.write_bytes(content[:at] + length + content[at + 4 :])
    with pytest.warns(PartialReadWarning, match="up to the end of the file was read"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


@pytest.mark.parametrize("named", ["HSV", "GRAYSCALE"])
def test_unknown_colours_are_said(path, named):
    pixels = np.stack([PIXELS] * 3, -1) if named == "HSV" else PIXELS
    data = files.xa_dataset(pixels, PhotometricInterpretation=named)
    cine = read_with(path, data, f"'{named}' is unknown or does not fit")
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


def test_bits_stored_follow_from_the_high_bit(path):
    deep = files.gray_frames(bits=12)
    data = files.xa_dataset(deep, 12)
    del data.BitsStored
    cine = read_cine(files.save(data, path))
    assert cine.bits_stored == 12


def test_a_size_of_two_values_is_refused_by_name(path):
    data = files.xa_dataset(PIXELS, Rows=[10, 10])
    with pytest.raises(ReadError, match=r"Rows holds '\[10, 10\]' and not one whole"):
        read_cine(files.save(data, path))
