"""Exports of the window into places of others: they stay, and the user is told."""

import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.foreign_files import IN_THE_WAY, plant, require_untouched, state
from helpers.patience import LONG
from napari.utils.notifications import NotificationSeverity, notification_manager
from qtpy.QtWidgets import QDialog, QFileDialog, QMessageBox

from napari_motionseg.contributions import geometry
from napari_motionseg.io import read_labels
from napari_motionseg.widgets.project.dock import ProjectDock

SAVE_SELECTED = "napari.window.file.save_layers_dialog.selected"
WRITER = "Masks of a cine loop"  # the display name in the manifest of the plugin


@pytest.fixture(autouse=True)
def _no_dialog_that_blocks(monkeypatch):
    """Fail where a dialog would wait for the user."""

    def blocked(*_given, **_words):
        raise AssertionError("a dialog waits for the user")

    for kind in (QDialog, QMessageBox):
        for name in ("exec", "exec_"):
            if hasattr(kind, name):
                monkeypatch.setattr(kind, name, blocked)


@pytest.fixture
def asked(monkeypatch):
    """Answer each question for a file name with `path`, its kind with `kind`."""

    class Answer:
        path: Path
        kind = ""

    def chosen(_parent=None, _title="", _name="", filters="", *_rest, **words):
        kinds = (words.get("filter") or filters).split(";;")
        return str(Answer.path), next(k for k in kinds if Answer.kind in k)

    monkeypatch.setattr(QFileDialog, "getSaveFileName", staticmethod(chosen))
    save = QMessageBox.StandardButton.Save  # to the question before a file is replaced
    monkeypatch.setattr(QMessageBox, "question", staticmethod(lambda *_: save))
    return Answer


@pytest.fixture
def masks(viewer, loop_layer, synthetic):
    return viewer.add_labels(
        synthetic.masks.astype(np.uint8), name="masks",
        metadata={"motionseg": "masks"}, **geometry(synthetic.cine),
    )  # fmt: skip


def occupied(folder, way, name):
    """Return a folder of others in which something of a kind has a name."""
    folder.mkdir()
    plant(folder)
    IN_THE_WAY[way](folder / name)
    return folder


EXPORTS = {
    ("Masks…", "*.npz"): "o.npz",
    ("Masks…", "*.tiff"): "o.tiff",
    ("Masks…", "*.nii.gz"): "o.nii.gz",
    ("Overlay…", "*.gif"): "o.gif",
    ("Report…", "*.html"): "o.html",
}


@pytest.mark.parametrize(("export", "kind"), EXPORTS)
def test_the_dock_s_exports_replace_nothing_of_others(
    export, kind, masks, dock, click, qtbot, tmp_path, asked, notified
):
    section, name = dock(ProjectDock).export, EXPORTS[export, kind]
    asked.kind = kind
    places = [
        occupied(tmp_path / str(n), way, name) for n, way in enumerate(IN_THE_WAY)
    ]
    before = state(tmp_path)
    for told, place in enumerate(places, 1):
        asked.path = place / name
        click(section.buttons[export])
        qtbot.waitUntil(lambda: not section.panel.running, timeout=LONG)
        assert len(notified) == told
        assert str(place / name) in notified[-1]
        assert section.panel.status.text().startswith("Nothing was written.")
        assert section.buttons[export].isEnabled()
    require_untouched(before, tmp_path)
    assert set(state(tmp_path)) == set(before)
    asked.path = places[0] / f"free{name[1:]}"
    for _ in range(2):  # the second replaces what the first wrote
        click(section.buttons[export])
        qtbot.waitUntil(lambda: not section.panel.running, timeout=LONG)
        assert section.panel.status.text() == f"Wrote {asked.path}"
    require_untouched(before, tmp_path)
    assert set(state(tmp_path)) - set(before) == {asked.path}
    assert len(notified) == len(places)


@pytest.fixture
def save_selected(viewer, monkeypatch):
    """Trigger the entry of napari's File menu; return what the user is told."""
    told = []

    def noted(notification):
        # no more of it: its traceback would keep the viewer
        told.append((notification.severity, notification.message))

    def trigger():
        told.clear()
        action = viewer.window.file_menu.findAction(SAVE_SELECTED)
        with notification_manager:  # as napari does while a window is open
            action.trigger()
        return list(told)

    monkeypatch.setattr(notification_manager, "dispatch", noted)
    yield trigger
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        vars(sys).pop(
            name, None
        )  # Python keeps it for debuggers, and with it the viewer


@pytest.mark.parametrize("name", ["o.npz", "o.tiff", "o.nii.gz"])
def test_napari_s_save_of_labels_replaces_nothing_of_others(
    name, viewer, masks, tmp_path, asked, save_selected, small_cine
):
    viewer.layers.selection.active = masks
    asked.kind = WRITER
    places = [
        occupied(tmp_path / str(n), way, name) for n, way in enumerate(IN_THE_WAY)
    ]
    before = state(tmp_path)
    for place in places:
        asked.path = place / name
        ((severity, message),) = save_selected()
        assert severity == NotificationSeverity.ERROR
        assert str(place / name) in message
    require_untouched(before, tmp_path)
    assert set(state(tmp_path)) == set(before)
    asked.path = places[0] / f"free{name[1:]}"
    for _ in range(2):
        assert not save_selected()
    require_untouched(before, tmp_path)
    assert set(state(tmp_path)) - set(before) == {asked.path}
    read = read_labels(asked.path, shape=small_cine.shape)
    np.testing.assert_array_equal(read.labels, masks.data)


def test_a_series_of_png_goes_into_no_folder_of_others(
    viewer, masks, tmp_path, asked, save_selected, dock, click, qtbot, notified
):
    """The writer drops the suffix: what is in the way is a folder of that name."""
    (tmp_path / "used").mkdir()
    plant(tmp_path / "used")
    before = state(tmp_path)
    viewer.layers.selection.active = masks
    asked.path, asked.kind = tmp_path / "used.png", WRITER
    ((_, message),) = save_selected()
    assert str(tmp_path / "used") in message
    section = dock(ProjectDock).export
    asked.kind = "*.png"
    click(section.buttons["Masks…"])
    qtbot.waitUntil(lambda: not section.panel.running, timeout=LONG)
    assert str(tmp_path / "used") in notified[-1]
    require_untouched(before, tmp_path)
    assert set(state(tmp_path)) == set(before)
