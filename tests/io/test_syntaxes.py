"""Every transfer syntax, depth, sign and colour, against what was encoded."""

import numpy as np
import pytest
from helpers import coded_frames
from helpers import dicom_files as files
from helpers.coded_frames import CATALOGUE, LOSSLESS, encode, smooth_frames
from pydicom import uid

from napari_motionseg.io import read_cine
from napari_motionseg.io.frame_decoders import SYNTAXES

WEIGHTS = np.array([0.299, 0.587, 0.114])


def stored(pixels, syntax, bits, path, **attributes):
    """A file of unsigned frames in a transfer syntax."""
    data = files.xa_dataset(pixels, bits, **attributes)
    streams = [encode(frame, syntax, bits) for frame in pixels]
    return files.save(files.encapsulated(data, streams, syntax), path)


def test_the_catalogue_has_every_syntax_that_is_read():
    assert set(CATALOGUE) == set(SYNTAXES)


@pytest.mark.parametrize(
    ("syntax", "bits"),
    [
        pytest.param(syntax, bits, id=f"{syntax.name}-{bits}")
        for syntax, (depths, _) in CATALOGUE.items()
        for bits in depths
    ],
)
def test_gray_frames_of_every_syntax_and_depth(tmp_path, syntax, bits):
    pixels = smooth_frames(bits)
    cine = read_cine(stored(pixels, syntax, bits, tmp_path / "a.dcm"))
    difference = np.abs(cine.frames[:].astype(int) - pixels)
    assert difference.max() <= CATALOGUE[syntax][1] * max(1, 2 ** (bits - 10))
    assert cine.technical["transfer_syntax"] == syntax.name
    assert cine.bits_stored == bits


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_signed_frames_keep_their_sign(tmp_path, syntax, bits):
    """Decoders give the lowest bits of two's complement, whose highest is the sign."""
    pixels = smooth_frames(bits)
    values = pixels.astype(int)
    wanted = np.where(values >= 2 ** (bits - 1), values - 2**bits, values)
    path = stored(pixels, syntax, bits, tmp_path / "a.dcm", PixelRepresentation=1)
    cine = read_cine(path)
    assert cine.signed
    assert cine.frames.dtype.kind == "i"
    np.testing.assert_array_equal(cine.frames[:], wanted)


@pytest.mark.parametrize("signed", [0, 1])
def test_a_codestream_with_a_sign_of_its_own(tmp_path, signed):
    """JPEG 2000 says itself whether values have a sign; the file has the last word."""
    from imagecodecs import jpeg2k_encode

    pixels = smooth_frames(12).astype(np.int16) - 2000
    streams = [
        jpeg2k_encode(frame, reversible=True, codecformat="j2k") for frame in pixels
    ]
    data = files.xa_dataset(pixels.astype(np.uint16), 16, PixelRepresentation=signed)
    data = files.encapsulated(data, streams, uid.JPEG2000Lossless)
    cine = read_cine(files.save(data, tmp_path / "a.dcm"))
    wanted = pixels if signed else pixels.astype(np.uint16)
    np.testing.assert_array_equal(cine.frames[:], wanted)


def colours(rows=32, columns=40):
    """Smooth red, green and blue; saturated colours are left out."""
    y, x = np.mgrid[:rows, :columns]
    channels = [60 + 2 * x, 90 + 2 * y, 150 + x - y]
    return np.stack(channels, -1).astype(np.uint8)[None]


def ybr_of(rgb):
    """Luminance and colour differences (PS3.3 C.7.6.3.1.2), not rounded."""
    red, green, blue = np.moveaxis(rgb.astype(float), -1, 0)
    y = rgb @ WEIGHTS
    return np.stack([y, (blue - y) / 1.772 + 128, (red - y) / 1.402 + 128], -1)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
@pytest.mark.parametrize(
    "syntax",
    [
        uid.RLELossless,
        uid.JPEGLosslessSV1,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
        uid.HTJ2KLossless,
    ],
    ids=lambda syntax: syntax.name,
)
def test_colours_of_lossless_codes_become_luminance(tmp_path, syntax, photometric):
    rgb = colours()
    held = rgb if photometric == "RGB" else np.rint(ybr_of(rgb)).astype(np.uint8)
    data = files.xa_dataset(held, PhotometricInterpretation=photometric)
    streams = [untransformed(frame, syntax) for frame in held]
    data = files.encapsulated(data, streams, syntax)
    cine = read_cine(files.save(data, tmp_path / "a.dcm"))
    assert np.abs(cine.frames[:] - rgb @ WEIGHTS).max() <= 1
    assert any("luminance" in note for note in cine.notes)


def untransformed(frame, syntax):
    """Encode three components as they are, without another colour transform."""
    from imagecodecs import jpeg2k_encode, jpeg8_encode

    if syntax == uid.JPEG2000Lossless:
        return jpeg2k_encode(frame, reversible=True, codecformat="j2k", mct=False)
    if syntax == uid.HTJ2KLossless:
        return coded_frames.htj2k_encode(frame, reversible=True, rgb=False)
    if syntax == uid.JPEGLosslessSV1:
        return jpeg8_encode(frame, lossless=True, predictor=1, colorspace="rgb")
    return encode(frame, syntax, 8)


@pytest.mark.parametrize(
    ("syntax", "photometric"),
    [(uid.JPEG2000Lossless, "YBR_RCT"), (uid.JPEG2000, "YBR_ICT")],
)
def test_colours_that_jpeg_2000_transforms(tmp_path, syntax, photometric):
    from imagecodecs import jpeg2k_encode

    rgb, lossless = colours(), syntax == uid.JPEG2000Lossless
    stream = jpeg2k_encode(
        rgb[0], level=0 if lossless else 60, reversible=lossless, codecformat="j2k"
    )
    data = files.xa_dataset(rgb, PhotometricInterpretation=photometric)
    data = files.encapsulated(data, [stream], syntax)
    cine = read_cine(files.save(data, tmp_path / "a.dcm"))
    assert np.abs(cine.frames[:] - rgb @ WEIGHTS).max() <= (1 if lossless else 4)


@pytest.mark.parametrize(
    ("photometric", "subsampling", "colorspace"),
    [
        ("YBR_FULL", "444", None),
        ("YBR_FULL_422", "422", None),
        ("RGB", "422", None),  # says RGB, is none: its components differ in size
        ("RGB", "444", "rgb"),
    ],
)
def test_colours_of_jpeg_become_luminance(
    tmp_path, photometric, subsampling, colorspace
):
    from imagecodecs import jpeg8_encode

    rgb = colours()
    outside = {} if colorspace is None else {"outcolorspace": colorspace}
    stream = jpeg8_encode(rgb[0], 98, subsampling=subsampling, **outside)
    # without the segments that name colours: the file's word is all there is
    stream = without_segments(stream, (0xE0, 0xEE))
    data = files.xa_dataset(rgb, PhotometricInterpretation=photometric)
    data = files.encapsulated(data, [stream], uid.JPEGBaseline8Bit)
    cine = read_cine(files.save(data, tmp_path / "a.dcm"))
    assert np.abs(cine.frames[:] - rgb @ WEIGHTS).max() <= 5


def without_segments(stream, markers):
    """Return a JPEG without some of its marker segments."""
    kept, position = stream[:2], 2
    while stream[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
        if stream[position + 1] not in markers:
            kept += stream[position:end]
        position = end
    return kept + stream[position:]


def test_what_a_jpeg_says_of_its_colours_counts_more_than_the_file(tmp_path):
    """JFIF is never RGB, whatever a header says."""
    from imagecodecs import jpeg8_encode

    rgb = colours()
    stream = jpeg8_encode(rgb[0], 98)
    assert b"JFIF" in stream[:20]
    data = files.xa_dataset(rgb, PhotometricInterpretation="RGB")
    data = files.encapsulated(data, [stream], uid.JPEGBaseline8Bit)
    cine = read_cine(files.save(data, tmp_path / "a.dcm"))
    assert np.abs(cine.frames[:] - rgb @ WEIGHTS).max() <= 5


def test_bits_that_stand_high_in_a_lossless_codestream(tmp_path):
    """HighBit 15 of 12 bits, coded with all 16: the values are moved down."""
    pixels = smooth_frames(12)
    data = files.xa_dataset(pixels, 12, HighBit=15)
    streams = [encode(frame << 4, uid.JPEGLosslessSV1, 16) for frame in pixels]
    data = files.encapsulated(data, streams, uid.JPEGLosslessSV1)
    cine = read_cine(files.save(data, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(cine.frames[:], pixels)


def test_overshoot_of_a_lossy_code_is_clipped(tmp_path):
    """10 bits in a code of 12: what goes beyond white stays white."""
    pixels = np.full((1, 32, 32), 1023, np.uint16)
    pixels[0, 10:20, 10:20] = 0
    stream = coded_frames.jpeg8_encode(pixels[0], 40, bitspersample=12)
    from imagecodecs import jpeg8_decode

    assert jpeg8_decode(stream).max() > 1023
    data = files.encapsulated(
        files.xa_dataset(pixels, 10), [stream], uid.JPEGExtended12Bit
    )
    cine = read_cine(files.save(data, tmp_path / "a.dcm"))
    assert np.abs(cine.frames[0].astype(int) - pixels[0]).max() < 300
    assert cine.frames[0].max() == 1023
