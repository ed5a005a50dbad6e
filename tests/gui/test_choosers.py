"""Models that ship are offered by name, the default network first."""

import pytest
from qtpy.QtCore import Qt

from napari_motionseg.models import read_card
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common import choosers
from napari_motionseg.widgets.common.choosers import ModelChooser, shipped_models

KINDS = ("embedding", "segmentation")


def test_the_default_network_is_the_first_that_ships():
    titles = [model.title for model in shipped_models()]
    assert titles[0] == "vessels-xa (shipped)"
    assert "motion-xa (shipped)" in titles
    assert not any("pwcnet" in title for title in titles)


@pytest.fixture
def read(monkeypatch):
    """Return the files whose cards are read, in their order."""
    files = []

    def noted(path):
        files.append(path)
        return read_card(path)

    monkeypatch.setattr(choosers, "read_card", noted)
    return files


@pytest.fixture
def session():
    made = Session()
    yield made
    made.close()


def test_choosers_of_a_window_read_each_file_once(read, session, qtbot):
    for _ in range(3):
        qtbot.addWidget(ModelChooser(session, KINDS, None, "", ""))
    assert len(read) == len(set(read)) > 1


def test_the_facts_of_a_model_are_read_when_the_list_is_opened(read, session, qtbot):
    chooser = ModelChooser(session, KINDS, None, "", "")
    qtbot.addWidget(chooser)
    read.clear()
    gone = session.new_path("gone")
    session.add_model(choosers.Model(gone, "segmentation", "gone"))
    chooser.showPopup()
    chooser.hidePopup()
    facts = chooser.itemData(0, Qt.ItemDataRole.ToolTipRole)
    assert facts.startswith(str(read[0]))
    assert "kind: " in facts
    assert (
        chooser.itemData(chooser.findText("gone"), Qt.ItemDataRole.ToolTipRole) is None
    )
