"""Where files are saved: suffixes are added, and nothing is replaced without a word."""

import numpy as np
import pytest
from helpers.foreign_files import IN_THE_WAY
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_motionseg.io.png_files import save_png
from napari_motionseg.widgets.common.save_dialog import ask_target

KINDS = "NumPy (*.npz);;NIfTI (*.nii.gz);;PNG (*.png)"
SAVE, CANCEL = QMessageBox.StandardButton.Save, QMessageBox.StandardButton.Cancel


@pytest.fixture
def asked(monkeypatch):
    """Answer the dialogs: the file with `chosen`, the question with `answer`."""

    class Dialogs:
        chosen, kind, answer = "", "", CANCEL
        questions = []

    def question(_parent, _title, words, buttons, default):
        assert default == CANCEL
        Dialogs.questions.append(words)
        return Dialogs.answer

    monkeypatch.setattr(Dialogs, "questions", [])
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName",
        staticmethod(lambda *_, **__: (str(Dialogs.chosen), Dialogs.kind)),
    )  # fmt: skip
    monkeypatch.setattr(QMessageBox, "question", staticmethod(question))
    return Dialogs


@pytest.fixture
def ask(qtbot, asked):
    parent = QWidget()
    qtbot.addWidget(parent)

    def call(chosen, kind="NumPy (*.npz)"):
        asked.chosen, asked.kind = chosen, kind
        return ask_target(parent, "Save", "a.npz", KINDS)

    return call


@pytest.mark.parametrize(
    ("typed", "kind", "saved"),
    [
        ("a", "NumPy (*.npz)", "a.npz"),
        ("a", "NIfTI (*.nii.gz)", "a.nii.gz"),
        ("a.png", "NumPy (*.npz)", "a.png"),
        ("run.2", "NumPy (*.npz)", "run.2.npz"),
        ("A.NPZ", "NumPy (*.npz)", "A.NPZ"),
    ],
)
def test_a_name_gets_the_suffix_of_its_kind(ask, asked, tmp_path, typed, kind, saved):
    assert ask(tmp_path / typed, kind) == tmp_path / saved
    assert asked.questions == []


def test_cancelled(ask):
    assert ask("") is None


def test_a_file_of_others_is_asked_for_even_if_its_suffix_was_not_typed(
    ask, asked, tmp_path
):
    """The dialog asks for `a`, and `a.npz` would be replaced."""
    (tmp_path / "a.npz").write_bytes(b"theirs")
    assert ask(tmp_path / "a") is None
    assert "not written by this program" in asked.questions[0]
    assert str(tmp_path / "a.npz") in asked.questions[0]
    asked.answer = SAVE
    assert ask(tmp_path / "a") == tmp_path / "a.npz"


def test_an_own_file_is_asked_for_in_other_words(ask, asked, tmp_path):
    save_png(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    assert ask(tmp_path / "a.png") is None
    assert "It was written by this program." in asked.questions[0]


@pytest.mark.parametrize("way", IN_THE_WAY)
def test_what_the_writer_refuses_is_not_asked_for(ask, asked, tmp_path, way):
    IN_THE_WAY[way](tmp_path / "a.npz")
    assert ask(tmp_path / "a.npz") == tmp_path / "a.npz"
    assert asked.questions == []


def test_a_model_is_never_saved_over_something_that_was_not_asked_for(
    viewer, segment, loop_layer, asked, tmp_path, click, notified
):
    """The suffix was put in place of the name's end, and the file there replaced."""
    (tmp_path / "vessel.safetensors").write_bytes(b"theirs")
    asked.chosen, asked.kind = tmp_path / "vessel.v2", "Models (*.safetensors)"
    click(segment.correct.save_model_button)
    assert (tmp_path / "vessel.safetensors").read_bytes() == b"theirs"
    saved = tmp_path / "vessel.v2.safetensors"
    assert saved.read_bytes() == segment.state.model.path.read_bytes()
    link = tmp_path / "link.safetensors"
    link.symlink_to(tmp_path / "vessel.safetensors")
    asked.chosen, asked.answer = link, SAVE
    click(segment.correct.save_model_button)
    assert "it is a link" in notified[0]
    assert (tmp_path / "vessel.safetensors").read_bytes() == b"theirs"
