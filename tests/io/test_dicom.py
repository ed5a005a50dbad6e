"""DICOM pixels against what was written, in every way that they can be stored."""

import io
import pickle
import warnings

import numpy as np
import pytest
from helpers import dicom_files as files
from PIL import Image
from pydicom.pixels import get_encoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from napari_motionseg.errors import (
    DamagedFrameError,
    MemoryBudgetError,
    MissingDecoderError,
    MotionSegError,
    PartialReadWarning,
    ReadError,
)
from napari_motionseg.io import read_cine, read_cines
from napari_motionseg.io.jpeg_repair import with_sequential_scan


def read(data, path):
    return read_cine(files.save(data, path))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "loop.dcm"


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
@pytest.mark.parametrize(
    ("bits", "signed"),
    [(8, False), (10, False), (12, False), (16, False), (16, True), (12, True)],
)
def test_plain_pixels_of_every_depth(path, syntax, bits, signed):
    pixels = files.gray_frames(bits=bits, signed=signed)
    cine = read(files.xa_dataset(pixels, bits, syntax), path)
    assert cine.shape == pixels.shape
    assert cine.bits_stored == bits
    assert cine.signed == signed
    assert cine.technical["transfer_syntax"] == syntax.name
    np.testing.assert_array_equal(cine.frames[:], pixels)
    np.testing.assert_array_equal(cine.frames[2], pixels[2])


def test_odd_sizes_in_every_order(path):
    """Frames of an odd number of bytes: padding and words must not shift them."""
    pixels = files.gray_frames(frames=3, rows=5, columns=7)
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        cine = read(files.xa_dataset(pixels, syntax=syntax), path)
        np.testing.assert_array_equal(cine.frames[:], pixels)


def test_bytes_in_big_endian_words(path):
    pixels = files.gray_frames(frames=2)
    data = files.xa_dataset(pixels, syntax=ExplicitVRBigEndian)
    data["PixelData"].VR = "OW"
    swapped = np.frombuffer(pixels.tobytes(), "<u2").astype(">u2").tobytes()
    data.PixelData = swapped
    np.testing.assert_array_equal(read(data, path).frames[:], pixels)


def jpeg(frame):
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG", quality=95)
    return stream.getvalue()


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("fragments", [1, 3])
def test_jpeg_with_and_without_table_in_several_fragments(path, table, fragments):
    ramp = np.linspace(0, 255, 40 * 48).reshape(40, 48)
    pixels = np.stack([ramp, ramp[::-1], ramp.T.reshape(40, 48)]).astype(np.uint8)
    streams = [jpeg(frame) for frame in pixels]
    data = files.xa_dataset(pixels)
    data = files.encapsulated(
        data, streams, JPEGBaseline8Bit, table=table, fragments=fragments
    )
    cine = read(data, path)
    assert len(cine) == 3
    expected = [np.asarray(Image.open(io.BytesIO(s))) for s in streams]
    assert np.abs(cine.frames[:].astype(int) - np.stack(expected)).max() <= 2


def rle(pixels):
    encoder = get_encoder(RLELossless)
    data = files.xa_dataset(pixels)
    return [encoder.encode(data, index=t) for t in range(len(pixels))]


def test_run_lengths_in_several_fragments_without_a_table(path):
    """pydicom itself fails on these: a frame begins where a header stands."""
    pixels = files.gray_frames(frames=3, rows=20, columns=24)
    data = files.xa_dataset(pixels)
    streams = rle(pixels)
    encapsulated = files.encapsulated(
        data, streams, RLELossless, table=False, fragments=2
    )
    np.testing.assert_array_equal(read(encapsulated, path).frames[:], pixels)


def test_extended_offset_table(path):
    pixels = files.gray_frames(frames=3, rows=20, columns=24)
    data, streams = files.xa_dataset(pixels), rle(pixels)
    data = files.encapsulated(data, streams, RLELossless, table=False)
    offsets = np.cumsum([0] + [len(s) + len(s) % 2 + 8 for s in streams[:-1]])
    data.ExtendedOffsetTable = offsets.astype("<u8").tobytes()
    lengths = np.array([len(s) + len(s) % 2 for s in streams], "<u8")
    data.ExtendedOffsetTableLengths = lengths.tobytes()
    np.testing.assert_array_equal(read(data, path).frames[:], pixels)


def test_colours_become_luminance_and_say_so(path):
    pixels = np.random.default_rng(1).integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)
    cine = read(files.xa_dataset(pixels), path)
    expected = np.rint(pixels @ np.array([0.299, 0.587, 0.114]))
    np.testing.assert_array_equal(cine.frames[:], expected.astype(np.uint8))
    assert any("luminance" in note for note in cine.notes)


def test_colour_planes(path):
    pixels = np.random.default_rng(1).integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)
    data = files.xa_dataset(pixels, PlanarConfiguration=1)
    data.PixelData = np.moveaxis(pixels, -1, 1).tobytes()
    expected = np.rint(pixels @ np.array([0.299, 0.587, 0.114]))
    np.testing.assert_array_equal(read(data, path).frames[:], expected)


@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (12, True)])
def test_monochrome1_is_turned_round_once(path, bits, signed):
    pixels = files.gray_frames(bits=bits, signed=signed)
    data = files.xa_dataset(
        pixels, bits, PhotometricInterpretation="MONOCHROME1",
        WindowCenter=10, WindowWidth=5,
    )  # fmt: skip
    cine = read(data, path)
    low, high = cine.stored_range
    np.testing.assert_array_equal(cine.frames[:], low + high - pixels.astype(int))
    assert cine.window == (low + high - 11.5, low + high - 7.5)


def test_bits_above_those_stored_are_cleared(path):
    pixels = files.gray_frames(bits=12)
    dirty = pixels | 0x5000
    cine = read(files.xa_dataset(dirty, 12), path)
    np.testing.assert_array_equal(cine.frames[:], pixels)


def test_more_frames_than_the_header_says(path):
    pixels = files.gray_frames(frames=5)
    data = files.xa_dataset(pixels, NumberOfFrames=3)
    with pytest.warns(PartialReadWarning, match="2 more frames than the 3"):
        cine = read(data, path)
    np.testing.assert_array_equal(cine.frames[:], pixels)


def test_truncated_pixel_data_give_the_whole_frames(path):
    pixels = files.gray_frames(frames=5)
    files.save(files.xa_dataset(pixels), path)
    path.write_bytes(path.read_bytes()[:-150])  # a frame and a quarter
    with pytest.warns(PartialReadWarning, match="2 of 5 frames are missing"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], pixels[:3])
    assert "2 of 5 frames" in " ".join(cine.notes)


def test_truncated_compressed_data_give_the_whole_frames(path):
    pixels = files.gray_frames(frames=4, rows=20, columns=24)
    data = files.encapsulated(
        files.xa_dataset(pixels), rle(pixels), RLELossless, table=False
    )
    files.save(data, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.warns(PartialReadWarning, match="1 of 4 frames are missing"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], pixels[:3])


def test_a_header_that_promises_more_than_the_file_holds(path):
    data = files.xa_dataset(files.gray_frames(), Rows=60000, Columns=60000)
    data.NumberOfFrames = 2
    with pytest.raises(MemoryBudgetError, match="not one whole frame"):
        read(data, path)


def test_a_memory_budget_is_kept_before_anything_is_decoded(path):
    files.save(files.xa_dataset(files.gray_frames()), path)
    with pytest.raises(MemoryBudgetError, match="memory budget"):
        read_cine(path, memory_budget=479)
    assert len(read_cine(path, memory_budget=480)) == 4


def test_one_frame_loads(path):
    pixels = files.gray_frames(frames=1)
    data = files.xa_dataset(pixels)
    del data.NumberOfFrames
    cine = read(data, path)
    np.testing.assert_array_equal(cine.frames[:], pixels)


def test_what_is_no_loop_says_what_it_is(tmp_path):
    cases = {
        "SR": "a structured report",
        "PR": "a presentation state",
        "XA": "holds no pixel data",
    }
    for modality, words in cases.items():
        data = files.xa_dataset(files.gray_frames(), Modality=modality)
        del data.PixelData
        with pytest.raises(ReadError, match=words):
            read(data, tmp_path / f"{modality}.dcm")


def test_an_icon_is_not_shown_as_the_loop(path):
    data = files.xa_dataset(files.gray_frames())
    icon = files.xa_dataset(files.gray_frames(frames=1))
    del icon.file_meta
    data.IconImageSequence = [icon]
    del data.PixelData
    with pytest.raises(ReadError, match="only a thumbnail"):
        read(data, path)


def test_not_dicom(tmp_path):
    for name, content in {"a.dcm": b"hello", "b": bytes(500), "c.dcm": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ReadError, match=name):
            read_cine(tmp_path / name)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"BitsAllocated": 12}, "12 bits allocated"),
        ({"BitsAllocated": 32, "BitsStored": 32}, "stores 32 bits per sample"),
        ({"BitsStored": 9}, "stores 9 of 8 bits"),
        ({"Rows": 0}, "the header says 0 x 12"),
        ({"SamplesPerPixel": 4}, "4 samples"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "palette of red"),
    ],
)
def test_pixels_that_cannot_be(path, wrong, words):
    with pytest.raises(ReadError, match=words):
        read(files.xa_dataset(files.gray_frames(), **wrong), path)


def test_missing_attribute_is_named(path):
    data = files.xa_dataset(files.gray_frames())
    del data.Rows
    with pytest.raises(ReadError, match="lacks Rows"):
        read(data, path)


def test_unknown_transfer_syntax(path):
    from pydicom.uid import MPEG2MPML

    data = files.encapsulated(
        files.xa_dataset(files.gray_frames()), [b"12"] * 4, MPEG2MPML
    )
    with pytest.raises(MissingDecoderError, match="MPEG2"):
        read(data, path)


def test_scan_headers_are_mended_in_sequential_streams_alone():
    head = b"\xff\xd8\xff\xc1\x00\x0b" + bytes(9)
    scan = b"\xff\xda\x00\x08\x01\x01\x00"
    broken = head + scan + bytes(3) + b"data"
    assert with_sequential_scan(broken) == head + scan + bytes((0, 63, 0)) + b"data"
    progressive = broken.replace(b"\xff\xc1", b"\xff\xc2")
    assert with_sequential_scan(progressive) == progressive
    for cut in range(len(broken)):
        with_sequential_scan(broken[:cut])  # ends early, raises nothing


def test_a_damaged_frame_is_named_and_the_others_are_read(path):
    pixels = files.gray_frames(frames=4, rows=20, columns=24)
    streams = rle(pixels)
    streams[2] = bytes(len(streams[2]))
    data = files.encapsulated(files.xa_dataset(pixels), streams, RLELossless)
    cine = read(data, path)
    with pytest.warns(PartialReadWarning, match=r"loop\.dcm: frame 2 cannot be dec"):
        assert not cine.frames[2].any()
    assert cine.frames.damaged == {2}
    for t in (0, 1, 3):
        np.testing.assert_array_equal(cine.frames[t], pixels[t])


def test_a_damaged_frame_keeps_its_number_between_processes():
    error = pickle.loads(pickle.dumps(DamagedFrameError("a.dcm: frame 7 is cut", 7)))
    assert (str(error), error.frame) == ("a.dcm: frame 7 is cut", 7)


def test_the_patient_is_kept_apart(path):
    cine = read(files.xa_dataset(files.gray_frames()), path)
    assert cine.patient["PatientName"] == files.PATIENT
    for part in (repr(cine), str(cine.technical), str(cine.notes)):
        assert "Doe" not in part


def test_a_thread_of_its_own_reads_the_same(path):
    from concurrent.futures import ThreadPoolExecutor

    pixels = files.gray_frames(frames=12)
    cine = read(files.xa_dataset(pixels), path)
    with ThreadPoolExecutor(4) as pool:
        frames = list(pool.map(lambda t: cine.frames[t % 12], range(48)))
    for t, frame in enumerate(frames):
        np.testing.assert_array_equal(frame, pixels[t % 12])


@pytest.mark.parametrize("compressed", [False, True])
def test_no_damage_raises_anything_but_our_errors(tmp_path, compressed):
    """Cut at many lengths, bytes turned at random: a MotionSegError, or frames."""
    pixels = files.gray_frames(frames=3, rows=20, columns=24)
    data = files.xa_dataset(pixels, FrameTime=33, WindowCenter=1, WindowWidth=9)
    if compressed:
        data = files.encapsulated(data, rle(pixels), RLELossless)
    whole = files.save(data, tmp_path / "whole.dcm").read_bytes()
    generator = np.random.default_rng(3)
    damaged = [whole[:n] for n in generator.integers(0, len(whole), 60)]
    for _ in range(150):
        turned = bytearray(whole)
        for place in generator.integers(128, len(whole), 8):
            turned[place] = generator.integers(256)
        damaged.append(bytes(turned))
    path, outcomes = tmp_path / "damaged.dcm", {"read": 0, "refused": 0}
    for content in damaged:
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PartialReadWarning)
            try:
                for cine in read_cines(path, memory_budget=2**24):
                    cine.frames[0], cine.frames[len(cine) - 1]
                outcomes["read"] += 1
            except MotionSegError:
                outcomes["refused"] += 1
    assert min(outcomes.values()) > 10
