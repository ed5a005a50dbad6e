"""Names from files are shown as they are: no HTML, no control characters."""

import dataclasses

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from napari_motionseg.contributions import cine_layer
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common.plain_labels import WrappedLabel, plain_label
from napari_motionseg.widgets.common.viewers import session_of
from napari_motionseg.widgets.embedding.dock import EmbeddingDock
from napari_motionseg.widgets.motion.dock import MotionDock
from napari_motionseg.widgets.project.dock import ProjectDock
from napari_motionseg.widgets.segment.dock import SegmentDock

NAME = "<img src='//host/share'>\x1b[31m\u202e\nforged"


@pytest.fixture
def hostile_layer(viewer, small_cine):
    cine = dataclasses.replace(
        small_cine,
        name=NAME,
        notes=(NAME,),
        intensity_relationship=NAME,
        technical={"modality": NAME, "transfer_syntax": NAME},
    )
    data, attributes, _ = cine_layer(cine)
    return viewer.add_image(data, **attributes)


def test_a_layer_name_is_printable(viewer, hostile_layer):
    assert hostile_layer.name.isprintable()
    assert "\\x1b[31m\\u202e forged" in hostile_layer.name
    assert viewer.layers[hostile_layer.name] is hostile_layer


def test_a_label_of_a_dock_is_plain(qtbot):
    label = plain_label("<b>x</b>")
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.TextFormat.PlainText


@pytest.mark.parametrize("kind", [CineDock, MotionDock, EmbeddingDock, SegmentDock])
def test_labels_take_nothing_for_html(viewer, dock, hostile_layer, kind):
    for label in dock(kind).findChildren(QLabel):
        plain = label.textFormat() == Qt.TextFormat.PlainText
        assert plain or not Qt.mightBeRichText(label.text()), label.text()
        assert not set("\x1b\u202e") & set(label.text())


def test_a_notification_takes_nothing_for_html(viewer, hostile_layer):
    from napari._qt.dialogs.qt_notification import NapariQtNotification

    from napari_motionseg.errors import SettingsError

    with pytest.raises(SettingsError) as caught:
        session_of(viewer).loop(
            viewer.add_image(np.zeros((2, 2, 8, 8)), name="<b>x</b>\x1b")
        )
    shown = NapariQtNotification(str(caught.value), "error")
    assert not Qt.mightBeRichText(shown.message.text())
    assert "\x1b" not in shown.message.text()
    shown.close()


@pytest.mark.parametrize(
    "word",
    [
        "2.25.167709746824593326954747484026529195321",
        "http://archive.hospital.example:8042/dicom-web/studies",
        "/home/somebody/angiograms_of_the_study/patient-17/MotionSeg-loops",
        "9" * 64,
    ],
)
def test_a_long_word_in_a_label_asks_for_no_width(qtbot, dock, loop_layer, word):
    panel = dock(ProjectDock).export.panel
    before = dock(ProjectDock).minimumWidth()
    panel.say(f"Sent; the archive has the object {word}")
    qtbot.wait(50)
    assert panel.status.text() == f"Sent; the archive has the object {word}"
    assert dock(ProjectDock).minimumWidth() == before
    label = WrappedLabel(word)
    qtbot.addWidget(label)
    label.setFixedWidth(200)
    assert label.heightForWidth(200) > label.heightForWidth(2000)  # it is not cut off


def test_markup_of_the_program_keeps_its_tags_whole(qtbot):
    label = WrappedLabel()
    qtbot.addWidget(label)
    label.setTextFormat(Qt.TextFormat.RichText)
    words = "<span style='color:#f08c4b'>labelled</span> against the other pixels"
    label.setText(words)
    assert QLabel.text(label) == words
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setText("/a/long/path/of/many/folders")
    assert QLabel.text(label) != label.text() == "/a/long/path/of/many/folders"
