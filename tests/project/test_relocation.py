"""A project that is moved: compared byte by byte, and nothing left to say."""

import os
import shutil

import numpy as np
import pytest

from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.project import LayerRecord, LoopRecord, Project, relocation
from napari_motionseg.project import folder as folder_module
from napari_motionseg.project.journal import Delta

SHAPE = (3, 16, 24)


@pytest.fixture
def filled(project):
    loop = LoopRecord(1, "a", "../a.dcm", SHAPE)
    layer = LayerRecord(2, 1, "a labels", "labels", SHAPE, "uint8")
    project.update(project.manifest.with_loop(loop).with_layer(layer))
    project.append([Delta(2, 0, 2, 3, np.full((4, 5), 1, np.uint8))])
    return project


def test_a_move_that_leaves_nothing_says_nothing(filled, tmp_path):
    filled.move(tmp_path / "there")
    assert filled.notes == []
    assert filled.read_layers()[2].any()


def test_a_move_that_leaves_files_of_others_says_so(filled, tmp_path):
    before = filled.folder
    (before / "notes.txt").write_text("mine")
    filled.move(tmp_path / "there")
    (note,) = filled.notes
    assert str(before) in note
    assert "do not belong to the project were left" in note
    assert [path.name for path in before.iterdir()] == ["notes.txt"]


def test_a_copy_of_other_bytes_is_refused_though_size_and_time_are_the_same(
    filled, tmp_path, monkeypatch
):
    copy = shutil.copyfile

    def spoilt(source, target, **how):
        copy(source, target, **how)
        content = bytearray(target.read_bytes())
        content[-1] ^= 1
        target.write_bytes(content)
        times = source.stat()
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
        return target

    before = filled.folder
    with monkeypatch.context() as patch:
        patch.setattr(relocation.shutil, "copyfile", spoilt)
        with pytest.raises(WriteError, match="differs from .* after it was copied"):
            filled.move(tmp_path / "there")
    assert not (tmp_path / "there.motionseg").exists()
    assert filled.folder == before
    assert filled.read_layers()[2].any()


def test_a_project_that_could_not_be_opened_is_free_again(filled, monkeypatch):
    """The manifest became unreadable while the lock was taken."""
    filled.close()
    read, calls = folder_module.read_manifest, []

    def refused_under_the_lock(folder):
        calls.append(folder)
        if len(calls) == 2:
            raise ReadError(f"{folder}: damaged")
        return read(folder)

    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "read_manifest", refused_under_the_lock)
        with pytest.raises(ReadError, match="damaged") as held:
            Project.open(filled.folder)
    again = Project.open(filled.folder)
    assert again.writable
    again.close()
    del held
