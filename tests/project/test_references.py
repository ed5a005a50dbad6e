"""Loops by relative path and content: moved, changed, sent along, from no file."""

import dataclasses
import shutil

import numpy as np
import pytest

from napari_motionseg.errors import ReadError
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.project import LoopRecord, is_same, read_loop
from napari_motionseg.project.references import moved, relative_path
from napari_motionseg.project.stored_pixels import store_pixels


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "projects" / "p.motionseg"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def record(loop_file, home):
    cine = read_cine(loop_file)
    path = relative_path(loop_file, home)
    return LoopRecord(1, "loop", path, cine.shape, cine.content_hash())


def test_the_path_is_relative(record):
    assert record.path == "../../data/loop.dcm"


def test_it_is_read_and_known(record, home, small_cine):
    cine = read_loop(record, home)
    np.testing.assert_array_equal(cine.frames[2], small_cine.frames[2])
    assert is_same(cine, record)


def test_project_and_loop_that_moved_together_are_found(record, home, tmp_path):
    shutil.copytree(tmp_path, tmp_path.parent / "elsewhere")
    shutil.rmtree(tmp_path / "data")
    there = tmp_path.parent / "elsewhere" / "projects" / "p.motionseg"
    assert is_same(read_loop(record, there), record)


def test_a_loop_that_lies_beside_the_project_is_found(record, home, loop_file):
    shutil.move(loop_file, home.parent / "loop.dcm")
    assert is_same(read_loop(record, home), record)


def test_a_loop_that_is_gone_is_asked_for(record, home, loop_file, tmp_path):
    shutil.move(loop_file, tmp_path / "other.dcm")
    with pytest.raises(
        ReadError, match=r"is no longer at .*loop\.dcm; .*say where it is now"
    ):
        read_loop(record, home)
    assert is_same(read_loop(record, home, at=tmp_path / "other.dcm"), record)


def test_a_file_of_another_shape_is_refused(record, home, loop_file, small_cine):
    shorter = dataclasses.replace(
        small_cine, frames=type(small_cine.frames).from_array(small_cine.frames[:5]),
        frame_times=None,
    )  # fmt: skip
    write_xa(loop_file, shorter)
    with pytest.raises(ReadError, match=r"has changed: .*labels are for \(8, 96, 96\)"):
        read_loop(record, home)


def test_other_pixels_of_the_same_shape_are_noticed(
    record, home, loop_file, small_cine
):
    pixels = np.asarray(small_cine.frames).copy()
    pixels[3, 4, 5] ^= 1
    frames = type(small_cine.frames).from_array(pixels)
    write_xa(loop_file, dataclasses.replace(small_cine, frames=frames))
    assert not is_same(read_loop(record, home), record)


def test_of_several_loops_in_a_folder_the_same_is_taken(record, home, loop_file):
    other = read_cine(loop_file)
    pixels = 255 - np.asarray(other.frames)
    frames = type(other.frames).from_array(pixels)
    write_xa(
        loop_file.with_name("a_first.dcm"), dataclasses.replace(other, frames=frames)
    )
    both = dataclasses.replace(record, path=relative_path(loop_file.parent, home))
    assert is_same(read_loop(both, home), record)


def test_a_loop_from_no_file_is_kept_with_times_and_spacing(home, noise_cine):
    cine = dataclasses.replace(noise_cine, pixel_spacing=(0.3, 0.2))
    name = store_pixels(cine, home, 4)
    record = LoopRecord(4, "noise", "", cine.shape, cine.content_hash(), name)
    again = read_loop(record, home)
    assert is_same(again, record)
    np.testing.assert_allclose(again.frame_times, cine.frame_times)
    assert again.pixel_spacing == (0.3, 0.2)
    (home / "loops" / name).write_bytes(b"PK\x03\x04half")
    with pytest.raises(ReadError, match="damaged"):
        read_loop(record, home)
    (home / "loops" / name).unlink()
    with pytest.raises(ReadError, match="'noise' is missing"):
        read_loop(record, home)


@pytest.mark.parametrize("aspect", [1.0, 4 / 3, 0.5])
def test_the_shape_of_pixels_is_kept_where_millimetres_are_unknown(
    home, noise_cine, aspect
):
    cine = dataclasses.replace(noise_cine, pixel_spacing=None, pixel_aspect=aspect)
    name = store_pixels(cine, home, 4)
    record = LoopRecord(4, "noise", "", cine.shape, cine.content_hash(), name)
    assert read_loop(record, home).pixel_aspect == aspect


def stored_with_aspect(home, cine, aspect):
    """Store a loop whose file says an aspect, or, with None, does not name it."""
    name = store_pixels(cine, home, 4)
    with np.load(home / "loops" / name) as stored:
        parts = {key: stored[key] for key in stored.files if key != "pixel_aspect"}
    if aspect is not None:
        parts["pixel_aspect"] = np.asarray(aspect)
    np.savez_compressed(home / "loops" / name, **parts)
    return LoopRecord(4, "noise", "", cine.shape, cine.content_hash(), name)


def test_a_loop_that_an_earlier_version_has_stored_has_square_pixels(home, noise_cine):
    record = stored_with_aspect(home, noise_cine, None)
    assert read_loop(record, home).pixel_aspect == 1


@pytest.mark.parametrize("aspect", [0.0, -1.0, np.nan, np.inf, 1e-300, [1.0, 2.0]])
def test_a_strange_shape_of_pixels_is_refused(home, noise_cine, aspect):
    record = stored_with_aspect(home, noise_cine, aspect)
    with pytest.raises(ReadError, match=r"4\.npz"):
        read_loop(record, home)


def test_a_record_moves_with_its_project(record, home, tmp_path):
    assert moved(record, home, tmp_path / "q.motionseg").path == "../data/loop.dcm"
