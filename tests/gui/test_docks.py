"""Each dock does its work by clicks, and says what is wrong."""

import dataclasses

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_motionseg.cine import Cine, Subtraction
from napari_motionseg.contributions import cine_layer
from napari_motionseg.io import read_labels
from napari_motionseg.models import read_card
from napari_motionseg.segmentation import FinetuneSettings
from napari_motionseg.widgets import learn_embedding as learning_module
from napari_motionseg.widgets import segment as segment_module
from napari_motionseg.widgets.cine import CineDock
from napari_motionseg.widgets.dock import LEAST_WIDTH
from napari_motionseg.widgets.embedding import EmbeddingDock
from napari_motionseg.widgets.motion import MotionDock
from napari_motionseg.widgets.segment import SegmentDock

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


def test_what_ships_can_be_chosen_at_once(dock, loop_layer):
    """A first guess needs no training: the network that ships is among the models."""
    segment = dock(SegmentDock)
    names = [segment.start.itemText(i) for i in range(segment.start.count())]
    assert any("vessels-xa" in name for name in names)


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

    monkeypatch.setattr(learning_module, "PretrainSettings", small)
    widget = dock(EmbeddingDock)
    learning, explorer = widget.learning, widget.explorer
    learning.steps.setValue(2)
    click(learning.button)
    with qtbot.waitSignal(learning.panel.finished, timeout=LONG):
        pass
    assert len(learning.panel.curve.losses) == 2
    assert explorer.controls.model.chosen.kind == "embedding"
    assert explorer.controls.on.isChecked()
    qtbot.waitUntil(lambda: explorer.found is not None, timeout=LONG)
    explorer.clear()
    qtbot.waitUntil(
        lambda: not explorer.pictures.busy and not explorer.feed.busy, timeout=LONG
    )


def test_paint_train_segment_save(
    viewer,
    dock,
    loop_layer,
    painted,
    embedding_file,
    qtbot,
    click,
    monkeypatch,
    tmp_path,
):
    def quick(recipe, steps):
        base = FinetuneSettings.recipe(recipe)
        training = dataclasses.replace(base.training, preview_every=1)
        return dataclasses.replace(
            base, training=training, steps=steps, crop=48, batch=1
        )

    monkeypatch.setattr(segment_module, "finetune_settings", quick)
    widget = dock(SegmentDock)
    assert not widget.train_button.isEnabled()
    click(widget.new_button)
    painting = widget.painting.layer
    assert painting.mode == "paint"
    np.testing.assert_allclose(painting.scale, loop_layer.scale)
    painting.data[6] = painted[6]
    widget.start.open_file(embedding_file)
    widget.steps.setValue(3)
    click(widget.train_button)
    with qtbot.waitSignal(widget.panel.finished, timeout=LONG):
        pass
    assert f"{loop_layer.name} training" in viewer.layers
    assert widget.result.chosen.kind == "segmentation"
    assert widget.start.chosen.kind == "embedding"

    click(widget.apply_button)
    with qtbot.waitSignal(widget.panel.finished, timeout=LONG):
        pass
    assert len(widget.panel.curve.losses) == 3  # the training's curve stays in view
    masks = viewer.layers[f"{loop_layer.name} masks"]
    assert masks.data.shape == loop_layer.data.shape
    assert masks.metadata["done"].all()
    assert f"{loop_layer.name} training" not in viewer.layers

    targets = iter([tmp_path / "masks.npz", tmp_path / "model.safetensors"])
    monkeypatch.setattr(segment_module, "ask_target", lambda *a: next(targets))
    click(widget.save_masks_button)
    click(widget.save_model_button)
    stored = read_labels(tmp_path / "masks.npz", shape=masks.data.shape)
    np.testing.assert_array_equal(stored.labels, masks.data)
    assert read_card(tmp_path / "model.safetensors").kind == "segmentation"


def test_labels_that_lie_elsewhere_are_refused(
    viewer, dock, loop_layer, painted, click, notified
):
    viewer.add_labels(
        painted, name="moved", scale=loop_layer.scale, translate=(0, 9, 9)
    )
    widget = dock(SegmentDock)
    click(widget.train_button)
    assert "does not lie on" in notified[0]


def test_nothing_painted_is_refused(viewer, dock, loop_layer, click, notified):
    widget = dock(SegmentDock)
    click(widget.new_button)
    click(widget.train_button)
    assert "nothing is labelled" in notified[0]


def test_a_foreign_file_is_no_model(viewer, dock, loop_layer, tmp_path):
    from napari_motionseg.errors import CheckpointError

    (tmp_path / "a.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError):
        dock(SegmentDock).start.open_file(tmp_path / "a.safetensors")
