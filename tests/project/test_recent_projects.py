"""The list of recent projects, and what waits to be recovered."""

import pytest

from napari_motionseg.errors import WriteError
from napari_motionseg.project import LayerRecord, LoopRecord, Project, RecentProjects
from napari_motionseg.project.folder import OPEN
from napari_motionseg.project.recent_projects import MOST


@pytest.fixture
def recent(tmp_path):
    return RecentProjects(tmp_path / "state")


def with_a_layer(project):
    loop = LoopRecord(1, "a", "../a.dcm", (1, 2, 2))
    layer = LayerRecord(2, 1, "a labels", "labels", (1, 2, 2), "uint8")
    project.update(project.manifest.with_loop(loop).with_layer(layer))
    return project


def test_the_latest_comes_first_once_and_what_is_gone_is_left_out(recent, tmp_path):
    folders = []
    for name in ("a", "b", "c"):
        project = Project.create(tmp_path / name)
        project.close()
        folders.append(project.folder)
        recent.add(project.folder)
    recent.add(folders[0])
    (folders[1] / "project.json").unlink()
    assert recent.paths() == [folders[0], folders[2]]
    for number in range(MOST + 3):
        recent.add(tmp_path / f"n{number}.motionseg")
    assert len(recent._listed()) == MOST


@pytest.mark.parametrize("content", ["", "{}", "[1, 2]", "[", "\x00"])
def test_a_damaged_list_is_an_empty_one(recent, content):
    recent.folder.mkdir()
    (recent.folder / "recent.json").write_text(content)
    assert recent.paths() == []


def test_a_killed_project_waits_and_a_closed_one_does_not(recent, tmp_path):
    project = with_a_layer(Project.create(tmp_path / "study"))
    recent.add(project.folder)
    assert recent.recoverable() == []  # it is open
    project.close()
    assert recent.recoverable() == []
    (project.folder / OPEN).touch()  # what a kill leaves behind
    (waiting,) = recent.recoverable()
    assert not waiting.unsaved
    assert "project 'study' was not closed properly" in waiting.words()
    with pytest.raises(WriteError, match="delete its folder by hand"):
        recent.discard(project.folder)


def test_work_without_a_name_and_without_a_stroke_is_not_offered(recent):
    recent.new_unsaved().close()
    assert recent.recoverable() == []


def test_the_variable_names_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MOTIONSEG_STATE", str(tmp_path / "here"))
    assert RecentProjects.default().folder == tmp_path / "here"
    assert not (tmp_path / "here").exists()
