"""The Archive dock searches and opens; the Project dock sends masks back."""

import numpy as np
import pytest
from helpers import dicom_files as files
from helpers import seg_loops
from helpers.patience import LONG
from helpers.web_archive import serving
from qtpy.QtWidgets import QDialog, QMessageBox

from napari_motionseg.io import read_cine
from napari_motionseg.io.archive_address import Credentials
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.project.mask_probabilities import MaskProbabilities
from napari_motionseg.widgets.archive import dock as archive_module
from napari_motionseg.widgets.archive.dock import ArchiveDock
from napari_motionseg.widgets.common.archive_access import archive_of
from napari_motionseg.widgets.project.dock import ProjectDock

SHAPE = (3, 40, 36)
pytestmark = pytest.mark.usefixtures("plugins")


@pytest.fixture
def web(tmp_path, monkeypatch):
    """An archive with two series of one patient; the environment names it."""
    with serving() as archive:
        for number in range(2):
            data = seg_loops.dataset(
                SHAPE, seed=number, PatientID="ID7", SeriesDescription=f"<b>{number}"
            )
            archive.add(files.save(data, tmp_path / "x.dcm"))
        monkeypatch.setenv("MOTIONSEG_DICOMWEB", archive.address)
        yield archive


@pytest.fixture
def archive_dock(web, dock, viewer, tmp_path):
    archive_of(viewer).folder = tmp_path / "kept"
    return dock(ArchiveDock)


@pytest.fixture
def wait(qtbot):
    def until_idle(panel):
        qtbot.waitUntil(lambda: not panel.running, timeout=LONG)

    return until_idle


def test_series_are_found_and_opened_as_loops(web, archive_dock, viewer, click, wait):
    archive_dock.patient.setText("ID7")
    click(archive_dock.search_button)
    assert archive_dock.panel.running
    wait(archive_dock.panel)
    assert archive_dock.panel.status.text() == "2 series match"
    assert archive_dock.table.topLevelItemCount() == 2
    shown = archive_dock.table.topLevelItem(0).text(3)
    assert shown.startswith("<")
    assert "<b" not in shown  # Qt would take it for HTML
    archive_dock.table.selectAll()
    click(archive_dock.open_button)
    wait(archive_dock.panel)
    assert [layer.data.shape for layer in viewer.layers] == [SHAPE] * 2
    assert len(list((archive_of(viewer).folder).rglob("*.dcm"))) == 2
    assert all("Patient" not in str(x.metadata["cine"]) for x in viewer.layers)


def test_no_match_and_a_failure_are_told(web, archive_dock, click, wait, notified):
    archive_dock.patient.setText("nobody")
    click(archive_dock.search_button)
    wait(archive_dock.panel)
    assert archive_dock.panel.status.text() == "No series matches"
    web.fault = lambda handler: not handler.answer(401)
    click(archive_dock.search_button)
    wait(archive_dock.panel)
    assert "asks who you are" in archive_dock.panel.status.text()
    assert "asks who you are" in notified[-1]
    assert not archive_dock.open_button.isEnabled()


@pytest.mark.parametrize(
    ("address", "date", "words"),
    [
        ("http://pacs.example", "", "in the clear"),
        ("no address", "", "no web address"),
        (None, "yesterday", "give a day"),
    ],
)
def test_bad_input_starts_nothing(
    web, archive_dock, click, notified, address, date, words
):
    if address:
        archive_dock.address.setText(address)
    archive_dock.date.setText(date)
    click(archive_dock.search_button)
    assert not archive_dock.panel.running
    assert words in notified[-1]
    assert not web.requests


def test_without_an_address_nothing_can_be_asked(archive_dock):
    archive_dock.address.setText(" ")
    assert not archive_dock.search_button.isEnabled()
    assert not archive_dock.sign_in.isEnabled()


def test_a_password_goes_to_its_archive_alone(web, archive_dock, monkeypatch, click):
    kept = []
    monkeypatch.setattr(archive_module, "keep_credentials", lambda *x: kept.append(x))
    monkeypatch.setattr(archive_module, "show_info", lambda _: None)

    def fill(dialog):
        dialog.user.setText("me")
        dialog.secret.setText("s3cret")
        dialog.keep.setChecked(len(kept) == 0)
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(archive_module.SignInDialog, "exec", fill)
    click(archive_dock.sign_in)
    state = archive_dock.archive
    assert state.settings().credentials == Credentials("s3cret", "me")
    assert kept == [(web.address, Credentials("s3cret", "me"))]
    click(archive_dock.sign_in)
    assert len(kept) == 1  # the box was not checked
    assert "s3cret" not in repr(state) + str(archive_dock.session.settings)
    archive_dock.address.setText("https://other.example/dicom-web")
    assert state.credentials is None


@pytest.fixture
def masked(web, archive_dock, viewer, click, wait):
    """A loop that was opened from the archive, with masks of a network."""
    click(archive_dock.search_button)
    wait(archive_dock.panel)
    click(archive_dock.open_button)
    wait(archive_dock.panel)
    (loop,) = viewer.layers
    masks = np.zeros(SHAPE, np.uint8)
    masks[:, 5:9, 4:30] = 1
    layer = viewer.add_labels(
        masks, name=f"{loop.name} masks",
        metadata={"motionseg": "masks", "loop": loop.name,
                  "done": np.ones(SHAPE[0], bool), "cine": loop.metadata["cine"]},
        scale=loop.scale,
    )  # fmt: skip
    return loop, layer


@pytest.fixture
def answer(monkeypatch):
    """Answer the question whether to send; `answer.asked` is what was asked."""
    from napari_motionseg.widgets.project import export_section

    class Box:
        StandardButton = QMessageBox.StandardButton
        asked, says = [], QMessageBox.StandardButton.Yes

        @classmethod
        def question(cls, parent, title, text):
            cls.asked.append(text)
            return cls.says

    monkeypatch.setattr(export_section, "QMessageBox", Box)
    return Box


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
def test_masks_are_sent_to_the_study_of_their_loop(
    web, masked, dock, click, wait, answer, tmp_path, kind
):
    loop, layer = masked
    export = dock(ProjectDock).export
    export.settings._inputs["kind"].value = kind
    if kind == "FRACTIONAL":
        certain = np.full(SHAPE, 0.25, np.float16)
        certain[:, 5:9, 4:20] = 0.75
        known = MaskProbabilities(certain, np.ones(SHAPE, np.uint8), np.ones(3, bool))
        export._dock.session.mask_probabilities[layer] = known
    click(export.send_button)
    wait(export.panel)
    assert "Sent; the archive has the object" in export.panel.status.text()
    assert "patient's name" in answer.asked[0]
    assert web.address in answer.asked[0]
    ((data, content),) = [x for x in web.objects.values() if x[0].Modality == "SEG"]
    assert data.SegmentationType == kind
    assert data.PatientID == "ID7"
    (tmp_path / "back.dcm").write_bytes(content)
    cine = read_cine(loop.metadata["cine"].files[0].path)
    back = read_segmentation(tmp_path / "back.dcm", cine, fractions=True)
    np.testing.assert_array_equal(back.labels, layer.data)
    if kind == "FRACTIONAL":
        np.testing.assert_allclose(back.fractions[1][:, 6, 10], 0.75, atol=0.01)
        np.testing.assert_allclose(back.fractions[1][:, 20, 10], 0.25, atol=0.01)


def test_nothing_is_sent_unasked_or_from_elsewhere(
    web, masked, dock, click, wait, answer, viewer, notified
):
    export = dock(ProjectDock).export
    answer.says = QMessageBox.StandardButton.No
    click(export.send_button)
    assert not export.panel.running
    assert len(web.objects) == 2
    archive_of(viewer).turn_to("")
    click(export.send_button)
    assert "no archive was named" in notified[-1]
    assert len(answer.asked) == 1


def test_masks_of_the_archive_are_opened_onto_their_loop(
    web, masked, dock, click, wait, answer, viewer, archive_dock
):
    _, layer = masked
    export = dock(ProjectDock).export
    click(export.send_button)
    wait(export.panel)
    archive_dock.kind.setCurrentText("SEG (masks)")
    click(archive_dock.search_button)
    wait(archive_dock.panel)
    click(archive_dock.open_button)
    wait(archive_dock.panel)
    np.testing.assert_array_equal(viewer.layers[-1].data, layer.data)
    assert viewer.layers[-1] is not layer
