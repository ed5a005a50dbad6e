"""A loop never shows the frames of another file that took its place."""

import os
import shutil

import numpy as np
import pytest
from helpers import dicom_files as files

from napari_motionseg.contributions import cine_layer
from napari_motionseg.errors import DamagedFrameError, PartialReadWarning, ReadError
from napari_motionseg.io import read_cine
from napari_motionseg.io.damage import frame_damage_named

REPLACED = "was changed or replaced after it was opened; open the loop again"


@pytest.fixture
def pixels():
    return files.gray_frames(frames=12, rows=64, columns=64)


@pytest.fixture
def path(tmp_path, pixels):
    return files.save(files.xa_dataset(pixels), tmp_path / "loop.dcm")


def test_a_file_that_is_moved_and_comes_back(path, pixels):
    cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[0], pixels[0])
    away = path.rename(path.with_name("away.dcm"))
    with pytest.raises(ReadError, match="no such file"):
        cine.frames[1]
    away.rename(path)
    np.testing.assert_array_equal(cine.frames[:], pixels)
    assert cine.frames.damaged == frozenset()


def test_a_copy_that_is_put_back_is_the_same_file(path, pixels):
    cine = read_cine(path)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    os.utime(path, (1, 1))
    np.testing.assert_array_equal(cine.frames[:], pixels)


@pytest.mark.parametrize("change", ["other", "longer", "cut", "empty", "text"])
def test_another_file_in_its_place_is_refused(path, pixels, change, tmp_path):
    cine = read_cine(path)
    original = tmp_path / "original"
    shutil.copy2(path, original)
    if change == "other":
        files.save(files.xa_dataset(pixels[::-1].copy()), path)
    elif change == "longer":
        path.write_bytes(path.read_bytes() + b"\0\0")
    else:
        content = {"cut": path.read_bytes()[:3000], "empty": b"", "text": b"no loop"}
        path.write_bytes(content[change])
    os.utime(path, (1, 1))
    with pytest.raises(ReadError, match=REPLACED):
        cine.frames[3]
    assert cine.frames.damaged == frozenset()
    shutil.copy2(original, path)
    np.testing.assert_array_equal(cine.frames[3], pixels[3])


def test_a_viewer_shows_blank_until_the_file_is_back(path, pixels):
    shown, _, _ = cine_layer(read_cine(path))
    content = path.read_bytes()
    path.write_bytes(b"no loop")
    with pytest.warns(PartialReadWarning, match=REPLACED):
        assert not shown[3].any()
    path.write_bytes(content)
    np.testing.assert_array_equal(shown[3], pixels[3])


def test_a_series_says_which_file_has_gone(tmp_path):
    pixels = files.gray_frames(frames=3)
    for t in range(3):
        data = files.xa_dataset(pixels[t : t + 1], InstanceNumber=t + 1)
        data.SeriesInstanceUID = "1.2.3"
        files.save(data, tmp_path / f"{t}.dcm")
    cine = read_cine(tmp_path)
    (tmp_path / "1.dcm").unlink()
    np.testing.assert_array_equal(cine.frames[2], pixels[2])
    with pytest.raises(ReadError, match=r"1\.dcm: no such file"):
        cine.frames[1]


def test_what_the_system_says_is_no_damage():
    def failing(error):
        with frame_damage_named("loop.dcm", 1):
            raise error

    with pytest.raises(ReadError, match="cannot be read") as caught:
        failing(OSError(5, "Input/output error"))
    assert not isinstance(caught.value, DamagedFrameError)
    with pytest.raises(DamagedFrameError):
        failing(OSError("broken data stream"))
