"""Files that were chosen together: a series of them is one loop."""

import os
import sys

import numpy as np
import pytest
import tifffile
from helpers import dicom_files as files
from PIL import Image
from pydicom.uid import generate_uid

from napari_motionseg.contributions import get_reader, read_layers
from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io import file_selection
from napari_motionseg.io.file_selection import can_read_together, read_together
from napari_motionseg.io.reading import can_read, read_cines

SHAPE = (10, 12)


def single(path, value, number, series):
    """Write a file of one frame, all of one gray value."""
    pixels = np.full((1, *SHAPE), value, np.uint8)
    data = files.xa_dataset(pixels, SeriesInstanceUID=series, InstanceNumber=number)
    return files.save(data, path)


@pytest.fixture
def series(tmp_path):
    """Five files of one frame, whose names are in no order."""
    uid = generate_uid()
    names = ("e", "b", "d", "a", "c")
    return [
        single(tmp_path / f"{name}.dcm", 20 * number, number, uid)
        for number, name in enumerate(names, 1)
    ]


def grays(cine):
    return [int(frame[0, 0]) for frame in cine.frames]


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (3, 0, 4, 1, 2)])
def test_a_series_is_one_loop_whatever_the_order(series, order):
    paths = [str(series[n]) for n in order]
    ((data, attributes, kind),) = get_reader(paths)(paths)
    assert (data.shape, kind) == ((5, *SHAPE), "image")
    assert [int(data[t][0, 0]) for t in range(5)] == [20, 40, 60, 80, 100]
    assert attributes["name"] == series[0].parent.name


def test_a_path_that_comes_twice_is_read_once(series):
    (cine,) = read_together([*series, series[0], str(series[1])])
    assert len(cine) == 5


def test_two_series_are_two_loops(series, tmp_path):
    uid = generate_uid()
    others = [single(tmp_path / f"o{n}.dcm", n, n, uid) for n in (1, 2, 3)]
    mixed = [series[0], others[2], *series[1:], others[0], others[1]]
    found = sorted(map(grays, read_together(mixed)))
    assert found == [[1, 2, 3], [20, 40, 60, 80, 100]]


def test_files_of_several_frames_are_loops_of_their_own(tmp_path):
    uid = generate_uid()
    paths = []
    for name in "ab":
        data = files.xa_dataset(files.gray_frames(), SeriesInstanceUID=uid)
        paths.append(files.save(data, tmp_path / f"{name}.dcm"))
    assert [(c.name, len(c)) for c in read_together(paths)] == [("a", 4), ("b", 4)]


def test_a_list_of_one_path_is_that_path(series, tmp_path):
    assert len(read_together([series[0]])) == 1
    assert len(read_together([series[0]])[0]) == 1
    (whole,) = read_together([tmp_path])
    assert len(whole) == 5


def test_a_folder_among_files(series, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    files.save(files.xa_dataset(files.gray_frames()), folder / "loop.dcm")
    assert [len(c) for c in read_together([*series, folder])] == [5, 4]


def test_images_are_one_loop_by_number(tmp_path):
    paths = []
    for number in (10, 2, 1):
        path = tmp_path / f"frame{number}.png"
        Image.fromarray(np.full(SHAPE, number, np.uint8)).save(path)
        paths.append(str(path))
    ((data, _, _),) = get_reader(paths)(paths)
    assert [int(data[t][0, 0]) for t in range(3)] == [1, 2, 10]
    assert get_reader(paths[:1]) is None  # one image is no loop


def test_tiff_and_array_files_of_one_frame_are_one_loop(tmp_path):
    for number in (3, 1, 2):
        tifffile.imwrite(tmp_path / f"t{number}.tif", np.full(SHAPE, number, np.uint8))
    (cine,) = read_together(sorted(tmp_path.iterdir(), reverse=True))
    assert grays(cine) == [1, 2, 3]
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.zeros((4, *SHAPE), np.uint8), photometric="minisblack")
    found = read_together(sorted(tmp_path.iterdir()))
    assert sorted(len(cine) for cine in found) == [3, 4]


def test_different_kinds_are_read_each_as_it_is(series, tmp_path):
    np.save(tmp_path / "array.npy", np.zeros((3, *SHAPE), np.uint8))
    images = []
    for number in (1, 2):
        images.append(tmp_path / f"p{number}.png")
        Image.fromarray(np.full((9, 9), number, np.uint8)).save(images[-1])
    found = read_together([tmp_path / "array.npy", *series, *images])
    assert sorted(len(cine) for cine in found) == [2, 3, 5]


def test_what_cannot_be_read_is_left_out(series, tmp_path):
    (tmp_path / "bad.dcm").write_bytes(b"no loop")
    with pytest.warns(PartialReadWarning, match=r"left out: .*bad\.dcm"):
        (cine,) = read_together([tmp_path / "bad.dcm", *series])
    assert len(cine) == 5


def test_nothing_to_read_is_an_error(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"no")
    with pytest.raises(ReadError, match=r"a\.dcm"):
        read_together([tmp_path / "a.dcm", tmp_path / "nowhere.dcm"])
    with pytest.raises(ReadError, match="no file was chosen"):
        read_together([])
    assert not can_read_together([tmp_path / "a.dcm", tmp_path / "nowhere.dcm"])
    assert not can_read_together([])


needs_pipes = pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="this system has no named pipes"
)


@needs_pipes
@pytest.mark.parametrize(
    "name", ["x.dcm", "x.mp4", "x.gif", "x.tif", "x.png", "DICOMDIR"]
)
def test_a_pipe_is_refused_in_words(tmp_path, name):
    pipe = tmp_path / name
    os.mkfifo(pipe)
    assert not can_read(pipe)
    for read in (read_cines, get_reader(str(pipe)), read_layers):
        with pytest.raises(ReadError, match=r"named pipe \(FIFO\)"):
            read(str(pipe))


@needs_pipes
def test_a_pipe_among_files_is_left_out(series, tmp_path):
    os.mkfifo(tmp_path / "pipe.dcm")
    with pytest.warns(PartialReadWarning, match="named pipe"):
        (cine,) = read_together([*series, tmp_path / "pipe.dcm"])
    assert len(cine) == 5
    (cine,) = read_together([tmp_path])
    assert len(cine) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="devices are no files there")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/random", "/dev/tty"])
def test_a_device_is_refused_in_words(tmp_path, device):
    link = tmp_path / "loop.dcm"
    link.symlink_to(device)
    for path in (device, str(link)):
        assert not can_read(path)
        with pytest.raises(ReadError, match="character device"):
            read_cines(path)
        with pytest.raises(ReadError, match="character device"):
            get_reader(path)(path)


def test_files_on_several_drives_are_named_from_the_first_ones_folder(
    series, monkeypatch
):
    def no_common_path(_):
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr(os.path, "commonpath", no_common_path)
    other = series[0].parent / "deeper" / "other"
    assert file_selection._common_folder([series[0], other]) == series[0].parent
