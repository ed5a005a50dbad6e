"""A disk that is full, read-only or gone: said, kept in memory, and saved elsewhere."""

import errno
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from napari_motionseg.errors import MotionSegError, ReadError, WriteError
from napari_motionseg.project import Autosaver, Project
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop


def on_disk(folder):
    project = Project.open(folder, read_only=True)
    pixels = project.read_layers()
    return {layer.name: pixels[layer.number] for layer in project.manifest.layers}


@pytest.fixture
def painted(autosaver, painting, labels):
    autosaver.watch(painting)
    labels[1, 2:5, 2:5] = 1
    assert autosaver.flush()
    return autosaver


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB of its own."""
    place = tmp_path / "small"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    try:
        done = subprocess.run(words, capture_output=True, check=False)
    except OSError:
        pytest.skip("nothing can be mounted here")
    if done.returncode:
        pytest.skip("nothing may be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_folder_that_was_moved_away_is_said_and_work_goes_on_elsewhere(
    painted, labels, project, tmp_path
):
    away = tmp_path / "away.motionseg"
    os.rename(project.folder, away)
    labels[2, 2:5, 2:5] = 2
    assert not painted.flush()
    assert "was moved, deleted or replaced" in painted.status.message
    assert "save the project elsewhere" in painted.status.message
    assert not project.folder.exists()  # no half of a project in its place
    with pytest.raises(ReadError, match="was moved, deleted or replaced"):
        project.move(tmp_path / "elsewhere")
    painted.start_anew(Project.create(tmp_path / "elsewhere"))
    assert painted.flush()
    found = on_disk(tmp_path / "elsewhere.motionseg")
    np.testing.assert_array_equal(found["noise labels"], labels)
    loop = painted.project.manifest.loops[0]
    assert (painted.project.folder / "loops" / loop.stored).is_file()
    assert not on_disk(away)["noise labels"][2].any()  # as it was when it went


def test_a_folder_that_comes_back_is_written_again(painted, labels, project, tmp_path):
    os.rename(project.folder, tmp_path / "away")
    labels[2, 2:5, 2:5] = 2
    assert not painted.flush()
    os.rename(tmp_path / "away", project.folder)
    assert painted.flush()
    np.testing.assert_array_equal(on_disk(project.folder)["noise labels"], labels)


def test_another_project_in_its_place_is_not_written_to(
    painted, labels, project, tmp_path
):
    os.rename(project.folder, tmp_path / "away.motionseg")
    shutil.copytree(tmp_path / "away.motionseg", project.folder)
    before = {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}
    labels[2, 2:5, 2:5] = 2
    assert not painted.flush()
    with pytest.raises(WriteError, match="was moved, deleted or replaced"):
        project.compact()
    painted.close()
    after = {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}
    assert after == before


def test_layers_of_a_missing_loop_are_saved_elsewhere_too(labels, tmp_path, project):
    missing = WatchedLoop(("missing", 1), None, "", 1)
    from napari_motionseg.project import LoopRecord

    record = LoopRecord(1, "gone", "../gone.dcm", labels.shape)
    project.update(project.manifest.with_loop(record))
    saver = Autosaver(project)
    saver.watch(WatchedLayer("k", missing, "labels", "a", lambda: labels))
    labels[0, 0, 0] = 1
    assert saver.flush()
    shutil.rmtree(project.folder)
    saver.start_anew(Project.create(tmp_path / "deep" / "elsewhere"))
    assert saver.flush()
    again = Project.open(tmp_path / "deep" / "elsewhere.motionseg", read_only=True)
    (layer,) = again.manifest.layers
    assert again.manifest.loop(layer.loop).path == "../../gone.dcm"
    assert again.read_layers()[layer.number].any()
    saver.close()


def test_a_full_disk_keeps_strokes_in_memory_until_they_are_saved_elsewhere(
    painted, labels, project, tmp_path, monkeypatch
):
    write, full = os.write, []

    def refuse(file, content):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content)

    monkeypatch.setattr(os, "write", refuse)
    full.append(True)
    labels[2, 2:5, 2:5] = 2
    assert not painted.flush()
    assert "No space left on device" in painted.status.message
    full.clear()  # the other disk has room
    project.move(tmp_path / "elsewhere")
    assert painted.flush()
    found = on_disk(tmp_path / "elsewhere.motionseg")
    np.testing.assert_array_equal(found["noise labels"], labels)


def fill(disk):
    """Write until a disk refuses."""
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(4096)):
            pass


def test_a_really_full_disk(small_disk, noise_cine, labels, tmp_path):
    project = Project.create(small_disk / "work")
    saver = Autosaver(project)
    loop = WatchedLoop("l", noise_cine, "noise")
    saver.watch(WatchedLayer("k", loop, "labels", "labels", lambda: labels))
    labels[0, 3:6, 3:6] = 1
    assert saver.flush()
    fill(small_disk)
    draw = np.random.default_rng(0)
    labels[1:] = draw.integers(0, 255, labels[1:].shape)
    assert not saver.flush()
    assert "No space left on device" in saver.status.message
    assert on_disk(project.folder)["labels"][0, 3:6, 3:6].all()
    with pytest.raises(MotionSegError, match="No space left on device"):
        project.move(small_disk / "other")
    assert not (small_disk / "other.motionseg").exists()
    project.move(tmp_path / "roomy")
    assert saver.flush()
    found = on_disk(tmp_path / "roomy.motionseg")
    np.testing.assert_array_equal(found["labels"], labels)
    saver.close()


def test_a_read_only_folder_is_copied_elsewhere(
    painted, labels, project, tmp_path, monkeypatch
):
    painted.close()
    access = os.access
    monkeypatch.setattr(
        os, "access",
        lambda path, mode: Path(path) != project.folder and access(path, mode),
    )  # fmt: skip
    again = Project.open(project.folder)
    assert not again.writable
    before = {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}
    again.move(tmp_path / "elsewhere")
    assert again.writable
    np.testing.assert_array_equal(on_disk(again.folder)["noise labels"], labels)
    after = {p: p.read_bytes() for p in project.folder.rglob("*") if p.is_file()}
    assert after == before
    again.close()


def test_a_second_window_may_look_while_the_first_one_compacts(painted, labels):
    project = painted.project
    for value in range(1, 20):
        labels[value % 8, 3:9, 3:9] = value
        assert painted.flush(chores_too=False)
        project.compact()
        looked_at = Project.open(project.folder, read_only=True)
        (record,) = looked_at.manifest.layers
        np.testing.assert_array_equal(looked_at.read_layers()[record.number], labels)
        with pytest.raises(ReadError, match="open in another window"):
            Project.open(project.folder)


def test_a_file_that_is_compacted_away_while_it_is_read_is_looked_for_again(
    painted, labels, monkeypatch
):
    from napari_motionseg.project import layer_pixels

    project, read = painted.project, layer_pixels.read_records
    compacted = []

    def compact_first(files, budget):
        if not compacted:
            compacted.append(project.compact())
        return read(files, budget)

    monkeypatch.setattr(layer_pixels, "read_records", compact_first)
    found = on_disk(project.folder)
    np.testing.assert_array_equal(found["noise labels"], labels)
