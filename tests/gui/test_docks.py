"""Each dock does its work by clicks, and says what is wrong."""

import dataclasses

import numpy as np
import pytest
from helpers.patience import LONG
from qtpy.QtCore import Qt, QTimer

from napari_motionseg.cine import Cine, Subtraction
from napari_motionseg.contributions import cine_layer
from napari_motionseg.embedding.separation import Separation
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common.curve_plot import FrameCurve, LossCurve
from napari_motionseg.widgets.common.dock_layout import LEAST_WIDTH
from napari_motionseg.widgets.embedding.dock import EmbeddingDock
from napari_motionseg.widgets.embedding.explorer_histogram import SimilarityHistogram
from napari_motionseg.widgets.measure.kymographs import Kymograph
from napari_motionseg.widgets.measure.profile_plot import ProfilePlot
from napari_motionseg.widgets.motion.dock import MotionDock


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
    shown = "\n".join(texts(dock(CineDock).properties))
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
    assert basis in "".join(texts(widget.properties)).replace("\u200b", "")
    assert widget.widget().minimumSizeHint().width() < LEAST_WIDTH


def test_a_viewer_without_a_loop_says_what_to_do(dock):
    cine = dock(CineDock)
    assert cine.properties.rowCount() == 0
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
    assert "recorded at 15 frames/s" in cine.rate.text()
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


@pytest.mark.child_process
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


def test_an_embedding_is_learnt(viewer, dock, loop_layer, qtbot, click, monkeypatch):
    from napari_motionseg.models import UNetConfig
    from napari_motionseg.motion import FlowSettings
    from napari_motionseg.training import PretrainSettings
    from napari_motionseg.viewmodel.learning_choices import PretrainChoices

    widget = dock(EmbeddingDock)
    learning, explorer = widget.learning, widget.explorer
    small = PretrainSettings(
        network=UNetConfig(width=4, depth=2, embedding_dim=6),
        flow=FlowSettings(method="ilk"),
        crop=48,
        batch=1,
        points=20,
        steps=2,
    )
    monkeypatch.setattr(PretrainChoices, "settings", lambda *_: small)
    learning.steps.setValue(2)
    click(learning.button)
    with qtbot.waitSignal(learning.panel.finished, timeout=LONG):
        pass
    assert len(learning.panel.curve.loss.losses) == 2
    assert explorer.controls.model.chosen.kind == "embedding"
    assert explorer.controls.on.isChecked()
    qtbot.waitUntil(lambda: explorer.found is not None, timeout=LONG)
    explorer.clear()
    qtbot.waitUntil(
        lambda: not explorer.pictures.busy and not explorer.feed.busy, timeout=LONG
    )


def test_no_plot_takes_the_room_of_a_tall_dock(qapp):
    loss, frames = LossCurve(), FrameCurve()
    loss.add(1.0)
    loss.draw()
    frames.show_curves({"speed": [1.0, 2.0]})
    histogram = SimilarityHistogram()
    edges = np.linspace(-1, 1, 3)
    histogram.show_separation(Separation(edges, np.ones(2), np.ones(2), 0.5))
    for widget in (loss, frames, histogram, ProfilePlot(), Kymograph("diameter")):
        room = widget.layout().expandingDirections()
        assert not room & Qt.Orientation.Vertical, widget
