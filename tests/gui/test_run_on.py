"""Jobs of the docks run on workers of a cluster, once somebody has chosen it."""

import dataclasses

import numpy as np
import pytest
from helpers import child_jobs
from helpers.patience import LONG
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFormLayout, QScrollArea, QWidget

from napari_motionseg.environment import SCHEDULER
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    save_model,
)
from napari_motionseg.viewmodel.layer_jobs import SegmentRequest, segment_layer_job
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common import run_on_chooser as module
from napari_motionseg.widgets.common.fold import Fold
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.run_on_chooser import RunOnChooser, add_places
from napari_motionseg.widgets.common.viewers import session_of


@pytest.fixture(scope="module")
def address():
    distributed = pytest.importorskip("distributed")
    from napari_motionseg.remote import hosted_job

    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster.scheduler_address
    for runner in hosted_job._RUNNERS.values():
        runner.release()


@pytest.fixture
def session(viewer, monkeypatch):
    monkeypatch.setattr(module, "keep_scheduler", lambda address: None)
    yield session_of(viewer)
    session_of(viewer).close()


@pytest.fixture
def network(tmp_path):
    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    path = tmp_path / "vessels.safetensors"
    configuration = {**dataclasses.asdict(config), "classes": 2}
    card = ModelCard("segmentation", "SegmentationNet", configuration, {})
    save_model(path, SegmentationNet(config), card)
    return path


@pytest.fixture
def places(session, qtbot):
    room = QWidget()
    qtbot.addWidget(room)
    form = QFormLayout(room)
    add_places(form, session)
    room.show()
    return room


def typed(places, text):
    chooser = places.findChild(RunOnChooser)
    line = chooser.lineEdit()
    line.selectAll()
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)
    return chooser


def test_an_address_is_typed_and_all_docks_show_it(places, session):
    other = RunOnChooser(session)
    chooser = typed(places, "tcp://127.0.0.1:8786")
    assert session.run_on == "tcp://127.0.0.1:8786"
    assert other.currentText() == chooser.currentText() == session.run_on
    assert chooser.warning.isHidden()
    typed(places, module.HERE)
    assert session.run_on == ""


def test_a_connection_that_others_can_read_is_told(places, session):
    chooser = typed(places, "tcp://gpu.hospital.example:8786")
    assert not chooser.warning.isHidden()
    assert "gpu.hospital.example" in chooser.warning.text()
    typed(places, "tls://gpu.hospital.example:8786")
    assert chooser.warning.isHidden()


def test_a_warning_below_the_edge_is_scrolled_to(session, qtbot):
    """The row appears at the end of a long dock, where nobody would see it."""
    area, room = QScrollArea(), QWidget()
    qtbot.addWidget(area)
    form = QFormLayout(room)
    fold = Fold("Advanced")
    more = QFormLayout()
    fold.add_form(more)
    form.addRow(high := QWidget())
    high.setFixedHeight(150)
    form.addRow(fold)
    add_places(more, session)
    area.setWidget(room)
    area.setWidgetResizable(True)
    area.resize(300, 200)
    area.show()
    QTest.mouseClick(fold.heading, Qt.MouseButton.LeftButton)
    chooser = room.findChild(RunOnChooser)

    def seen(row):
        whole = row.height() >= max(1, row.heightForWidth(row.width()))
        return whole and row.visibleRegion().boundingRect().height() == row.height()

    bar = area.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() > 0 and seen(chooser))  # the fold did that
    typed(room, "tcp://gpu.hospital.example:8786")
    qtbot.waitUntil(lambda: seen(chooser.warning))


def test_dask_is_missing(places, session, notified, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    chooser = typed(places, "tcp://gpu:8786")
    assert "napari-motionseg[batch]" in str(notified[0])
    assert session.run_on == ""
    assert chooser.currentText() == module.HERE


def test_a_new_window_takes_the_address_of_the_preferences(monkeypatch, address):
    monkeypatch.setenv(SCHEDULER, address)
    session = Session()
    assert session.run_on == address
    assert address in session.standby_words()
    session.close()


def test_the_address_is_kept_in_the_preferences(viewer, monkeypatch):
    kept = []
    monkeypatch.setattr(module, "keep_scheduler", kept.append)
    session = session_of(viewer)
    chooser = RunOnChooser(session)
    chooser.setCurrentText("tcp://127.0.0.1:1")
    chooser.lineEdit().editingFinished.emit()
    assert kept == ["tcp://127.0.0.1:1"]
    session.close()


def test_a_panel_shows_a_remote_job_like_any_other(viewer, session, address, qtbot):
    session.run_on = address
    panel = JobPanel(session)
    viewer.window.add_dock_widget(panel, name="panel")
    seen, results = [], []
    panel.progressed.connect(lambda progress: seen.append(progress.step))
    panel.finished.connect(results.append)
    panel.start("Counting", child_jobs.counting, 10_000, 0.01)
    qtbot.waitUntil(lambda: len(seen) > 3, timeout=LONG)
    panel.stop_button.click()
    qtbot.waitUntil(lambda: bool(results), timeout=LONG)
    assert 3 < results[0][-1] < 10_000
    assert panel.status.text().startswith("Counting: stopped")


@pytest.mark.child_process
def test_masks_of_a_worker_are_those_of_this_computer(
    session, address, small_cine, network, qtbot
):
    """The network travels, the shown frame comes first, and all pixels are equal."""
    request = SegmentRequest(network, (3, 0, 1, 2), device="cpu")
    found = []
    for place in ("", address):
        session.run_on = place
        job = session.start("Segmenting", segment_layer_job, small_cine, request)
        frames = {}

        def polled(job=job, frames=frames):
            for progress in job.poll():
                frames[progress.frames[0]] = progress.preview[1:]
            return not job.running

        qtbot.waitUntil(polled, timeout=LONG)
        assert job.error is None
        assert next(iter(frames)) == 3
        found.append((frames, job.result))
        session.job_ended(job)
    (here, done), (there, done_there) = found
    assert (done == done_there).all()
    assert here.keys() == there.keys()
    for t, parts in here.items():
        for part, same in zip(parts, there[t], strict=True):
            np.testing.assert_array_equal(part, same)
