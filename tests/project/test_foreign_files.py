"""What others have put into a project stays as it is, whatever the program does."""

import shutil

import numpy as np
import pytest

from napari_motionseg.io import temporary
from napari_motionseg.project import (
    Autosaver,
    LayerRecord,
    LoopRecord,
    Project,
    RecentProjects,
)
from napari_motionseg.project.journal import Delta
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop

SHAPE = (3, 16, 24)
TEXTS = {
    ".git/config": "[core]",
    ".git/HEAD": "ref: refs/heads/main",
    ".dvc/config": "[core]",
    ".project.json.abcdefgh/mine.txt": "looks like a temporary folder of old",
    ".motionseg-tmp-mine/notes.txt": "looks like one of ours",
    "labels/.git/config": "[core]",
    "labels/notes.txt": "notes",
    "labels/000001.txt": "notes",
    "labels/1.journal": "notes",
    "labels/²00000.journal": "notes",
    "labels/000000.journal": "a diary, not a journal of ours",
    "models/.cache/x": "x",
    "models/mine.safetensors": "weights of somebody",
    "loops/mine.npz": "pixels of somebody",
    "loops/.hidden/x": "x",
    "thesis/chapter.txt": "text",
    "README.txt": "read me",
}


def plant(folder, texts=TEXTS):
    """Put files of somebody else into a project; return their content by path."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "link").symlink_to(folder / "thesis")
    return {folder / name: text for name, text in texts.items()}


def is_untouched(planted):
    assert {path: path.read_text() for path in planted} == planted


def stroke(frame, value):
    return Delta(2, frame, 2, 3, np.full((4, 5), value, np.uint8))


@pytest.fixture
def filled(project):
    loop = LoopRecord(1, "a", "../a.dcm", SHAPE)
    layer = LayerRecord(2, 1, "a labels", "labels", SHAPE, "uint8")
    project.update(project.manifest.with_loop(loop).with_layer(layer))
    project.append([stroke(0, 1)])
    return project


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "elsewhere" / "mine.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"weights of ours")
    return path


def test_all_that_a_window_does_leaves_them(filled, model):
    planted = plant(filled.folder)
    filled.compact()
    filled.append([stroke(1, 2)])
    filled.compact()
    record = filled.add_model(model, "segmentation", "mine")
    filled.close()
    is_untouched(planted)
    again = Project.open(filled.folder)
    is_untouched(planted)
    assert (again.read_layers()[2][1, 2:6, 3:8] == 2).all()
    assert again.model_path(record).read_bytes() == b"weights of ours"
    again.close()
    is_untouched(planted)


def test_moving_leaves_them_where_they_are(filled, tmp_path):
    planted, before = plant(filled.folder), filled.folder
    filled.move(tmp_path / "study")
    is_untouched(planted)
    assert (before / "link").is_symlink()
    assert not (before / "project.json").exists()
    assert any("were left where they are" in note for note in filled.notes)
    there = {p.relative_to(filled.folder).as_posix() for p in filled.folder.rglob("*")}
    assert there == {"project.json", "labels", "labels/000001.journal", "loops",
                     "models", "probabilities", "open", ".lock"}  # fmt: skip
    assert filled.read_layers()[2][0].any()


def test_moving_leaves_a_single_one_in_a_folder_of_ours(filled, tmp_path):
    texts = {"labels/notes.txt": "notes"}
    for name, text in texts.items():
        (filled.folder / name).write_text(text)
    before = filled.folder
    filled.move(tmp_path / "study")
    assert [p.name for p in before.rglob("*")] == ["labels", "notes.txt"]
    assert (before / "labels" / "notes.txt").read_text() == "notes"


def test_moving_removes_a_folder_that_holds_nothing_else(filled, tmp_path):
    before = filled.folder
    filled.move(tmp_path / "study")
    assert not before.exists()
    names = {path.name for path in before.parent.iterdir()}
    assert names == {"study.motionseg"}


def test_discarding_leaves_them(tmp_path):
    recent = RecentProjects(tmp_path / "state")
    project = recent.new_unsaved()
    planted = plant(project.folder)
    project.close()
    recent.discard(project.folder)
    is_untouched(planted)
    assert not (project.folder / "project.json").exists()
    assert not (project.folder / ".lock").exists()


def test_folders_beside_unsaved_work_stay(tmp_path):
    recent = RecentProjects(tmp_path / "state")
    planted = plant(recent.folder / "unsaved", {"mine.gone/x": "x", ".git/config": "c"})
    recent.new_unsaved().close()
    is_untouched(planted)


def test_own_leftovers_go_and_nothing_else(filled):
    planted = plant(filled.folder)
    for place in (filled.folder, filled.folder / "labels", filled.folder / "models"):
        room, owner = temporary._own_folder(place)
        (room / "half").write_text("half")
        owner.close()  # as if its process had ended
    filled.close()
    Project.open(filled.folder).close()
    is_untouched(planted)
    assert not list(filled.folder.rglob(".motionseg-tmp-*/half"))


def test_a_file_called_open_is_not_ours_unless_it_says_so(filled):
    folder = filled.folder
    filled.close()
    (folder / "open").write_text("open questions: ...")
    Project.open(folder).close()
    assert (folder / "open").read_text() == "open questions: ..."


def test_two_models_of_one_file_name_are_both_kept(filled, tmp_path):
    paths = [tmp_path / f"run{n}" / "best.safetensors" for n in range(3)]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        path.write_bytes(bytes([number]) * 100)
    records = [filled.add_model(path, "segmentation", "best") for path in paths]
    again = filled.add_model(paths[1], "segmentation", "best")
    assert again == records[1]
    assert len({record.file for record in records}) == 3
    assert len({record.title for record in records}) == 3
    assert len(filled.manifest.models) == 3
    for record, path in zip(records, paths, strict=True):
        assert filled.model_path(record).read_bytes() == path.read_bytes()


def test_a_model_of_a_name_that_leads_elsewhere(filled, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    models = filled.folder / "models"
    models.mkdir(exist_ok=True)
    (models / "best.safetensors").symlink_to(mine)
    path = tmp_path / "best.safetensors"
    path.write_bytes(b"weights")
    record = filled.add_model(path, "segmentation", "best")
    assert filled.model_path(record).read_bytes() == b"weights"
    assert mine.read_text() == "mine"


def test_an_autosave_of_a_whole_day_leaves_them(
    tmp_path, noise_cine, model, monkeypatch
):
    from napari_motionseg.project import label_store as module

    monkeypatch.setattr(module, "LEAST_TO_COMPACT", 400)
    project = Project.create(tmp_path / "day")
    planted = plant(project.folder)
    labels = np.zeros(noise_cine.shape, np.uint8)
    saver = Autosaver(project)
    loop = WatchedLoop("l", noise_cine, "noise")
    saver.watch(WatchedLayer("k", loop, "labels", "labels", lambda: labels))
    for value in range(1, 12):
        labels[value % 8, 3:9, 3:9] = value
        saver.keep_model(model, "segmentation", "mine")
        assert saver.flush()
    saver.close()
    is_untouched(planted)
    shutil.rmtree(
        tmp_path / "day.motionseg" / ".git"
    )  # by the user, and it still opens
    reopened = Project.open(tmp_path / "day.motionseg")
    (record,) = reopened.manifest.layers
    np.testing.assert_array_equal(reopened.read_layers()[record.number], labels)
    reopened.close()
