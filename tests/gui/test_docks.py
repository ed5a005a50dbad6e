"""Each dock does its work by clicks, and says what is wrong."""

import dataclasses

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_motionseg.cine import Cine, Subtraction
from napari_motionseg.contributions import cine_layer
from napari_motionseg.widgets import embedding as embedding_module
from napari_motionseg.widgets.cine import CineDock
from napari_motionseg.widgets.dock import LEAST_WIDTH
from napari_motionseg.widgets.embedding import EmbeddingDock
from napari_motionseg.widgets.motion import MotionDock
from napari_motionseg.widgets.viewers import show_frame

LONG = 60_000  # ms, for a child process that imports torch on a busy machine


def texts(form):
    """The rows of a form as text."""
    rows = []
    for row in range(form.rowCount()):
        cells = [form.itemAt(row, role) for role in (form.LabelRole, form.FieldRole)]
        rows.append(" ".join(c.widget().text() for c in cells if c is not None))
    return rows


def test_facts_without_the_patient(viewer, dock, small_cine):
    cine = dataclasses.replace(small_cine, patient={"PatientName": "Doe^Jane"})
    data, attributes, _ = cine_layer(cine)
    layer = viewer.add_image(data, **attributes)
    shown = "\n".join(texts(dock(CineDock).facts))
    assert "96 × 96 px" in shown
    assert "15 frames/s" in shown
    assert "mm" in shown
    assert "Doe" not in shown
    assert "Doe" not in repr(layer.metadata)


def test_long_names_do_not_widen_the_dock(viewer, dock, small_cine):
    basis = "ImagerPixelSpacing / EstimatedRadiographicMagnificationFactor"
    cine = dataclasses.replace(small_cine, spacing_basis=basis)
    data, attributes, _ = cine_layer(cine)
    viewer.add_image(data, **attributes)
    widget = dock(CineDock)
    assert basis in "".join(texts(widget.facts)).replace("\u200b", "")
    assert widget.widget().minimumSizeHint().width() < LEAST_WIDTH


def test_a_viewer_without_a_loop_says_what_to_do(dock):
    cine = dock(CineDock)
    assert cine.facts.rowCount() == 0
    assert not cine.play_button.isEnabled()
    assert cine.empty.isVisibleTo(cine)


def test_playback_shows_frames_and_the_rate_reached(
    dock, loop_layer, viewer, qtbot, click
):
    cine = dock(CineDock)
    seen = set()
    viewer.dims.events.current_step.connect(
        lambda e: seen.add(viewer.dims.current_step[0])
    )
    click(cine.play_button)
    assert cine.play_button.text() == "Pause"
    qtbot.waitUntil(lambda: len(seen) >= 4, timeout=20_000)
    qtbot.waitUntil(lambda: "frames/s shown" in cine.rate.text(), timeout=20_000)
    assert "15 recorded" in cine.rate.text()
    click(cine.play_button)
    assert cine.play_button.text() == "Play"
    assert "paused" in cine.rate.text()
    viewer.layers.remove(loop_layer)
    assert not cine.play_button.isEnabled()


def test_subtraction_is_offered_where_there_is_a_mask(viewer, dock, click):
    pixels = np.random.default_rng(0).integers(1, 255, (4, 20, 24), dtype=np.uint8)
    mask = Subtraction("AVG_SUB", (0,))
    cine = dataclasses.replace(Cine.from_array(pixels), subtraction=(mask,), name="dsa")
    data, attributes, _ = cine_layer(cine)
    viewer.add_image(data, **attributes)
    widget = dock(CineDock)
    click(widget.subtract_button)
    layer = viewer.layers["dsa subtracted"]
    assert np.abs(np.asarray(layer.data[0])).max() == 0
    assert np.asarray(layer.data[1]).any()


def test_the_window_lives_while_a_job_runs_and_cancel_ends_it(
    dock, loop_layer, viewer, qtbot, click
):
    motion = dock(MotionDock)
    motion.method.setCurrentText("tvl1")
    ticks = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(10)
    click(motion.run_button)
    qtbot.wait(300)
    assert len(ticks) > 5
    assert motion.panel.running
    click(motion.panel.cancel_button)
    assert not motion.panel.running
    assert "cancelled" in motion.panel.status.text()
    assert list(viewer.layers) == [loop_layer]


def test_one_job_at_a_time(viewer, dock, loop_layer, click, notified):
    motion, other = dock(MotionDock), dock(MotionDock)
    motion.method.setCurrentText("ilk")
    click(motion.run_button)
    click(other.run_button)
    assert "still running" in notified[0]
    click(motion.panel.cancel_button)


def test_a_loop_of_one_frame_is_refused(viewer, dock, click, notified):
    viewer.add_image(np.zeros((1, 32, 32), np.uint8), name="still")
    motion = dock(MotionDock)
    motion.method.setCurrentText("ilk")
    click(motion.run_button)
    assert len(notified) == 1
    assert "two" in notified[0]
    assert not motion.panel.running


def test_projection_and_similarity_follow_the_frame(
    viewer, dock, loop_layer, embedding_file, qtbot, click
):
    widget = dock(EmbeddingDock)
    widget.models.open_file(embedding_file)
    click(widget.project)
    name = f"{loop_layer.name} projection"
    qtbot.waitUntil(lambda: name in viewer.layers, timeout=LONG)
    before = np.asarray(viewer.layers[name].data).copy()
    np.testing.assert_allclose(viewer.layers[name].scale, loop_layer.scale[1:])
    show_frame(viewer, loop_layer, 7)
    qtbot.waitUntil(
        lambda: (np.asarray(viewer.layers[name].data) != before).any(), timeout=LONG
    )
    click(widget.probe)
    assert "Click" in widget.hint.text()

    class Press:
        button, position = 1, loop_layer.data_to_world((7, 30, 40))

    widget._clicked(viewer, Press)
    assert widget.anchor == (30, 40)
    shown = f"{loop_layer.name} similarity"
    qtbot.waitUntil(lambda: shown in viewer.layers, timeout=LONG)
    similarity = np.asarray(viewer.layers[shown].data)
    assert similarity[30, 40] == pytest.approx(1, abs=1e-2)
    np.testing.assert_allclose(
        viewer.layers[f"{loop_layer.name} anchor"].data, [[30, 40]]
    )


def test_without_a_model_the_dock_says_so(
    dock, loop_layer, click, monkeypatch, tmp_path
):
    monkeypatch.setattr("napari_motionseg.widgets.choosers.WEIGHTS_FOLDER", tmp_path)
    widget = dock(EmbeddingDock)
    click(widget.project)
    assert "No model yet" in widget.hint.text()


def test_an_embedding_is_learnt(viewer, dock, loop_layer, qtbot, click, monkeypatch):
    from napari_motionseg.models import UNetConfig
    from napari_motionseg.motion import FlowSettings
    from napari_motionseg.training import PretrainSettings

    def small(**settings):
        settings |= {
            "network": UNetConfig(width=4, depth=2, embedding_dim=6),
            "flow": FlowSettings(method="ilk"), "crop": 48, "batch": 1, "points": 20,
        }  # fmt: skip
        return PretrainSettings(**settings)

    monkeypatch.setattr(embedding_module, "PretrainSettings", small)
    widget = dock(EmbeddingDock)
    widget.steps.setValue(2)
    click(widget.train_button)
    with qtbot.waitSignal(widget.panel.finished, timeout=LONG):
        pass
    assert len(widget.panel.curve.losses) == 2
    assert widget.models.chosen.kind == "embedding"
    assert widget.project.isChecked()
    qtbot.waitUntil(lambda: not widget.projections.busy, timeout=LONG)


def test_a_similarity_that_comes_after_its_loop_is_gone_adds_nothing(
    viewer, dock, loop_layer, embedding_file, qtbot
):
    widget = dock(EmbeddingDock)
    widget.models.open_file(embedding_file)
    widget.probe.setChecked(True)
    widget.anchor = (30, 40)
    widget._frame_changed()
    assert widget.similarities.busy
    viewer.layers.remove(loop_layer)
    qtbot.waitUntil(lambda: not widget.similarities.busy, timeout=LONG)
    assert len(viewer.layers) == 0
