"""Masks as other programs store them: one meaning is read, several are a question."""

import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_motionseg.errors import LabelError, PartialReadWarning, ReadError
from napari_motionseg.io import read_labels

SHAPE = (4, 9, 11)


@pytest.fixture
def mask():
    painted = np.zeros(SHAPE, np.uint8)
    painted[1, 2:4, 3:9] = 1
    return painted


def save_npz(path, mask):
    np.savez_compressed(path, mask=mask, valid=np.arange(4) == 1)


def save_tiff(path, mask):
    tifffile.imwrite(path, mask, photometric="minisblack", compression="zlib")


SAVERS = {".npz": save_npz, ".tif": save_tiff}


def read(folder, suffix, array, **options):
    SAVERS[suffix](folder / f"m{suffix}", array)
    return read_labels(folder / f"m{suffix}", shape=SHAPE, **options)


@pytest.mark.parametrize("suffix", SAVERS)
@pytest.mark.parametrize(
    "kind", [np.float32, np.float64, np.int16, np.uint16, ">u2", bool]
)
def test_numbers_of_any_type(tmp_path, mask, suffix, kind):
    labels = read(tmp_path, suffix, mask.astype(kind))
    np.testing.assert_array_equal(labels.labels, mask)
    assert labels.frames == (1,)


@pytest.mark.parametrize("suffix", SAVERS)
@pytest.mark.parametrize(
    ("kind", "white"),
    [(np.uint8, 255), (np.uint16, 255), (np.uint16, 65535), (np.float32, 255)],
)
def test_black_and_white(tmp_path, mask, suffix, kind, white):
    with pytest.warns(PartialReadWarning, match=f"{white} is taken as class 1"):
        labels = read(tmp_path, suffix, mask.astype(kind) * kind(white))
    np.testing.assert_array_equal(labels.labels, mask)


@pytest.mark.parametrize("suffix", SAVERS)
def test_a_smoothed_mask_is_a_question_that_names_its_values(tmp_path, mask, suffix):
    smooth = mask * np.uint8(255)
    smooth[1, 2, 3:6] = 37, 128, 201
    with pytest.raises(LabelError, match=r"0, 37, 128, 201, 255.*threshold"):
        read(tmp_path, suffix, smooth)
    with pytest.raises(LabelError, match=r"fractions \(0\.145098"):
        read(tmp_path, suffix, (smooth / 255).astype(np.float32))


@pytest.mark.parametrize("value", [128, 200, 254])
def test_one_shade_of_gray_is_a_question(tmp_path, mask, value):
    with pytest.raises(LabelError, match=f"values 0, {value}"):
        read(tmp_path, ".npz", mask * np.uint8(value))


def test_classes_with_small_gaps_are_classes(tmp_path, mask):
    mask[1, 5, 5] = 7
    assert read(tmp_path, ".npz", mask).classes == 8


@pytest.mark.parametrize("suffix", SAVERS)
@pytest.mark.parametrize("place", [-1, 1])
@pytest.mark.parametrize("top", [1, 255])
def test_one_channel_for_each_class(tmp_path, mask, suffix, place, top):
    mask[1, 6, :4] = 2
    channels = np.stack([mask == c for c in range(5)], axis=place)
    with pytest.warns(PartialReadWarning, match="5 channels are taken as classes"):
        labels = read(tmp_path, suffix, channels.astype(np.uint8) * np.uint8(top))
    np.testing.assert_array_equal(labels.labels, mask)


def test_channels_that_overlap_are_a_question(tmp_path, mask):
    channels = np.stack([mask, mask, mask, mask, mask], -1)
    with pytest.raises(LabelError, match="5 channels that overlap"):
        read(tmp_path, ".npz", channels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L", "1"])
def test_gray_in_any_channels_of_a_png(tmp_path, mask, mode):
    image = Image.fromarray(mask[1] * np.uint8(255)).convert(mode)
    image.save(tmp_path / "m.png")
    if mode == "1":
        labels = read_labels(tmp_path / "m.png", shape=SHAPE, frame=1)
    else:
        with pytest.warns(PartialReadWarning, match="255 is taken as class 1"):
            labels = read_labels(tmp_path / "m.png", shape=SHAPE, frame=1)
    np.testing.assert_array_equal(labels.labels[1], mask[1])


def test_palette_images_hold_class_numbers(tmp_path, mask):
    image = Image.fromarray(mask[1] * np.uint8(2)).convert("P")
    image.putpalette([200, 0, 0, 0, 200, 0, 255, 255, 255])
    image.save(tmp_path / "m.png")
    labels = read_labels(tmp_path / "m.png", shape=SHAPE, frame=1)
    np.testing.assert_array_equal(labels.labels[1], 2 * mask[1])


def test_white_is_zero_masks_are_as_shown(tmp_path, mask):
    stored = 255 - mask * np.uint8(255)
    tifffile.imwrite(tmp_path / "m.tif", stored, photometric="miniswhite")
    with pytest.warns(PartialReadWarning, match="255 is taken as class 1"):
        labels = read_labels(tmp_path / "m.tif", shape=SHAPE)
    np.testing.assert_array_equal(labels.labels, mask)


def test_pages_that_were_appended_one_by_one(tmp_path, mask):
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        for frame in mask:
            writer.write(frame, contiguous=False)
    labels = read_labels(tmp_path / "m.tif", shape=SHAPE)
    np.testing.assert_array_equal(labels.labels, mask)


@pytest.mark.parametrize("suffix", SAVERS)
@pytest.mark.parametrize(
    ("order", "words"),
    [((1, 2, 0), "rows, columns, frames"), ((2, 1, 0), "columns, rows, frames"),
     ((0, 2, 1), "frames, columns, rows")],
)  # fmt: skip
def test_turned_axes_are_named(tmp_path, mask, suffix, order, words):
    with pytest.raises(LabelError, match=words):
        read(tmp_path, suffix, np.ascontiguousarray(mask.transpose(order)))


@pytest.mark.parametrize("suffix", SAVERS)
def test_another_number_of_frames_is_named(tmp_path, mask, suffix):
    with pytest.raises(LabelError, match="it holds 3 frames, the loop 4"):
        read(tmp_path, suffix, mask[:3])


@pytest.mark.parametrize("suffix", SAVERS)
def test_one_frame_with_a_leading_axis(tmp_path, mask, suffix):
    SAVERS[suffix](tmp_path / f"m{suffix}", mask[1:2])
    labels = read_labels(tmp_path / f"m{suffix}", shape=SHAPE, frame=1)
    np.testing.assert_array_equal(labels.labels, mask)
    with pytest.raises(LabelError, match="give the index of its frame"):
        read_labels(tmp_path / f"m{suffix}", shape=SHAPE)


def test_negative_and_huge_numbers(tmp_path, mask):
    with pytest.raises(LabelError, match="negative; got -1"):
        read(tmp_path, ".npz", -mask.astype(np.int16))
    with pytest.raises(LabelError, match="at most 255; got 4294967295"):
        read(tmp_path, ".npz", mask.astype(np.uint32) * np.uint32(2**32 - 1))
    with pytest.raises(LabelError, match="at most 65535; got 1e"):
        read(tmp_path, ".npz", mask.astype(float) * 1e300)
    with pytest.raises(LabelError, match="must be finite"):
        read(tmp_path, ".npz", np.where(mask, np.nan, 0))


def test_two_images_of_one_frame_are_a_question(tmp_path, mask):
    for name in ("a_1.png", "b_01.png"):
        Image.fromarray(mask[1]).save(tmp_path / name)
    with pytest.raises(
        LabelError, match=r"b_01\.png: another image is for frame 1 too"
    ):
        read_labels(tmp_path, shape=SHAPE)


def test_hidden_images_are_no_labels(tmp_path, mask):
    Image.fromarray(mask[1]).save(tmp_path / "f_1.png")
    (tmp_path / "._f_1.png").write_bytes(b"of the Finder")
    assert read_labels(tmp_path, shape=SHAPE).frames == (1,)


def test_gray_of_2_and_4_bits_are_class_numbers(tmp_path):
    classes = np.arange(4, dtype=np.uint8).repeat(2).reshape(1, 8).repeat(8, 0)
    for bits in (2, 4):
        rows = b"".join(b"\0" + bytes(row) for row in _packed(classes, bits))
        header = struct.pack(">IIBBBBB", 8, 8, bits, 0, 0, 0, 0)
        chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
        content = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
        (tmp_path / "m.png").write_bytes(content)
        found = read_labels(tmp_path / "m.png", shape=(1, 8, 8))
        np.testing.assert_array_equal(found.labels[0], classes)


def _packed(classes, bits):
    parts = classes.reshape(8, -1, 8 // bits)
    shifts = np.arange(8 - bits, -1, -bits)
    return (parts << shifts).sum(-1).astype(np.uint8)


def _chunk(name, data):
    checked = name + data
    return (
        struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))
    )


def test_channels_of_16_bits_keep_small_numbers(tmp_path, mask):
    coded = imagecodecs.png_encode(np.stack([mask[1].astype(np.uint16)] * 3, -1))
    (tmp_path / "m.png").write_bytes(coded)
    found = read_labels(tmp_path / "m.png", shape=SHAPE, frame=1)
    np.testing.assert_array_equal(found.labels, mask)


@pytest.mark.parametrize("colours", [1, 3])
def test_a_mask_in_the_transparency_is_a_question(tmp_path, mask, colours):
    channels = [np.zeros_like(mask[1])] * colours + [mask[1] * 255]
    Image.fromarray(np.stack(channels, -1)).save(tmp_path / "m.png")
    with pytest.raises(LabelError, match="only their transparency"):
        read_labels(tmp_path / "m.png", shape=SHAPE, frame=1)


def test_true_is_1_in_a_tiff_of_tifffile(tmp_path, mask):
    tifffile.imwrite(tmp_path / "m.tif", mask.astype(bool))  # it calls 1 black
    found = read_labels(tmp_path / "m.tif", shape=SHAPE)
    np.testing.assert_array_equal(found.labels, mask)
    # others mean what they show
    tifffile.imwrite(tmp_path / "n.tif", ~mask.astype(bool), software="scanner")
    found = read_labels(tmp_path / "n.tif", shape=SHAPE)
    np.testing.assert_array_equal(found.labels, mask)


@pytest.mark.parametrize("inverted", [(), (0, 1)])
def test_pages_of_a_tiff_may_differ(tmp_path, mask, inverted):
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        for t, frame in enumerate(mask * 255):
            turned = t in inverted
            writer.write(
                255 - frame if turned else frame, metadata=None,
                compression="zlib" if t % 2 else None,
                photometric="miniswhite" if turned else "minisblack",
            )  # fmt: skip
    with pytest.warns(PartialReadWarning, match="255 is taken as class 1"):
        found = read_labels(tmp_path / "m.tif", shape=SHAPE)
    np.testing.assert_array_equal(found.labels, mask)


def test_a_planar_tiff_has_channels(tmp_path, mask):
    planes = np.stack([mask[1]] * 3)
    tifffile.imwrite(
        tmp_path / "m.tif", planes, photometric="rgb", planarconfig="separate"
    )
    found = read_labels(tmp_path / "m.tif", shape=SHAPE, frame=1)
    np.testing.assert_array_equal(found.labels, mask)


def test_a_truncated_stack_is_not_taken_for_one_frame(tmp_path, mask):
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        for frame in mask:
            writer.write(frame, metadata=None)
    content = (tmp_path / "m.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        second = file.pages[1].offset
    (tmp_path / "m.tif").write_bytes(content[:second])
    with pytest.raises(ReadError, match="ends too early"):
        read_labels(tmp_path / "m.tif", shape=SHAPE, frame=1)


def test_numbers_with_large_gaps_are_a_warning(tmp_path, mask):
    with pytest.warns(PartialReadWarning, match="has 51 classes"):
        found = read(tmp_path, ".npz", mask * 50)
    assert found.classes == 51
    assert read(tmp_path, ".npz", mask * 3).classes == 4


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_float16_labels_do_not_overflow(tmp_path, mask):
    found = read(tmp_path, ".npz", mask.astype(np.float16))
    np.testing.assert_array_equal(found.labels, mask)


def test_the_image_of_a_folder_is_named(tmp_path, mask):
    Image.fromarray(mask[0]).save(tmp_path / "f_0.png")
    Image.fromarray(mask[1, ::2]).save(tmp_path / "f_1.png")
    with pytest.raises(LabelError, match=r"f_1\.png: shape"):
        read_labels(tmp_path, shape=SHAPE)


def test_a_name_that_is_too_long_is_an_error_about_the_file():
    with pytest.raises(ReadError, match="too long"):
        read_labels("x" * 300, shape=SHAPE)
