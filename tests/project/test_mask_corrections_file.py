"""Corrections of masks in a project: checked, ahead of the masks, moved along."""

import numpy as np
import pytest

from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.project import LayerRecord, LoopRecord, Project
from napari_motionseg.project.autosave import Autosaver
from napari_motionseg.project.mask_corrections_file import (
    MaskCorrections,
    corrections_file,
    read_corrections,
    store_corrections,
)
from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.project.opening import open_project
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop

SHAPE = (5, 8, 9)
UNTOUCHED = 255


@pytest.fixture
def made():
    first, last = np.full((2, 8, 9), UNTOUCHED, np.uint8)
    first[1, 2:5], last[3:6, 7] = 0, 2
    return MaskCorrections({4: last, 0: first}, np.array([0, 1, 0, 0, 1], bool))


def arrays(made):
    return {
        "confirmed": made.confirmed, "frames": np.array([0, 4], np.int32),
        "classes": np.stack([made.frames[0], made.frames[4]]),
    }  # fmt: skip


def same(first, second):
    np.testing.assert_array_equal(first.confirmed, second.confirmed)
    assert first.frames.keys() == second.frames.keys()
    for t, classes in first.frames.items():
        np.testing.assert_array_equal(classes, second.frames[t])


def test_what_is_stored_is_read(tmp_path, made):
    assert read_corrections(tmp_path, 3, SHAPE) is None
    store_corrections(tmp_path, 3, made)
    same(read_corrections(tmp_path, 3, SHAPE), made)
    nothing = MaskCorrections({}, made.confirmed)
    store_corrections(tmp_path, 3, nothing)
    same(read_corrections(tmp_path, 3, SHAPE), nothing)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": np.zeros((2, 8, 8), np.uint8)}, "of shape"),
        ({"classes": np.zeros((1, 8, 9), np.uint8)}, "of shape"),
        ({"frames": np.array([0, 5], np.int32)}, "holds frames"),
        ({"frames": np.array([-1, 0], np.int32)}, "holds frames"),
        ({"frames": np.array([2, 2], np.int32)}, "holds frames"),
        ({"frames": np.zeros(6, np.int32)}, "of shape"),
        ({"frames": np.array([0, 4], float)}, "of type|and type"),
        ({"confirmed": np.zeros(4, bool)}, "of shape"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(tmp_path, made, changes, words):
    file = corrections_file(tmp_path, 3)
    file.parent.mkdir()
    np.savez(file, **(arrays(made) | changes))
    with pytest.raises(ReadError, match=words):
        read_corrections(tmp_path, 3, SHAPE)


def test_damage_links_and_absurd_sizes(tmp_path, made):
    store_corrections(tmp_path, 3, made)
    whole = corrections_file(tmp_path, 3).read_bytes()
    with pytest.raises(ReadError, match="memory budget"):
        read_corrections(tmp_path, 3, SHAPE, memory_budget=10)
    corrections_file(tmp_path, 4).symlink_to(corrections_file(tmp_path, 3))
    assert read_corrections(tmp_path, 4, SHAPE) is None
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        corrections_file(tmp_path, 3).write_bytes(whole[:size])
        with pytest.raises(ReadError):
            read_corrections(tmp_path, 3, SHAPE)


def project_of(folder):
    """A project with masks in layer 2, and their probabilities."""
    project = Project.create(folder)
    with_loop = project.manifest.with_loop(LoopRecord(1, "loop", "", SHAPE))
    record = LayerRecord(2, 1, "masks", "masks", SHAPE, "uint8")
    project.update(with_loop.with_layer(record))
    known = MaskProbabilities(
        np.zeros(SHAPE, np.float16), np.ones(SHAPE, np.uint8), np.zeros(5, bool)
    )
    project.add_probabilities(2, known)
    return project


def test_they_move_with_their_project_and_go_with_their_layer(tmp_path, made):
    project = project_of(tmp_path / "a")
    project.keep_corrections(2, made)
    project.move(tmp_path / "b")
    assert not (tmp_path / "a.motionseg").exists()
    same(read_corrections(project.folder, 2, SHAPE), made)
    project.drop_probabilities(2)
    assert not corrections_file(project.folder, 2).exists()
    project.close()


@pytest.mark.parametrize("state", ["whole", "missing", "damaged"])
def test_an_opened_project_knows_them_or_says_why_not(tmp_path, made, state):
    project = project_of(tmp_path / "a")
    if state != "missing":
        project.keep_corrections(2, made)
    if state == "damaged":
        corrections_file(project.folder, 2).write_bytes(b"PK")
    project.close()
    opened = open_project(project.folder, read_only=True)
    opened.read_probabilities()
    known = opened.probabilities[2]
    assert opened.uncorrected == (set() if state == "whole" else {2})
    assert bool(opened.project.notes) is (state == "damaged")
    if state == "whole":
        same(MaskCorrections(known.corrections, known.confirmed), made)
    else:
        assert known.corrections == {}


def test_corrections_are_on_the_disk_before_the_masks_that_hold_them(
    tmp_path, made, monkeypatch
):
    project = Project.create(tmp_path / "a")
    pixels = np.zeros(SHAPE, np.uint8)
    loop = WatchedLoop("loop", None, "loop")
    masks = WatchedLayer("masks", loop, "masks", "masks", lambda: pixels)
    labels = WatchedLayer("labels", loop, "labels", "labels", lambda: pixels)
    project.update(project.manifest.with_loop(LoopRecord(1, "loop", "", SHAPE)))
    loop.number = 1
    saver = Autosaver(project)
    saver.watch(labels)
    saver.watch(masks)

    def full(deltas):
        raise WriteError("the disk is full")

    monkeypatch.setattr(project, "append", full)
    pixels[0, 1, 2:5] = 1
    saver.keep_corrections("masks", made)
    assert not saver.flush()
    number = masks.number
    same(read_corrections(project.folder, number, SHAPE), made)
    corrections_file(project.folder, number).unlink()
    saver.flush()
    assert not corrections_file(project.folder, number).exists()  # written only once
    monkeypatch.undo()
    assert saver.flush()
    saver.start_anew(Project.create(tmp_path / "b"))
    assert saver.flush()
    same(read_corrections(saver.project.folder, masks.number, SHAPE), made)
    saver.close()
