"""Folders, series, media, movies, and what none of them is."""

import os

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from helpers import dicom_files as files

from napari_motionseg.errors import (
    MemoryBudgetError,
    PartialReadWarning,
    ReadError,
    SettingsError,
)
from napari_motionseg.io import can_read, read_cine, read_cines
from napari_motionseg.io.image_names import natural
from napari_motionseg.io.movie_writer import write_movie
from napari_motionseg.io.movies import read_image_folder


def write_series(folder, pixels, order=None, **attributes):
    folder.mkdir(exist_ok=True)
    order = range(len(pixels)) if order is None else order
    for name, number in enumerate(order):
        data = files.xa_dataset(pixels[number : number + 1], **attributes)
        data.SeriesInstanceUID = "1.2.3"
        data.InstanceNumber = number + 1
        files.save(data, folder / f"{name:03d}.dcm")
    return folder


def test_a_series_of_single_frames_is_one_loop_by_instance_number(tmp_path):
    pixels = files.gray_frames(frames=5)
    folder = write_series(tmp_path / "s", pixels, [3, 0, 4, 1, 2], CineRate=10)
    cine = read_cine(folder)
    np.testing.assert_array_equal(cine.frames[:], pixels)
    assert cine.frame_interval == pytest.approx(100)


def test_a_folder_of_loops(tmp_path):
    for number in range(3):
        files.save(
            files.xa_dataset(files.gray_frames(seed=number)), tmp_path / f"{number}.dcm"
        )
    assert [cine.name for cine in read_cines(tmp_path)] == ["0", "1", "2"]
    with pytest.raises(ReadError, match=r"holds 3 loops; name one of them.*0\.dcm"):
        read_cine(tmp_path)


def test_a_broken_file_among_others_is_left_out_with_a_warning(tmp_path):
    files.save(files.xa_dataset(files.gray_frames()), tmp_path / "good.dcm")
    broken = files.xa_dataset(files.gray_frames())
    del broken.PixelData
    files.save(broken, tmp_path / "bad.dcm")
    with pytest.warns(PartialReadWarning, match=r"left out: .*bad\.dcm"):
        assert [cine.name for cine in read_cines(tmp_path)] == ["good"]


def test_a_loop_of_links_ends(tmp_path):
    inner = tmp_path / "a"
    inner.mkdir()
    os.symlink(tmp_path, inner / "again")
    files.save(files.xa_dataset(files.gray_frames()), inner / "loop.dcm")
    assert len(read_cines(tmp_path)) == 1


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    """A FIFO among the loops must not make the reader wait for ever."""
    files.save(files.xa_dataset(files.gray_frames()), tmp_path / "loop.dcm")
    os.mkfifo(tmp_path / "fifo.dcm")
    os.symlink("/dev/zero", tmp_path / "zero.dcm")
    os.symlink(tmp_path / "gone", tmp_path / "dangling.dcm")
    assert [cine.name for cine in read_cines(tmp_path)] == ["loop"]


def test_nothing_there(tmp_path):
    with pytest.raises(ReadError, match="no such file or folder"):
        read_cine(tmp_path / "gone.dcm")
    with pytest.raises(ReadError, match="holds no cine loop"):
        read_cine(tmp_path)
    assert not can_read(tmp_path)
    assert not can_read(tmp_path / "gone.dcm")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = files.save(files.xa_dataset(files.gray_frames()), tmp_path / "a.dcm")
    real = os.open

    def refuse(name, *args, **kwargs):
        if os.fspath(name) == os.fspath(path):
            raise PermissionError(13, "Permission denied")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ReadError, match="Permission denied"):
        read_cine(path)


@pytest.fixture
def ramp():
    frames = np.zeros((5, 32, 48), np.uint8)
    for t in range(5):
        frames[t] = 40 * t + np.arange(48)
    return frames


@pytest.mark.parametrize(("suffix", "error"), [(".mp4", 6), (".gif", 3)])
def test_movies_come_back_with_their_rate(tmp_path, ramp, suffix, error):
    path = tmp_path / f"movie{suffix}"
    write_movie(path, np.repeat(ramp[..., None], 3, axis=-1), 20)
    cine = read_cine(path)
    assert cine.shape == ramp.shape
    assert np.abs(cine.frames[:].astype(int) - ramp).mean() < error
    assert cine.frame_interval == pytest.approx(50)
    assert cine.timing_basis == "container"
    with pytest.raises(MemoryBudgetError, match="memory budget"):
        read_cine(path, memory_budget=2000)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_and_npy(tmp_path, ramp, dtype):
    pixels = ramp.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tiff", pixels)
    np.save(tmp_path / "a.npy", pixels)
    for name in ("a.tiff", "a.npy"):
        cine = read_cine(tmp_path / name)
        np.testing.assert_array_equal(cine.frames[:], pixels)
        assert cine.frame_times is None
        with pytest.raises(MemoryBudgetError):
            read_cine(tmp_path / name, memory_budget=100)


def test_imagej_tiff_knows_its_interval(tmp_path, ramp):
    tifffile.imwrite(
        tmp_path / "a.tif", ramp, imagej=True, metadata={"finterval": 0.04}
    )
    assert read_cine(tmp_path / "a.tif").frame_interval == pytest.approx(40)


def test_image_folders_in_the_order_of_their_numbers(tmp_path, ramp):
    for t in (0, 1, 2, 3, 4):
        iio.imwrite(tmp_path / f"frame{t * 3}.png", ramp[t])
    cine = read_cine(tmp_path)
    np.testing.assert_array_equal(cine.frames[:], ramp)
    iio.imwrite(tmp_path / "frame99.png", ramp[0][:10])
    with pytest.raises(ReadError, match=r"frame99\.png: is \(10, 48\)"):
        read_image_folder(tmp_path, 2**30)


def test_natural_order():
    names = ["f10.png", "f2.png", "f1.png", "f2b.png"]
    assert sorted(names, key=natural) == ["f1.png", "f2.png", "f2b.png", "f10.png"]


# imageio-ffmpeg leaves the pipes of a failed ffmpeg to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("suffix", [".mp4", ".gif", ".tiff", ".npy", ".avi"])
def test_broken_movies(tmp_path, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"not a movie at all" * 9)
    with pytest.raises(ReadError, match=f"broken{suffix}"):
        read_cine(path)


def test_arrays_that_are_no_loop(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4, 5, 6), np.uint8))
    with pytest.raises(ReadError, match="an array must have axes"):
        read_cine(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.array([{}], dtype=object))
    with pytest.raises(ReadError, match=r"b\.npy"):
        read_cine(tmp_path / "b.npy")


def test_one_image_is_no_loop(tmp_path, ramp):
    iio.imwrite(tmp_path / "one.png", ramp[0])
    with pytest.raises(ReadError, match="open the folder"):
        read_cine(tmp_path / "one.png")


@pytest.mark.parametrize(
    ("name", "frames", "rate", "words"),
    [
        ("a.avi", np.zeros((2, 4, 4, 3), np.uint8), 5, r"\.mp4 or \.gif"),
        ("a.mp4", np.zeros((2, 4, 4), np.uint8), 5, r"\(T, H, W, 3\)"),
        ("a.mp4", np.zeros((2, 4, 4, 3), np.float32), 5, "uint8"),
        ("a.gif", np.zeros((2, 4, 4, 3), np.uint8), 0, "frame_rate"),
    ],
)
def test_movies_that_cannot_be_written(tmp_path, name, frames, rate, words):
    with pytest.raises(SettingsError, match=words):
        write_movie(tmp_path / name, frames, rate)
    assert not list(tmp_path.iterdir())
