import io
import warnings
import zipfile

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_motionseg.errors import (
    LabelError,
    PartialReadWarning,
    ReadError,
    SettingsError,
    WriteError,
)
from napari_motionseg.io.labels import Labels, read_labels, write_masks

SHAPE = (4, 9, 11)


@pytest.fixture
def painted():
    labels = np.zeros(SHAPE, np.uint8)
    labels[1, 2:5, 3:7] = 1
    labels[3, 4, :] = 2
    return labels


def test_dense_targets_keep_background_on_labelled_frames_alone(painted):
    labelled = np.array([False, True, False, True])
    labels = Labels(painted, labelled, "dense")
    expected = np.where(labelled[:, None, None], painted.astype(int), -1)
    assert labels.targets().dtype == np.int16
    np.testing.assert_array_equal(labels.targets(), expected)
    assert labels.classes == 3
    assert labels.frames == (1, 3)


def test_scribbles_shift_classes_and_leave_zero_unlabelled(painted):
    labels = Labels(painted, np.ones(4, bool), "scribbles")
    expected = np.vectorize({0: -1, 1: 0, 2: 1}.get)(painted)
    np.testing.assert_array_equal(labels.targets(), expected)
    assert labels.classes == 2


def test_values_on_unlabelled_frames_do_not_count(painted):
    painted[0] = 9
    labels = Labels(painted, np.array([False, True, False, False]))
    assert labels.classes == 2
    assert not labels.labels[0].any()


def test_labels_are_a_copy_that_later_painting_leaves_alone(painted):
    labels = Labels.from_painted(painted)
    assert labels.frames == (1, 3)
    painted[1] = 0
    assert labels.target(1).any()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(SHAPE, np.float32), "integers"),
        (np.zeros(SHAPE, object), "integers"),
        (np.full(SHAPE, -1), "negative; got -1"),
        (np.full(SHAPE, 256), "at most 255; got 256"),
        (np.zeros(SHAPE[1:], int), "axes"),
        (np.zeros((0, 9, 11), int), "axes"),
    ],
)
def test_what_is_no_class_image_is_refused(array, message):
    with pytest.raises(LabelError, match=message):
        Labels(array, np.ones(len(array), bool))


def test_nothing_labelled_is_refused(painted):
    with pytest.raises(LabelError, match="nothing is labelled"):
        Labels(painted, np.zeros(4, bool))
    with pytest.raises(LabelError, match="nothing is labelled"):
        Labels(np.zeros(SHAPE, int), np.ones(4, bool), "scribbles")
    with pytest.raises(LabelError, match="nothing is labelled"):
        Labels.from_painted(np.zeros(SHAPE, int))


def test_other_faults_of_construction(painted):
    with pytest.raises(SettingsError, match="'dense' or 'scribbles'; got 'sparse'"):
        Labels(painted, np.ones(4, bool), "sparse")
    with pytest.raises(LabelError, match=r"one bool per frame, shape \(4,\)"):
        Labels(painted, np.ones(3, bool))
    with pytest.raises(LabelError, match="do not fit a loop"):
        Labels.from_painted(painted).require_shape((5, 9, 11))


@pytest.mark.parametrize("suffix", [".npz", ".tif", ".tiff", ""])
def test_round_trip_with_the_labelled_frames(tmp_path, painted, suffix):
    path = tmp_path / f"masks{suffix}"
    labelled = np.array([True, True, False, True])
    times = np.arange(4) * 66.7
    write_masks(path, painted, frame_times=times, labelled=labelled)
    labels = read_labels(path, shape=SHAPE)
    np.testing.assert_array_equal(labels.labels, painted)
    np.testing.assert_array_equal(labels.labelled, labelled)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_npz_keeps_the_times(tmp_path, painted):
    write_masks(tmp_path / "m.npz", painted, frame_times=[0.0, 1, 2, 3])
    with np.load(tmp_path / "m.npz") as stored:
        np.testing.assert_array_equal(stored["frame_times"], [0, 1, 2, 3])
        assert stored["labelled"].all()


def test_one_png_is_one_frame(tmp_path, painted):
    path = tmp_path / "one.png"
    write_masks(path, painted[1])
    labels = read_labels(path, shape=SHAPE, frame=2)
    assert labels.frames == (2,)
    np.testing.assert_array_equal(labels.labels[2], painted[1])
    with pytest.raises(LabelError, match=r"one\.png: one image for a loop of 4 frames"):
        read_labels(path, shape=SHAPE)
    assert read_labels(path, shape=(1, 9, 11)).frames == (0,)


def test_frame_picks_one_of_a_stack(tmp_path, painted):
    path = tmp_path / "m.npz"
    write_masks(path, painted, labelled=[False, True, False, True])
    assert read_labels(path, shape=SHAPE, frame=3).frames == (3,)
    with pytest.raises(LabelError, match="frame 0 is not labelled"):
        read_labels(path, shape=SHAPE, frame=0)
    with pytest.raises(LabelError, match="between 0 and 3; got 4"):
        read_labels(path, shape=SHAPE, frame=4)


def test_mask_and_valid_are_read_too(tmp_path, painted):
    valid = np.array([False, True, False, True])
    np.savez(tmp_path / "m.npz", mask=painted > 0, valid=valid)
    labels = read_labels(tmp_path / "m.npz", shape=SHAPE)
    np.testing.assert_array_equal(labels.labelled, valid)
    assert labels.classes == 2


def test_files_that_do_not_say_are_labelled_where_painted(tmp_path, painted):
    np.savez(tmp_path / "m.npz", labels=painted)
    tifffile.imwrite(
        tmp_path / "m.tif", painted.astype(np.int32), photometric="minisblack"
    )
    for name in ("m.npz", "m.tif"):
        assert read_labels(tmp_path / name, shape=SHAPE).frames == (1, 3)


def test_black_and_white_images_are_classes_and_it_is_said(tmp_path):
    pixels = np.zeros(SHAPE[1:], np.uint8)
    pixels[2:4] = 255
    Image.fromarray(pixels).save(tmp_path / "bw.png")
    with pytest.warns(PartialReadWarning, match="255 is taken as class 1"):
        labels = read_labels(tmp_path / "bw.png", shape=SHAPE, frame=0)
    np.testing.assert_array_equal(labels.labels[0], pixels == 255)


def test_large_class_numbers_survive_writing(tmp_path):
    masks = np.zeros(SHAPE, np.int64)
    masks[0, 0, 0] = 40000
    write_masks(tmp_path / "m.tiff", masks)
    assert tifffile.imread(tmp_path / "m.tiff")[0, 0, 0] == 40000


def _npz_with_header(path, shape, dtype):
    """An npz whose header promises more than it holds."""
    stream = io.BytesIO()
    description = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, description)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels.npy", stream.getvalue() + b"\0" * 16)


def _broken(kind, path, painted):
    if kind == "truncated npz":
        np.savez_compressed(path, labels=painted)
        path.write_bytes(path.read_bytes()[:-40])
    elif kind == "corrupted npz":
        np.savez_compressed(path, labels=painted)
        data = bytearray(path.read_bytes())
        data[60:90] = b"\xff" * 30
        path.write_bytes(bytes(data))
    elif kind == "short npz":
        _npz_with_header(path, SHAPE, "|u1")
    elif kind == "truncated tiff":
        tifffile.imwrite(path, painted, compression="zlib", photometric="minisblack")
        path.write_bytes(path.read_bytes()[:-60])
    elif kind == "truncated png":
        Image.fromarray(np.random.default_rng(0).integers(0, 2, SHAPE[1:], "u1")).save(
            path
        )
        path.write_bytes(path.read_bytes()[:-30])
    else:
        path.write_bytes(b"not what the name says")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("truncated npz", "a.npz"),
        ("corrupted npz", "a.npz"),
        ("short npz", "a.npz"),
        ("text", "a.npz"),
        ("truncated tiff", "a.tif"),
        ("text", "a.tif"),
        ("truncated png", "a.png"),
        ("text", "a.png"),
    ],
)
def test_broken_files_are_named(tmp_path, painted, kind, name):
    path = tmp_path / name
    _broken(kind, path, painted)
    with pytest.raises(ReadError, match=name):
        read_labels(path, shape=SHAPE, frame=0)


def test_hostile_headers_are_refused_before_allocation(tmp_path):
    _npz_with_header(tmp_path / "big.npz", (10**6, 10**6, 10**6), "|u1")
    with pytest.raises(LabelError, match="does not fit the loop's"):
        read_labels(tmp_path / "big.npz", shape=SHAPE)
    Image.fromarray(np.zeros((9, 12), np.uint8)).save(tmp_path / "wide.png")
    with pytest.raises(LabelError, match=r"\(9, 12\) does not fit"):
        read_labels(tmp_path / "wide.png", shape=SHAPE, frame=0)
    tifffile.imwrite(tmp_path / "deep.tif", np.zeros((5, 9, 11), np.uint8))
    with pytest.raises(LabelError, match=r"\(5, 9, 11\) does not fit"):
        read_labels(tmp_path / "deep.tif", shape=SHAPE)


def test_enormous_images_are_an_error_and_no_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    Image.fromarray(np.zeros(SHAPE[1:], np.uint8)).save(tmp_path / "bomb.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ReadError, match=r"bomb\.png"):
            read_labels(tmp_path / "bomb.png", shape=SHAPE, frame=0)


def test_objects_are_never_unpickled(tmp_path):
    payload = np.empty(SHAPE, object)
    np.savez(tmp_path / "evil.npz", labels=payload)
    with pytest.raises(LabelError, match="Python objects, which are never loaded"):
        read_labels(tmp_path / "evil.npz", shape=SHAPE)


def test_other_content_is_refused_with_its_name(tmp_path, painted):
    np.savez(tmp_path / "f.npz", labels=painted.astype(complex))
    with pytest.raises(LabelError, match=r"f\.npz: labels must be integers"):
        read_labels(tmp_path / "f.npz", shape=SHAPE)
    np.savez(tmp_path / "o.npz", other=painted)
    with pytest.raises(LabelError, match="must hold an array 'labels'.*it holds other"):
        read_labels(tmp_path / "o.npz", shape=SHAPE)
    np.savez(tmp_path / "l.npz", labels=painted, labelled=np.ones(3, bool))
    with pytest.raises(LabelError, match=r"l\.npz"):
        read_labels(tmp_path / "l.npz", shape=SHAPE)
    red = np.zeros((*SHAPE[1:], 3), np.uint8)
    red[2, 3, 0] = 255
    Image.fromarray(red).save(tmp_path / "rgb.png")
    with pytest.raises(LabelError, match="painted in colours"):
        read_labels(tmp_path / "rgb.png", shape=SHAPE, frame=0)


def test_missing_and_unknown_files(tmp_path):
    with pytest.raises(ReadError, match="no such file"):
        read_labels(tmp_path / "none.npz", shape=SHAPE)
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    with pytest.raises(ReadError, match=r"not from '\.gif'"):
        read_labels(tmp_path / "a.gif", shape=SHAPE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReadError, match="holds no image"):
        read_labels(tmp_path / "empty", shape=SHAPE)


def test_folder_names_must_end_in_a_frame(tmp_path, painted):
    write_masks(tmp_path / "frames", painted)
    (tmp_path / "frames" / "frame_0003.png").rename(tmp_path / "frames" / "f_9.png")
    with pytest.raises(LabelError, match=r"f_9\.png.*0 to 3"):
        read_labels(tmp_path / "frames", shape=SHAPE)


@pytest.mark.parametrize(
    ("name", "masks", "options", "message"),
    [
        ("m.jpg", np.zeros(SHAPE, bool), {}, "its suffix must be"),
        ("m.png", np.zeros(SHAPE, bool), {}, "holds one frame, but there are 4"),
        ("m.npz", np.zeros(SHAPE), {}, "integers of axes"),
        ("m.npz", np.full(SHAPE, -1), {}, "got -1 to -1"),
        ("m.npz", np.zeros(SHAPE, bool), {"frame_times": [0, 1]}, "frame_times"),
        ("m.npz", np.zeros(SHAPE, bool), {"labelled": [True]}, "labelled"),
    ],
)
def test_what_cannot_be_written(tmp_path, name, masks, options, message):
    with pytest.raises(WriteError, match=message):
        write_masks(tmp_path / name, masks, **options)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_what_was_there(tmp_path, painted, monkeypatch):
    path = tmp_path / "m.tif"
    write_masks(path, painted)
    before = path.read_bytes()

    def fail(target, *_, **__):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", fail)
    with pytest.raises(WriteError, match="No space left"):
        write_masks(path, painted * 0)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["M.NPZ", "M.TIFF", "M.Nii", "M.NII.GZ", "M.Nii.gz"])
def test_capitals_in_a_suffix_make_no_difference(tmp_path, painted, name):
    write_masks(tmp_path / name, painted)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    read = read_labels(tmp_path / name, shape=painted.shape)
    np.testing.assert_array_equal(read.labels, painted)
