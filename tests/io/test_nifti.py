"""NIfTI: back as it was, upright, in millimetres; damage is named."""

import gzip

import nibabel
import numpy as np
import pytest

from napari_motionseg.errors import (
    LabelError,
    PartialReadWarning,
    ReadError,
    WriteError,
)
from napari_motionseg.io import read_labels, write_masks

SHAPE = (5, 7, 9)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # as `write_masks` lays images


@pytest.fixture
def masks():
    return np.random.default_rng(0).integers(0, 4, SHAPE).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".NII.GZ"])
def test_what_is_written_is_read(tmp_path, masks, suffix):
    path = tmp_path / f"m{suffix}"
    if suffix.isupper():
        write_masks(tmp_path / "m.nii.gz", masks)
        (tmp_path / "m.nii.gz").rename(path)
    else:
        write_masks(path, masks)
    read = read_labels(path, shape=SHAPE)
    np.testing.assert_array_equal(read.labels, masks)


def test_others_find_axes_sizes_and_times_where_they_belong(tmp_path, masks):
    times = np.arange(5) * 66.7
    path = tmp_path / "m.nii.gz"
    write_masks(path, masks, frame_times=times, pixel_spacing=(0.3, 0.2))
    image = nibabel.load(path)
    assert image.shape == (9, 7, 1, 5)
    assert image.header.get_xyzt_units() == ("mm", "msec")
    np.testing.assert_allclose(image.header.get_zooms(), (0.2, 0.3, 1, 66.7), rtol=1e-5)
    # in the patient's coordinates, left and posterior grow to the right and downwards
    np.testing.assert_allclose(image.affine, np.diag([-0.2, -0.3, 1, 1]), rtol=1e-6)
    assert image.get_data_dtype() == np.uint8
    for t, row, column in ((0, 0, 0), (3, 6, 2), (4, 1, 8)):
        assert image.dataobj[column, row, 0, t] == masks[t, row, column]


def test_what_is_not_known_has_no_unit(tmp_path, masks):
    write_masks(tmp_path / "m.nii", masks)
    header = nibabel.load(tmp_path / "m.nii").header
    assert header.get_xyzt_units() == ("unknown", "unknown")


def test_one_frame_is_a_loop_of_one(tmp_path, masks):
    write_masks(tmp_path / "m.nii", masks[0])
    read = read_labels(tmp_path / "m.nii", shape=(1, *SHAPE[1:]))
    np.testing.assert_array_equal(read.labels[0], masks[0])


def test_another_shape_is_refused_before_pixels_are_read(tmp_path, masks):
    write_masks(tmp_path / "m.nii", masks)
    with pytest.raises(LabelError, match=r"has axes \(9, 7, 1, 5\); .*\(9, 7, 1, 6\)"):
        read_labels(tmp_path / "m.nii", shape=(6, 7, 9))


def test_a_header_that_promises_too_much_is_refused(tmp_path, masks):
    write_masks(tmp_path / "m.nii", masks)
    content = bytearray((tmp_path / "m.nii").read_bytes())
    content[42:50] = np.asarray([30000] * 4, "<i2").tobytes()
    (tmp_path / "m.nii").write_bytes(content)
    with pytest.raises(LabelError, match="30000"):
        read_labels(tmp_path / "m.nii", shape=SHAPE)


def save(path, masks, affine=LPS, dtype=np.uint8):
    image = nibabel.Nifti1Image(
        masks.transpose(2, 1, 0)[:, :, None].astype(dtype), affine
    )
    image.to_filename(path)
    return image


def test_fractions_are_no_labels(tmp_path, masks):
    save(tmp_path / "f.nii", masks * 0.25, dtype=np.float32)
    with pytest.raises(LabelError, match=r"fractions \(0\.25, 0\.5, 0\.75\)"):
        read_labels(tmp_path / "f.nii", shape=SHAPE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, ">i2", np.uint16])
def test_whole_numbers_of_any_type_are_labels(tmp_path, masks, dtype):
    save(tmp_path / "f.nii.gz", masks, dtype=dtype)
    read = read_labels(tmp_path / "f.nii.gz", shape=SHAPE)
    np.testing.assert_array_equal(read.labels, masks)


@pytest.mark.parametrize("spacing", [None, (0.3, 0.2)])
@pytest.mark.parametrize("axes", ["RAS", "LAS", "RPS", "LPS", "PLS", "ARS", "SRA"])
def test_masks_that_others_turned_are_laid_back(tmp_path, masks, axes, spacing):
    from nibabel import orientations as o

    path = tmp_path / "m.nii.gz"
    write_masks(path, masks, pixel_spacing=spacing)
    image = nibabel.load(path)
    turn = o.ornt_transform(o.io_orientation(image.affine), o.axcodes2ornt(axes))
    nibabel.save(image.as_reoriented(turn), path)
    if axes == "LPS":
        read = read_labels(path, shape=SHAPE)
    else:
        with pytest.warns(PartialReadWarning, match=f"axes run to {axes}"):
            read = read_labels(path, shape=SHAPE)
    np.testing.assert_array_equal(read.labels, masks)


def test_square_loops_are_turned_too(tmp_path):
    square = np.random.default_rng(0).integers(0, 4, (3, 8, 8)).astype(np.uint8)
    write_masks(tmp_path / "m.nii", square)
    flipped = nibabel.load(tmp_path / "m.nii").slicer[:, ::-1]
    nibabel.save(flipped, tmp_path / "m.nii")
    with pytest.warns(PartialReadWarning, match="LAS"):
        read = read_labels(tmp_path / "m.nii", shape=square.shape)
    np.testing.assert_array_equal(read.labels, square)


def test_an_affine_that_libraries_fill_in_is_not_believed(tmp_path, masks):
    save(tmp_path / "m.nii", masks, np.eye(4))
    with pytest.warns(PartialReadWarning, match="taken as stored"):
        read = read_labels(tmp_path / "m.nii", shape=SHAPE)
    np.testing.assert_array_equal(read.labels, masks)


def test_frames_as_slices_and_one_frame_alone(tmp_path, masks):
    stack = masks.transpose(2, 1, 0)
    nibabel.save(nibabel.Nifti1Image(stack, LPS), tmp_path / "s.nii")
    read = read_labels(tmp_path / "s.nii", shape=SHAPE)
    np.testing.assert_array_equal(read.labels, masks)
    nibabel.save(nibabel.Nifti1Image(stack[:, :, 2], LPS), tmp_path / "o.nii")
    read = read_labels(tmp_path / "o.nii", shape=SHAPE, frame=2)
    np.testing.assert_array_equal(read.labels[2], masks[2])
    with pytest.raises(LabelError, match="give the index of its frame"):
        read_labels(tmp_path / "o.nii", shape=SHAPE)


def test_black_and_white_is_two_classes(tmp_path, masks):
    save(tmp_path / "m.nii", (masks > 1) * 255)
    with pytest.warns(PartialReadWarning, match="255 is taken as class 1"):
        assert read_labels(tmp_path / "m.nii", shape=SHAPE).classes == 2


def test_a_file_that_inflates_without_end_is_not_followed(tmp_path, masks):
    write_masks(tmp_path / "m.nii", masks)
    content = (tmp_path / "m.nii").read_bytes() + bytes(2**24)
    (tmp_path / "m.nii.gz").write_bytes(gzip.compress(content))
    with pytest.raises(LabelError, match="holds more than"):
        read_labels(tmp_path / "m.nii.gz", shape=SHAPE)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e38, 0.0])
def test_absurd_sizes_and_affines(tmp_path, masks, value):
    save(tmp_path / "m.nii", masks)
    content = bytearray((tmp_path / "m.nii").read_bytes())
    content[80:92] = np.asarray([value] * 3, "<f4").tobytes()
    content[280:328] = np.asarray([value] * 12, "<f4").tobytes()
    (tmp_path / "m.nii").write_bytes(content)
    with pytest.raises(ReadError, match=r"m\.nii"):
        read_labels(tmp_path / "m.nii", shape=SHAPE)


@pytest.mark.parametrize("share", [0, 0.3, 0.95])
def test_half_a_file_is_damaged(tmp_path, masks, share):
    path = tmp_path / "m.nii.gz"
    write_masks(path, masks)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ReadError, match="damaged or unreadable"):
        read_labels(path, shape=SHAPE)


def test_no_nifti_at_all_is_damaged(tmp_path):
    (tmp_path / "m.nii").write_bytes(b"hello" * 100)
    (tmp_path / "m.nii.gz").write_bytes(gzip.compress(b"hello" * 100))
    for name in ("m.nii", "m.nii.gz"):
        with pytest.raises(ReadError, match="damaged or unreadable"):
            read_labels(tmp_path / name, shape=SHAPE)


def test_a_folder_that_is_not_there_cannot_be_made_of_a_file(tmp_path, masks):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write"):
        write_masks(tmp_path / "file" / "m.nii", masks)


@pytest.mark.parametrize("frontal", [True, False])
def test_rows_of_a_picture_along_the_body_run_to_the_feet(tmp_path, masks, frontal):
    pixels = masks.transpose(2, 1, 0)  # columns, rows, frames
    stored = pixels[:, None] if frontal else pixels[None]
    # the axes run to L, A and I, or to R, P and I
    affine = np.diag([-1.0, 1, -1, 1] if frontal else [1.0, -1, -1, 1])
    nibabel.save(nibabel.Nifti1Image(stored, affine), tmp_path / "m.nii")
    with pytest.warns(PartialReadWarning, match="turned to LPI"):
        read = read_labels(tmp_path / "m.nii", shape=SHAPE)
    np.testing.assert_array_equal(read.labels, masks)
    turned = nibabel.Nifti1Image(stored[:, :, ::-1], affine @ np.diag([1, 1, -1, 1]))
    nibabel.save(turned, tmp_path / "m.nii")
    with pytest.warns(PartialReadWarning, match="turned to LPI"):
        read = read_labels(tmp_path / "m.nii", shape=SHAPE)
    np.testing.assert_array_equal(read.labels, masks)


def test_damage_prints_nothing(tmp_path, capfd):
    (tmp_path / "m.nii.gz").write_bytes(gzip.compress(bytes(range(256)) * 4))
    with pytest.raises(ReadError, match="damaged"):
        read_labels(tmp_path / "m.nii.gz", shape=SHAPE)
    assert capfd.readouterr() == ("", "")
