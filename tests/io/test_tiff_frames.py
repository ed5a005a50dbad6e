"""Frames of TIFF files whose pages differ from each other, or are damaged."""

import numpy as np
import pytest
import tifffile

from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io import read_cine

T, H, W = 6, 40, 32
RAMP = np.stack([np.arange(256) * 257] * 3).astype(np.uint16)


@pytest.fixture
def loop():
    steps = np.add.outer(np.arange(H), np.arange(W))
    return (20 * np.arange(T)[:, None, None] + steps).astype(np.uint8)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tif"


def write_pages(path, frames, options):
    """Write one page for each frame, with options of its own."""
    with tifffile.TiffWriter(path) as writer:
        for frame, words in zip(frames, options, strict=True):
            writer.write(frame, metadata=None, **words)


def test_pages_of_several_compressions_keep_their_order(path, loop):
    write_pages(
        path, loop, [{"compression": "zlib" if t % 2 else None} for t in range(T)]
    )
    np.testing.assert_array_equal(read_cine(path).frames[:], loop)


@pytest.mark.parametrize("inverted", [(2, 3), (1, 3, 5), (0,)])
def test_pages_of_both_polarities_are_one_loop(path, loop, inverted):
    stored = [255 - f if t in inverted else f for t, f in enumerate(loop)]
    options = [
        {"photometric": "miniswhite" if t in inverted else "minisblack"}
        for t in range(T)
    ]
    write_pages(path, stored, options)
    np.testing.assert_array_equal(read_cine(path).frames[:], loop)


@pytest.mark.parametrize("metadata", [None, {}])
def test_each_page_has_its_own_palette(path, loop, metadata):
    with tifffile.TiffWriter(path) as writer:
        for t, frame in enumerate(loop):
            stored, table = (255 - frame, RAMP[:, ::-1]) if t % 2 else (frame, RAMP)
            writer.write(
                stored, photometric="palette", colormap=table, metadata=metadata
            )
    np.testing.assert_array_equal(read_cine(path).frames[:], loop)


def test_a_palette_of_16_bits_keeps_them(path, loop):
    table = np.stack([np.arange(65536)] * 3).astype(np.uint16)
    deep = loop.astype(np.uint16) * 200
    write_pages(path, deep, [{"photometric": "palette", "colormap": table}] * T)
    np.testing.assert_array_equal(read_cine(path).frames[:], deep)


def test_planar_colours_with_thumbnails(path, loop):
    with tifffile.TiffWriter(path) as writer:
        for frame in loop:
            for image in (frame, frame[::2, ::2]):
                writer.write(
                    np.stack([image] * 3), photometric="rgb", planarconfig="separate"
                )
    with pytest.warns(PartialReadWarning, match="another size or type than 40 x 32"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], loop)


def damage_page(path, t):
    with tifffile.TiffFile(path) as file:
        page = file.pages[t]
        start, size = page.dataoffsets[0], page.databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start : start + size] = b"\xff" * size
    path.write_bytes(content)


def test_a_damaged_page_between_others_is_blank(path, loop):
    write_pages(path, loop, [{"compression": "zlib"}] * T)
    damage_page(path, 2)
    with pytest.warns(PartialReadWarning, match=r"1 of 6 frames are damaged.*\(2\)"):
        cine = read_cine(path)
    sound = [0, 1, 3, 4, 5]
    np.testing.assert_array_equal(cine.frames[:][sound], loop[sound])
    assert cine.frames.damaged == {2}
    assert (cine.frames[2] == 0).all()
    assert cine.frames.usable_frames() == sound


def test_a_file_without_any_sound_page_is_refused(path, loop):
    write_pages(path, loop[:2], [{"compression": "zlib"}] * 2)
    for t in range(2):
        damage_page(path, t)
    with pytest.raises(ReadError, match="no frame can be decoded"):
        read_cine(path)


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
def test_whole_frames_of_a_truncated_stack_are_read(path, loop, options):
    deep = loop.astype(np.uint16) * 16
    tifffile.imwrite(path, deep, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    with pytest.warns(PartialReadWarning, match="ends too early; 3 frames"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[:], deep[:3])


def test_packed_bits_are_known(path, loop):
    tifffile.imwrite(path, (loop >> 2).astype(np.uint16), bitspersample=10)
    assert read_cine(path).bits_stored == 10


def test_white_is_zero_in_32_bits(path, loop):
    tifffile.imwrite(path, loop.astype(np.uint32), photometric="miniswhite")
    wanted = int(loop.max()) - loop.astype(int)
    np.testing.assert_array_equal(read_cine(path).frames[:], wanted)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_float16_does_not_overflow(path, loop):
    tifffile.imwrite(path, loop.astype(np.float16))
    np.testing.assert_array_equal(read_cine(path).frames[:], loop)
