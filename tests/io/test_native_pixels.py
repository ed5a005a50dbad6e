"""Layouts, bits and colours of frames that are not compressed."""

import numpy as np
import pytest
from helpers import dicom_files as files
from pydicom import uid

from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io import read_cine
from napari_motionseg.io.gray_values import luminance_of_ybr

ORDERS = [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian]
GRAYS = np.random.default_rng(5).integers(40, 200, (3, 6, 8), dtype=np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.dcm"


def colour_file(path, triples, photometric, raw, **attributes):
    data = files.xa_dataset(
        triples, PhotometricInterpretation=photometric, **attributes
    )
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    return files.save(data, path)


def triples_of(grays, seed=6):
    """Y with colours that differ from pixel to pixel, but not within pairs."""
    chroma = np.random.default_rng(seed).integers(110, 146, (*grays.shape, 2))
    width = grays.shape[-1]
    chroma = np.repeat(chroma[..., ::2, :], 2, axis=-2)[..., :width, :]
    return np.concatenate([grays[..., None], chroma], -1).astype(np.uint8)


def pairs_of(triples, *, padded):
    """Y Y Cb Cr of each two pixels; rows padded to pairs, or pairs across rows."""
    frames = []
    for frame in triples:
        rows = frame if padded else frame.reshape(1, -1, 3)
        if rows.shape[1] % 2:
            rows = np.concatenate([rows, rows[:, -1:]], 1)
        left, right = rows[:, ::2], rows[:, 1::2]
        quads = np.stack([left[..., 0], right[..., 0], left[..., 1], left[..., 2]], -1)
        frames.append(quads.tobytes())
    return b"".join(frames)


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_PARTIAL_444"])
@pytest.mark.parametrize("planar", [0, 1])
def test_luminance_of_native_ybr_is_y(path, photometric, planar):
    triples = triples_of(GRAYS)
    raw = np.moveaxis(triples, -1, 1) if planar else triples
    colour_file(path, triples, photometric, raw.tobytes(), PlanarConfiguration=planar)
    assert np.abs(read_cine(path).frames[:].astype(int) - GRAYS).max() <= 1


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_PARTIAL_422"])
@pytest.mark.parametrize("columns", [8, 7])
@pytest.mark.parametrize("padded", [False, True])
def test_pairs_that_share_colours(path, photometric, columns, padded):
    grays = GRAYS[..., :columns]
    triples = triples_of(grays)
    raw = pairs_of(triples, padded=padded)
    colour_file(path, triples, photometric, raw)
    cine = read_cine(path)
    assert cine.shape == grays.shape
    assert np.abs(cine.frames[:].astype(int) - grays).max() <= 1


def test_pairs_that_are_called_planes_or_are_none(path):
    triples = triples_of(GRAYS)
    raw = pairs_of(triples, padded=True)
    colour_file(path, triples, "YBR_FULL_422", raw, PlanarConfiguration=1)
    with pytest.warns(PartialReadWarning, match="has no colour planes"):
        cine = read_cine(path)
    assert np.abs(cine.frames[:].astype(int) - GRAYS).max() <= 1
    colour_file(path, triples, "YBR_FULL_422", triples.tobytes())
    with pytest.warns(PartialReadWarning, match="three samples a pixel"):
        cine = read_cine(path)
    assert np.abs(cine.frames[:].astype(int) - GRAYS).max() <= 1


def test_colours_in_quarters_are_refused_by_name(path):
    triples = triples_of(GRAYS)
    colour_file(path, triples, "YBR_PARTIAL_420", triples.tobytes())
    with pytest.raises(ReadError, match="YBR_PARTIAL_420"):
        read_cine(path)


def test_colours_beyond_red_green_and_blue_stay_near_y():
    """Y within 1 always; the luminance on a screen within 1 where it is near."""
    triples = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    y = triples[..., 0].astype(int)
    assert np.abs(luminance_of_ybr(triples, 8).astype(int) - y).max() <= 1
    blue = np.array([[[28, 255, 110]]], np.uint8)  # of pure blue; green is below 0
    assert abs(int(luminance_of_ybr(blue, 8)[0, 0]) - 29.739) <= 1


@pytest.mark.parametrize(
    ("stored", "high", "signed"),
    [(12, 15, 0), (12, 13, 0), (10, 15, 0), (12, 15, 1), (4, 7, 0), (3, 2, 1)],
)
@pytest.mark.parametrize(
    "syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian]
)
def test_bits_lie_where_high_bit_says(path, stored, high, signed, syntax):
    """Noise in all other bits is cleared, and the highest of them is the sign."""
    generator = np.random.default_rng(1)
    wanted = generator.integers(0, 2**stored, (3, 6, 8))
    low = high + 1 - stored
    container = 8 if high < 8 else 16
    noise = generator.integers(0, 2**container, wanted.shape)
    held = noise & ~((2**stored - 1) << low) | wanted << low
    pixels = held.astype(f"u{container // 8}")
    data = files.xa_dataset(
        pixels, stored, syntax, HighBit=high, PixelRepresentation=signed
    )
    if signed:
        wanted = np.where(wanted >= 2 ** (stored - 1), wanted - 2**stored, wanted)
    np.testing.assert_array_equal(read_cine(files.save(data, path)).frames[:], wanted)


@pytest.mark.parametrize(("stored", "high"), [(16, 11), (12, 7), (12, 16)])
def test_bits_that_cannot_be_are_refused_by_name(path, stored, high):
    pixels = files.gray_frames(bits=12)
    data = files.xa_dataset(pixels, stored, HighBit=high)
    with pytest.raises(ReadError, match="HighBit"):
        read_cine(files.save(data, path))


@pytest.mark.parametrize(
    "syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian]
)
def test_containers_of_32_bits_that_store_no_more_than_16(path, syntax):
    pixels = files.gray_frames(bits=12).astype(np.uint32)
    data = files.xa_dataset(pixels, 12, syntax)
    cine = read_cine(files.save(data, path))
    assert cine.frames.dtype == np.uint16
    np.testing.assert_array_equal(cine.frames[:], pixels)


def test_single_bits_run_on_from_frame_to_frame(path):
    pixels = np.random.default_rng(2).integers(0, 2, (3, 5, 7), dtype=np.uint8)
    data = files.xa_dataset(pixels, 1, BitsAllocated=1, HighBit=0)
    raw = np.packbits(pixels.ravel(), bitorder="little").tobytes()
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    np.testing.assert_array_equal(read_cine(files.save(data, path)).frames[:], pixels)


def test_odd_frames_in_big_endian_words(path):
    """Two bytes of a word may belong to two frames."""
    pixels = files.gray_frames(frames=3, rows=3, columns=3)
    data = files.xa_dataset(pixels, syntax=uid.ExplicitVRBigEndian)
    data["PixelData"].VR = "OW"
    raw = pixels.tobytes() + b"\0"
    data.PixelData = np.frombuffer(raw, "<u2").astype(">u2").tobytes()
    np.testing.assert_array_equal(read_cine(files.save(data, path)).frames[:], pixels)


def palette_file(path, indices, tables, bits, first=0, segmented=False, **others):
    data = files.xa_dataset(
        indices, PhotometricInterpretation="PALETTE COLOR", **others
    )
    count = 256 if segmented else len(tables[0])
    for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        name = f"{colour}PaletteColorLookupTable"
        setattr(data, f"{name}Descriptor", [count, first, bits])
        raw = np.asarray(table, "<u2" if bits == 16 else "u1").tobytes()
        setattr(data, f"{'Segmented' if segmented else ''}{name}Data", raw)
    return files.save(data, path)


WEIGHTS = np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("indices", [np.uint8, np.uint16])
def test_palette_colours_become_luminance_and_say_so(path, bits, indices):
    tables = np.random.default_rng(3).integers(0, 2**bits, (3, 256))
    places = np.random.default_rng(4).integers(0, 256, (2, 6, 8)).astype(indices)
    cine = read_cine(palette_file(path, places, tables, bits))
    wanted = np.rint(tables.T @ WEIGHTS)[places]
    np.testing.assert_array_equal(cine.frames[:], wanted)
    assert cine.bits_stored == bits
    assert any("palette" in note for note in cine.notes)


def test_indices_outside_a_palette_have_its_ends(path):
    tables = np.array([[10, 20, 30, 40]] * 3)
    places = np.array([[[0, 5, 6, 7, 8, 9, 200]]], np.uint8)
    cine = read_cine(palette_file(path, places, tables, 8, first=6))
    np.testing.assert_array_equal(cine.frames[0], [[10, 10, 10, 20, 30, 40, 40]])


@pytest.mark.parametrize(("high", "signed"), [(7, False), (7, True), (15, False)])
def test_bits_around_the_indices_of_a_palette(path, high, signed):
    """Old files keep an overlay in the bits that are not stored."""
    tables = np.random.default_rng(3).integers(0, 65536, (3, 256))
    places = np.random.default_rng(4).integers(0, 256, (2, 6, 8))
    first = -128 if signed else 0
    stored = (places + first & 255) << high - 7
    stored |= 0x3500 if high == 7 else 0x35
    path = palette_file(
        path, stored.astype(np.uint16), tables, 16, BitsStored=8, HighBit=high
    )
    if signed:
        data = files.reread(path)
        data.PixelRepresentation = 1
        for colour in ("Red", "Green", "Blue"):
            described = data[f"{colour}PaletteColorLookupTableDescriptor"]
            described.VR, described.value = "SS", [256, first, 16]
        files.save(data, path)
    cine = read_cine(path)
    wanted = np.rint(tables.T @ WEIGHTS)[places]
    np.testing.assert_array_equal(cine.frames[:], wanted)


@pytest.mark.parametrize("bits", [8, 16])
def test_segmented_palettes(path, bits):
    """Four entries, a ramp of 100, both again, and one value for the rest."""
    top = 200 if bits == 8 else 60000
    address = [0] * (4 if bits == 8 else 2)
    segments = [0, 4, 7, 9, 8, 3, 1, 100, top, 2, 2, *address, 1, 48, top]
    segments += [0] * (len(segments) % 2)
    places = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    cine = read_cine(palette_file(path, places, [segments] * 3, bits, segmented=True))
    ramp = np.rint(np.linspace(3, top, 101)[1:])
    once = [7, 9, 8, 3, *ramp]
    wanted = [*once, *once, *[top] * 48]
    assert np.abs(cine.frames[0].ravel().astype(int) - wanted).max() <= 1


@pytest.mark.parametrize(
    ("segments", "words"),
    [
        ([1, 9, 9, 0], "ramp without a first value"),
        ([0, 200, 1, 2], "cut off"),
        ([5, 1, 1, 1], "segment of unknown type"),
        ([0, 2, 1, 1, 2, 255, 9, 0, 0, 0], "something that is not a segment"),
        ([0, 2, 1, 1], "2 of 256 entries"),
    ],
)
def test_segmented_palettes_that_cannot_be(path, segments, words):
    places = np.zeros((1, 4, 4), np.uint8)
    palette_file(path, places, [segments] * 3, 8, segmented=True)
    with pytest.raises(ReadError, match=words):
        read_cine(path)
