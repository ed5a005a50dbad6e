"""A project's folder: one window, always readable, whatever a kill has left."""

import dataclasses
import errno
import os
import shutil

import numpy as np
import pytest

from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.io import temporary
from napari_motionseg.project import LayerRecord, LoopRecord, Project
from napari_motionseg.project.folder import is_open, was_killed
from napari_motionseg.project.journal import Delta, encode

SHAPE = (3, 16, 24)


@pytest.fixture
def filled(project):
    """With a layer of number 2 and a few changes of it."""
    loop = LoopRecord(1, "a", "../a.dcm", SHAPE)
    layer = LayerRecord(2, 1, "a labels", "labels", SHAPE, "uint8")
    project.update(project.manifest.with_loop(loop).with_layer(layer))
    return project


def stroke(frame, value, row=2):
    return Delta(2, frame, row, 3, np.full((4, 5), value, np.uint8))


def left_by_a_kill(folder):
    """Make a temporary folder whose process has ended without removing it."""
    room, owner = temporary._own_folder(folder)
    owner.close()
    return room


def test_it_is_there_again(filled):
    filled.append([stroke(0, 1), stroke(2, 3)])
    filled.append([stroke(0, 2)])
    filled.close()
    again = Project.open(filled.folder)
    pixels = again.read_layers()[2]
    assert (pixels[0, 2:6, 3:8] == 2).all()
    assert (pixels[2, 2:6, 3:8] == 3).all()
    assert int((pixels != 0).sum()) == 40
    assert again.notes == []
    again.close()


def test_a_name_is_given_its_end_and_nothing_is_written_over(tmp_path):
    made = Project.create(tmp_path / "study")
    assert made.folder.name == "study.motionseg"
    assert made.name == "study"
    made.close()
    with pytest.raises(WriteError, match="exists already"):
        Project.create(tmp_path / "study")


def test_one_window_has_it_open(filled):
    assert is_open(filled.folder)
    with pytest.raises(ReadError, match="open in another window"):
        Project.open(filled.folder)
    looked_at = Project.open(filled.folder, read_only=True)
    assert looked_at.manifest == filled.manifest
    with pytest.raises(WriteError, match="cannot be written"):
        looked_at.append([stroke(0, 1)])
    filled.close()
    assert not is_open(filled.folder)
    assert not was_killed(filled.folder)
    Project.open(filled.folder).close()


def test_compaction_changes_nothing_but_the_size(filled):
    for value in range(1, 30):
        filled.append([stroke(value % 3, value)])
    before, size = filled.read_layers()[2], filled.bytes_on_disk()
    filled.compact()
    np.testing.assert_array_equal(filled.read_layers()[2], before)
    assert filled.bytes_on_disk() < size / 5
    filled.append([stroke(1, 0)])
    assert not filled.read_layers()[2][1].any()
    filled.compact()
    assert not filled.read_layers()[2][1].any()
    assert [f.name for f in (filled.folder / "labels").iterdir()] == ["000002.blocks"]


@pytest.mark.parametrize("moment", ["before", "written", "half deleted"])
def test_a_kill_during_compaction_loses_nothing(filled, moment, monkeypatch):
    filled.append([stroke(0, 1)])
    filled.compact()
    filled.append([stroke(0, 2, row=4)])
    wanted = filled.read_layers()[2]
    old = {f.name: f.read_bytes() for f in (filled.folder / "labels").iterdir()}
    filled.compact()
    labels = filled.folder / "labels"
    if moment == "before":
        shutil.rmtree(labels)
        labels.mkdir()
        (left_by_a_kill(labels) / "000002.blocks").write_bytes(b"half")
    kept = list(old)[:1] if moment == "half deleted" else list(old)
    for name in kept:
        (labels / name).write_bytes(old[name])
    filled.close()
    again = Project.open(filled.folder)
    np.testing.assert_array_equal(again.read_layers()[2], wanted)
    assert not list(labels.glob(".*"))
    again.close()


def test_what_comes_during_compaction_is_kept(filled, monkeypatch):
    from napari_motionseg.project import compaction as module

    filled.append([stroke(0, 1)])
    replay = module.replay

    def painted_meanwhile(*args):
        filled.append([stroke(2, 5)])  # the layer is being read
        return replay(*args)

    monkeypatch.setattr(module, "replay", painted_meanwhile)
    filled.compact()
    monkeypatch.undo()
    pixels = filled.read_layers()[2]
    assert pixels[0].any()
    assert (pixels[2, 2:6, 3:8] == 5).all()


def test_a_torn_end_is_left_out_and_said(filled):
    filled.append([stroke(0, 1)])
    journal = next((filled.folder / "labels").glob("*.journal"))
    with journal.open("ab") as file:
        file.write(encode(stroke(1, 1))[:30])
    again = Project.open(filled.folder, read_only=True)
    pixels = again.read_layers()[2]
    assert pixels[0].any()
    assert not pixels[1].any()
    assert again.notes == ["the last 30 bytes were incomplete and were left out"]


def test_every_window_writes_a_journal_of_its_own(filled):
    """A torn end of the last one can then hide nothing that comes later."""
    filled.append([stroke(0, 1)])
    filled.close()
    again = Project.open(filled.folder)
    again.append([stroke(1, 1)])
    assert len(list((filled.folder / "labels").glob("*.journal"))) == 2
    assert again.read_layers()[2].any(axis=(1, 2)).tolist() == [True, True, False]
    again.close()


def test_a_folder_that_cannot_be_written_is_opened_and_said(filled, monkeypatch):
    filled.append([stroke(0, 1)])
    filled.close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    again = Project.open(filled.folder)
    assert not again.writable
    assert "stay in memory" in again.notes[0]
    assert again.read_layers()[2].any()
    with pytest.raises(WriteError, match="save the project elsewhere"):
        again.append([stroke(0, 2)])


def test_a_full_disk_is_said(filled, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(WriteError, match="No space left on device"):
        filled.append([stroke(0, 1)])


def test_moving_keeps_labels_and_the_way_to_the_loop(filled, tmp_path):
    filled.append([stroke(0, 1)])
    before = filled.folder
    model = tmp_path / "vessel.safetensors"
    model.write_bytes(b"weights")
    record = filled.add_model(model, "segmentation", "vessel")
    filled.move(tmp_path / "deep" / "er" / "study")
    assert not before.exists()
    assert filled.folder == tmp_path / "deep" / "er" / "study.motionseg"
    assert filled.manifest.loop(1).path == "../../../a.dcm"
    assert filled.model_path(record).read_bytes() == b"weights"
    filled.append([stroke(1, 1)])
    assert filled.read_layers()[2].any(axis=(1, 2)).tolist() == [True, True, False]
    assert is_open(filled.folder)
    with pytest.raises(WriteError, match="exists already"):
        filled.move(filled.folder)


def test_a_manifest_that_the_disk_refuses_is_not_taken(filled, monkeypatch):
    from napari_motionseg.project import held_folder as module

    def refuse(*_):
        raise WriteError("cannot write: disk full")

    before = filled.manifest
    monkeypatch.setattr(module, "write_manifest", refuse)
    with pytest.raises(WriteError, match="disk full"):
        filled.update(dataclasses.replace(before, settings={"a": 1}))
    assert filled.manifest == before
