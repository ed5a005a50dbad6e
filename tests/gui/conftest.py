"""A real napari window with its docks, driven by clicks."""

import dataclasses
import gc
import importlib

import numpy as np
import pytest
from helpers.here_job import HereRunner
from helpers.patience import LONG
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_motionseg.contributions import cine_layer
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNet,
    UNetConfig,
    save_model,
)
from napari_motionseg.motion import FlowSequence
from napari_motionseg.segmentation import FinetuneSettings


@pytest.fixture(scope="session", autouse=True)
def _imported_modules_are_not_searched_for_garbage():
    """Take what imports have made out of the garbage collector's sight.

    napari's fixture collects several times a test, each time through half a million
    objects of libraries that live until the end.
    """
    for module in ("torch", "napari", "napari.qt", "pyqtgraph", "matplotlib.figure"):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module", autouse=True)
def _what_earlier_tests_have_imported_is_not_either(
    _imported_modules_are_not_searched_for_garbage,
):
    """Do the same with what the first windows have imported since."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _windows_are_plain():
    """Leave out the style sheet of napari: to apply it costs much of a test."""
    with pytest.MonkeyPatch.context() as patch:
        plain = "napari._qt.qt_main_window.get_stylesheet"
        patch.setattr(plain, lambda *_, **__: "")
        yield


@pytest.fixture(autouse=True)
def _no_button_stays_pressed():
    """Release the mouse after a test that ends with its button held.

    Qt remembers the button for the whole process, so that a later test would wait for
    a mouse that never rests.
    """
    yield
    if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
        elsewhere = QWidget()
        QTest.mouseRelease(elsewhere, Qt.MouseButton.LeftButton)
        assert QApplication.mouseButtons() == Qt.MouseButton.NoButton


@pytest.fixture(autouse=True)
def _jobs_run_here(request, monkeypatch):
    """Spare tests the seconds in which a child process imports torch.

    Those that are about the process are marked ``child_process``.
    """
    if request.node.get_closest_marker("child_process") is None:
        monkeypatch.setattr(
            "napari_motionseg.viewmodel.session_jobs.LocalRunner", HereRunner
        )


@pytest.fixture
def own_state(monkeypatch, tmp_path):
    """Give the test a list of unsaved work of its own."""
    monkeypatch.setenv("MOTIONSEG_STATE", str(tmp_path / "state"))


@pytest.fixture
def plugins():
    """napari's test fixtures hide installed plugins; show this one again."""
    from npe2 import PluginManager, PluginManifest

    manager = PluginManager.instance()
    if "napari-motionseg" not in manager:
        manager.register(PluginManifest.from_distribution("napari-motionseg"))
    return manager


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=False)


@pytest.fixture
def dock(viewer, qtbot):
    """Make a dock of a class in the viewer; widgets are closed before the viewer."""

    def make(kind):
        widget = kind(viewer)
        viewer.window.add_dock_widget(widget, name=kind.__name__)
        return widget

    yield make
    from napari_motionseg.widgets.common.viewers import session_of

    session_of(viewer).close()


@pytest.fixture
def loop_layer(viewer, small_cine):
    data, attributes, _ = cine_layer(small_cine)
    return viewer.add_image(data, **attributes)


@pytest.fixture
def click(qtbot):
    def press(widget):
        at = QPoint(8, max(4, widget.height() // 2))
        qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=at)

    return press


@pytest.fixture
def embedding_file(tmp_path):
    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    path = tmp_path / "embedding.safetensors"
    card = ModelCard("embedding", "UNet", dataclasses.asdict(config), {})
    save_model(path, UNet(config), card)
    return path


@pytest.fixture
def notified(monkeypatch):
    """What was told by notification."""
    told = []
    for module in (
        "viewers",
        "job_panel",
        "background",
        "project_controller",
        "write_bar",
    ):
        monkeypatch.setattr(
            f"napari_motionseg.widgets.common.{module}.show_error", told.append
        )
    return told


@pytest.fixture
def painted(viewer, loop_layer, synthetic):
    masks = np.zeros(loop_layer.data.shape, np.uint8)
    masks[6] = synthetic.masks[6]
    assert masks.any()
    return masks


class Mouse:
    """The left button over the canvas; what it does goes the way of a person's.

    Positions are row and column of a layer, which may be beyond its edge.
    """

    BUTTON = Qt.MouseButton.LeftButton

    def __init__(self, viewer, layer):
        self.layer = layer
        self.canvas = viewer.window._qt_viewer.canvas

    def at(self, row, column):
        """Where the canvas shows a pixel."""
        world = self.layer.data_to_world((0, row, column))
        x, y = self.canvas.view.scene.transform.map([world[-1], world[-2]])[:2]
        return QPoint(round(x), round(y))

    def press(self, row, column, modifier=Qt.KeyboardModifier.NoModifier):
        QTest.mousePress(
            self.canvas.native, self.BUTTON, modifier, self.at(row, column)
        )

    def move(self, row, column):
        QTest.mouseMove(self.canvas.native, self.at(row, column))

    def release(self, row, column, modifier=Qt.KeyboardModifier.NoModifier):
        QTest.mouseRelease(
            self.canvas.native, self.BUTTON, modifier, self.at(row, column)
        )

    def click(self, row, column, modifier=Qt.KeyboardModifier.NoModifier):
        self.press(row, column, modifier)
        self.release(row, column, modifier)


@pytest.fixture
def mouse(viewer, loop_layer):
    viewer.window._qt_window.resize(1400, 900)
    return Mouse(viewer, loop_layer)


@pytest.fixture
def explorer(viewer, dock, loop_layer, embedding_file):
    from napari_motionseg.widgets.embedding.dock import EmbeddingDock

    widget = dock(EmbeddingDock)
    widget.explorer.controls.model.open_file(embedding_file)
    # where the first anchor would be depends on rounding: here it is in the middle
    middle = tuple(side // 2 for side in loop_layer.data.shape[1:])
    widget.explorer.set_anchors((middle,))
    return widget.explorer


@pytest.fixture
def settled(qtbot, explorer):
    """Wait until nothing is computed any more."""

    def wait():
        qtbot.waitUntil(
            lambda: (
                not (
                    explorer.pictures.busy or explorer.feed.busy or explorer.layers.busy
                )
            ),
            timeout=LONG,
        )

    yield wait
    explorer.feed.look_at(None, (), 0)
    wait()


@pytest.fixture
def flow(viewer, loop_layer, synthetic):
    """Give the loop its exact flow."""
    from napari_motionseg.widgets.common.viewers import session_of

    session = session_of(viewer)
    count = len(loop_layer.data) - 1
    exact = np.stack([synthetic.flow(t, t + 1) for t in range(count)])
    session.set_flow(session.loop(loop_layer), FlowSequence(exact, None, 1, "exact"))


@pytest.fixture
def light(tmp_path, monkeypatch):
    """A small network in place of what ships."""
    import torch

    from napari_motionseg.widgets.common import choosers
    from napari_motionseg.widgets.segment import apply_section as segment_apply
    from napari_motionseg.widgets.segment import train_section as segment_train

    torch.manual_seed(0)
    config = UNetConfig(width=4, depth=2, embedding_dim=6, flat_field=True)
    weights = tmp_path / "weights"
    weights.mkdir()
    path = weights / "vessels-xa.safetensors"
    configuration = {**dataclasses.asdict(config), "classes": 2}
    card = ModelCard("segmentation", "SegmentationNet", configuration, {})
    save_model(path, SegmentationNet(config), card)
    monkeypatch.setattr(choosers, "WEIGHTS_FOLDER", weights)
    for module in (segment_apply, segment_train):
        monkeypatch.setattr(module, "checkpoint_path", lambda name: path)
    return path


@pytest.fixture
def segment(dock, light, monkeypatch):
    """The Segment dock, with the small network and small windows to train on."""
    from napari_motionseg.viewmodel import training_choices
    from napari_motionseg.widgets.segment.dock import SegmentDock

    def quick(recipe, steps):
        base = FinetuneSettings.recipe(recipe)
        training = dataclasses.replace(base.training, preview_every=1)
        return dataclasses.replace(
            base, training=training, steps=steps, crop=48, batch=1
        )

    monkeypatch.setattr(training_choices, "finetune_settings", quick)
    return dock(SegmentDock)
