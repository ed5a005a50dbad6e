"""What the pixel data are counts more than what the header says of them."""

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from helpers import coded_frames
from helpers import dicom_files as files
from pydicom import dcmwrite, uid

from napari_motionseg.errors import MissingDecoderError, PartialReadWarning, ReadError
from napari_motionseg.io import can_read, read_cine
from napari_motionseg.io.dicom_encoding import MOST_ELEMENTS
from napari_motionseg.io.dicom_header import is_dicom
from napari_motionseg.io.program_marks import is_foreign_loop

DEFLATED = uid.DeflatedExplicitVRLittleEndian
GE_PRIVATE = "1.2.840.113619.5.2"
PIXELS = files.gray_frames(frames=3, rows=10, columns=12)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.dcm"


def renamed(path, old, new):
    """Write another transfer syntax into a file, of the same length."""
    width = len(old) + len(old) % 2
    there, wanted = old.encode().ljust(width, b"\0"), new.encode().ljust(width, b"\0")
    content = path.read_bytes()
    assert there in content
    assert len(wanted) == width
    path.write_bytes(content.replace(there, wanted, 1))
    return path


def run_lengths():
    return [coded_frames.run_lengths(frame) for frame in PIXELS]


def body(path):
    """Where the data set begins behind the file meta."""
    content = path.read_bytes()
    at = content.index(b"DICM") + 4
    return at + 12 + struct.unpack_from("<I", content, at + 8)[0]


@pytest.mark.parametrize(
    ("implicit", "little", "named"),
    [
        (True, True, uid.ExplicitVRLittleEndian),
        (False, True, uid.ImplicitVRLittleEndian),
        (False, False, uid.ExplicitVRLittleEndian),
        (False, True, uid.ExplicitVRBigEndian),
        (True, True, uid.ExplicitVRBigEndian),
    ],
)
@pytest.mark.parametrize("bits", [8, 12])
def test_another_encoding_than_the_syntax_says(path, implicit, little, named, bits):
    pixels = files.gray_frames(bits=bits)
    data = files.xa_dataset(pixels, bits)
    if not little:
        data.PixelData = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    data.file_meta.TransferSyntaxUID = named
    dcmwrite(
        path, data, implicit_vr=implicit, little_endian=little, force_encoding=True
    )
    with pytest.warns(PartialReadWarning, match="the data set is"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], pixels)


def test_no_preamble(path):
    files.save(files.xa_dataset(PIXELS), path)
    path.write_bytes(path.read_bytes()[132:])
    assert is_dicom(path)
    assert can_read(path)
    np.testing.assert_array_equal(read_cine(path).frames[:], PIXELS)


@pytest.mark.parametrize("preamble", [bytes(128) + b"DICM", b""])
@pytest.mark.parametrize(
    "syntax",
    [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian],
)
def test_no_file_meta(path, preamble, syntax):
    pixels = files.gray_frames(bits=12)
    files.save(files.xa_dataset(pixels, 12, syntax), path)
    path.write_bytes(preamble + path.read_bytes()[body(path) :])
    with pytest.warns(PartialReadWarning, match="names no transfer syntax"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], pixels)


@pytest.mark.parametrize(
    "content", [b"hello world, this is text", b"\x08\x00 no tag", bytes(200), b"II*\0"]
)
def test_what_is_not_dicom_without_a_preamble(path, content):
    path.write_bytes(content)
    assert not is_dicom(path)


@pytest.mark.parametrize(
    "named", [uid.ExplicitVRLittleEndian, uid.JPEGBaseline8Bit, GE_PRIVATE]
)
def test_compressed_pixels_under_another_syntax(path, named):
    """Run lengths called uncompressed, JPEG, or something that nobody knows."""
    data = files.encapsulated(files.xa_dataset(PIXELS), run_lengths(), uid.RLELossless)
    files.save(data, path)
    content = path.read_bytes()
    at = body(path)
    meta = struct.pack("<HH2sHI2s", 2, 1, b"OB", 0, 2, b"\0\1")
    name = named.encode() + b"\0" * (len(named) % 2)
    meta += struct.pack("<HH2sH", 2, 0x10, b"UI", len(name)) + name
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
    path.write_bytes(content[:132] + length + meta + content[at:])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        cine = read_cine(path)
    assert any("compressed by RLE" in str(warning.message) for warning in seen)
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


def test_uncompressed_pixels_under_a_compressed_syntax(path):
    files.save(files.xa_dataset(PIXELS), path)
    renamed(path, uid.ExplicitVRLittleEndian, "1.2.840.10008.1.2.5")
    with pytest.warns(PartialReadWarning, match="not compressed, though"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


def test_compressed_pixels_of_a_stated_length(path):
    data = files.encapsulated(files.xa_dataset(PIXELS), run_lengths(), uid.RLELossless)
    data["PixelData"].is_undefined_length = False
    data.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    with pytest.warns(PartialReadWarning, match="are compressed by RLE, though"):
        cine = read_cine(files.save(data, path))
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


def test_a_private_syntax_of_bytes_is_read_and_of_words_refused(path):
    files.save(files.xa_dataset(PIXELS), path)
    with pytest.warns(PartialReadWarning, match=f"{GE_PRIVATE} is unknown"):
        cine = read_cine(renamed(path, uid.ExplicitVRLittleEndian, GE_PRIVATE + "\0"))
    np.testing.assert_array_equal(cine.frames[:], PIXELS)
    files.save(files.xa_dataset(files.gray_frames(bits=12), 12), path)
    renamed(path, uid.ExplicitVRLittleEndian, GE_PRIVATE + "\0")
    with pytest.raises(ReadError, match="is unknown, and with it the byte order"):
        read_cine(path)


def test_unknown_compression_names_the_syntax(path):
    data = files.encapsulated(
        files.xa_dataset(PIXELS), [b"nobody knows"] * 3, uid.RLELossless
    )
    data.file_meta.TransferSyntaxUID = uid.MPEG4HP41
    with pytest.raises(MissingDecoderError, match=uid.MPEG4HP41):
        read_cine(files.save(data, path))


@pytest.mark.parametrize("count", [None, "", "0", "-3", "abc", "2", "9", "3.0"])
@pytest.mark.parametrize("compressed", [False, True])
def test_every_number_of_frames_gives_all_that_are_there(path, count, compressed):
    data = files.xa_dataset(PIXELS)
    if compressed:
        data = files.encapsulated(data, run_lengths(), uid.RLELossless)
    del data.NumberOfFrames
    files.save(data, path)
    if count is not None:
        text = (count + " " * (len(count) % 2)).encode()
        element = struct.pack("<HH2sH", 0x28, 8, b"IS", len(text)) + text
        content = path.read_bytes()
        at = content.index(struct.pack("<HH2s", 0x28, 0x10, b"US"))
        path.write_bytes(content[:at] + element + content[at:])
    if count == "3.0":
        cine = read_cine(path)
    else:
        with pytest.warns(PartialReadWarning, match="frames"):
            cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
def test_numbers_with_a_fraction_are_refused_by_name(path, keyword):
    data = files.xa_dataset(PIXELS)
    del data.PixelData
    data.BitsAllocated = 32 if keyword == "FloatPixelData" else 64
    setattr(data, keyword, np.zeros(30, f"f{data.BitsAllocated // 8}").tobytes())
    with pytest.raises(ReadError, match=f"holds {keyword}"):
        read_cine(files.save(data, path))


def element(vr, length, value=b"", tag=(0x0009, 0x1010)):
    return struct.pack("<HH2sHI", *tag, vr, 0, length) + value


ITEM, UNDEFINED = b"\xfe\xff\x00\xe0", 0xFFFFFFFF
HOSTILE = {
    "nested deeper": (element(b"SQ", UNDEFINED) + ITEM + b"\xff" * 4) * 5000,
    "more than": element(b"SQ", UNDEFINED)
    + (ITEM + bytes(4)) * (MOST_ELEMENTS + 1)
    + b"\xfe\xff\xdd\xe0\0\0\0\0",
    "claims 4294967280 bytes": element(b"OB", 0xFFFFFFF0),
    "claims": struct.pack("<HH2sH", 0x0009, 0x1010, b"LO", 65535),
}


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_structure_is_refused_before_it_is_parsed(path, words):
    files.save(files.xa_dataset(PIXELS), path)
    at, content = body(path), path.read_bytes()
    path.write_bytes(content[:at] + HOSTILE[words] + content[at:])
    with pytest.raises(ReadError, match=words):
        read_cine(path)


def test_structure_that_is_odd_but_whole_is_read(path):
    """Sequences of every form, and a private one that cannot be understood."""
    files.save(files.xa_dataset(PIXELS), path)
    inner = struct.pack("<HH2sH", 8, 0x1150, b"UI", 2) + b"1\0"
    end = b"\xfe\xff\x0d\xe0\0\0\0\0"
    sequences = [
        element(b"SQ", 0),
        element(b"SQ", 8 + len(inner), ITEM + struct.pack("<I", len(inner)) + inner),
        element(b"SQ", UNDEFINED, ITEM + b"\xff" * 4 + inner + end)
        + b"\xfe\xff\xdd\xe0\0\0\0\0",
        element(b"UN", UNDEFINED, ITEM + bytes(4)) + b"\xfe\xff\xdd\xe0\0\0\0\0",
        element(b"SQ", 20, b"no item, but 20 long"),
    ]
    at, content = body(path), path.read_bytes()
    path.write_bytes(content[:at] + b"".join(sequences) + content[at:])
    np.testing.assert_array_equal(read_cine(path).frames[:], PIXELS)


def deflated(path, data_set):
    files.save(files.xa_dataset(PIXELS, syntax=DEFLATED), path)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data_set) + packer.flush()
    path.write_bytes(path.read_bytes()[: body(path)] + packed)
    return path


def test_deflated_data_that_expand_without_end(path):
    plain = files.save(files.xa_dataset(PIXELS), path.with_suffix(".plain"))
    whole = plain.read_bytes()[body(plain) :]
    at = whole.index(struct.pack("<HH", 0x7FE0, 0x10))
    bomb = whole[:at] + element(b"OB", 2**28, bytes(2**22), tag=(0x7FE0, 0x10))
    with pytest.raises(ReadError, match="expand to more than 1 MiB"):
        read_cine(deflated(path, bomb), memory_budget=2**21)
    with pytest.raises(ReadError, match="expand to more than 1 MiB"):
        read_cine(
            deflated(path, element(b"OB", 2**30, bytes(2**22))), memory_budget=2**21
        )
    np.testing.assert_array_equal(
        read_cine(deflated(path, whole), memory_budget=2**21).frames[:], PIXELS
    )


def test_data_that_are_not_deflated_at_all(path):
    files.save(files.xa_dataset(PIXELS), path)
    content, at = path.read_bytes(), body(path)
    files.save(files.xa_dataset(PIXELS, syntax=DEFLATED), path)
    path.write_bytes(path.read_bytes()[: body(path)] + content[at:])
    with pytest.warns(PartialReadWarning, match="says deflated, the data are not"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
@pytest.mark.parametrize("header", [zlib.MAX_WBITS, zlib.MAX_WBITS | 16])
def test_deflated_data_with_a_header_of_zlib_or_gzip(path, header):
    """The Standard deflates without a header (PS3.5 A.5)."""
    files.save(files.xa_dataset(PIXELS), path)
    plain, at = path.read_bytes(), body(path)
    data = files.xa_dataset(PIXELS, syntax=DEFLATED)
    start = files.save(data, path).read_bytes()[: body(path)]
    packer = zlib.compressobj(wbits=header)
    path.write_bytes(start + packer.compress(plain[at:]) + packer.flush())
    np.testing.assert_array_equal(read_cine(path).frames[:], PIXELS)


def test_deflated_data_under_another_syntax(path):
    files.save(files.xa_dataset(PIXELS), path)
    content, at = path.read_bytes(), body(path)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    path.write_bytes(content[:at] + packer.compress(content[at:]) + packer.flush())
    with pytest.warns(PartialReadWarning, match="deflated, though no syntax says so"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], PIXELS)


def test_deflated_data_that_are_cut_off_say_so(path):
    pixels = files.gray_frames(frames=9)
    files.save(files.xa_dataset(pixels, syntax=DEFLATED), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    with pytest.warns(PartialReadWarning, match="missing: the file ends too early"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], pixels[: len(cine)])


@pytest.mark.parametrize(
    "start", [lambda whole: whole[128:], lambda whole: whole[:128] + whole[132:]]
)
def test_a_part_of_the_preamble_is_missing(path, start):
    files.save(files.xa_dataset(PIXELS), path)
    path.write_bytes(start(path.read_bytes()))
    assert is_dicom(path)
    assert is_foreign_loop(path)
    np.testing.assert_array_equal(read_cine(path).frames[:], PIXELS)


STRANGE = {
    "question marks": struct.pack("<2sH", b"??", 4),
    "zeros": struct.pack("<2sH", b"\0\0", 4),
    "small letters": struct.pack("<2sH", b"us", 4),
    "of its own": struct.pack("<2sHI", b"ZZ", 0, 4),
    "of its own and short": struct.pack("<2sH", b"ZZ", 4),
    "implicit": struct.pack("<I", 4),
}


@pytest.mark.parametrize("written", STRANGE)
@pytest.mark.parametrize("tag", [(0x0009, 0x1001), (0x0018, 0x1063)])
def test_a_value_representation_that_does_not_exist(path, written, tag):
    """What follows the element tells its length."""
    data = files.xa_dataset(PIXELS, PatientWeight="70")
    files.save(data, path)
    content = path.read_bytes()
    later = (0x0010, 0x0010) if tag[0] == 9 else (0x0020, 0x000E)
    at = content.index(struct.pack("<HH", *later))
    element = struct.pack("<HH", *tag) + STRANGE[written] + b"40.0"
    path.write_bytes(content[:at] + element + content[at:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PartialReadWarning)
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], PIXELS)
    if tag[0] != 9:
        assert cine.frame_times is not None
        np.testing.assert_allclose(cine.frame_times, [0, 40, 80])


def test_a_dicomdir_under_another_name_is_named(path):
    data = files.xa_dataset(PIXELS)
    del data.PixelData
    data.DirectoryRecordSequence = [files.item(DirectoryRecordType="PATIENT")]
    with pytest.raises(ReadError, match="is a DICOMDIR under another name"):
        read_cine(files.save(data, path))


def test_a_fifo_is_refused_without_waiting(path):
    os.mkfifo(path)
    with pytest.raises(ReadError, match="named pipe"):
        read_cine(path)
    assert not is_dicom(path)
