"""Flow is adapted to a loop by clicks, and compared with what it was before."""

import dataclasses

import numpy as np
import pytest
from helpers.patience import LONG

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import cine_layer
from napari_motionseg.models import read_card
from napari_motionseg.viewmodel.learning_choices import AdaptationChoices
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.dock_layout import Dock
from napari_motionseg.widgets.common.viewers import is_loop, show_frame
from napari_motionseg.widgets.motion import flow_adaptation as module
from napari_motionseg.widgets.motion.dock import MotionDock
from napari_motionseg.widgets.motion.flow_adaptation import AdaptFlow


class OneSection(Dock):
    """A dock of nothing but a loop and the section under test."""

    def __init__(self, napari_viewer):
        super().__init__(napari_viewer)
        self.chooser = LayerChooser(self.viewer, is_loop, "The loop")
        self.add(self.chooser)
        self.adaptation = AdaptFlow(self, self.chooser)


@pytest.fixture
def _quick(monkeypatch):
    usual = AdaptationChoices.settings

    def small(choices, device):
        base = usual(choices, device)
        training = dataclasses.replace(base.training, preview_every=1)
        return dataclasses.replace(
            base, training=training, batch=1, crop=64, largest_crop=64, held_out=1
        )

    monkeypatch.setattr(AdaptationChoices, "settings", small)


@pytest.mark.usefixtures("_quick")
def test_paint_adapt_save(
    viewer, dock, loop_layer, painted, qtbot, click, monkeypatch, tmp_path
):
    section = dock(OneSection).adaptation
    assert not section.adapt_button.isEnabled()
    viewer.add_labels(painted, scale=loop_layer.scale, name="vessel")
    assert section.adapt_button.isEnabled()
    show_frame(viewer, loop_layer, 2)
    section.steps.setValue(2)
    click(section.adapt_button)
    assert not section.adapt_button.isEnabled()
    with qtbot.waitSignal(section.panel.finished, timeout=LONG):
        pass
    assert len(section.panel.curve.loss.losses) == 2
    assert not section.preview.pixmap().isNull()
    assert "Error on composed pairs" in section.panel.status.text()
    assert section._session.models[-1].kind == "flow"
    assert section.adapt_button.isEnabled()

    target = tmp_path / "mine.safetensors"
    monkeypatch.setattr(module, "ask_target", lambda *_: target)
    click(section.save_button)
    assert read_card(target).kind == "flow"


@pytest.mark.usefixtures("_quick")
def test_cancel_keeps_nothing(viewer, dock, loop_layer, painted, qtbot, click):
    section = dock(OneSection).adaptation
    viewer.add_labels(painted, scale=loop_layer.scale)
    section.steps.setValue(10_000)
    click(section.adapt_button)
    with qtbot.waitSignal(section.panel.progressed, timeout=LONG):
        pass
    assert section.panel.cancel_button.text() == "Cancel && discard"
    assert "what this run learnt is lost" in section.panel.cancel_button.toolTip()
    assert "is the new model" in section.panel.stop_button.toolTip()
    section.panel.cancel()
    assert "the model of before stays" in section.panel.status.text()
    assert section.adapted is None
    assert section.adapt_button.isEnabled()


def test_labels_with_nothing_painted_are_told(
    viewer, dock, loop_layer, click, notified
):
    section = dock(OneSection).adaptation
    empty = np.zeros(loop_layer.data.shape, np.uint8)
    viewer.add_labels(empty, scale=loop_layer.scale)
    click(section.adapt_button)
    assert notified == ["nothing is labelled: paint at least one frame"]


def test_labels_that_lie_elsewhere_are_told(viewer, dock, loop_layer, click, notified):
    section = dock(OneSection).adaptation
    viewer.add_labels(np.ones((8, 40, 40), np.uint8), name="other")
    click(section.adapt_button)
    assert "layer 'other' does not lie on" in notified[0]


@pytest.mark.parametrize(
    ("paint", "words"),
    [
        (lambda painted: np.ones_like(painted), "100% of frame 0 is painted as vessel"),
        (lambda painted: painted * 0 + (painted.sum((1, 2)) > 0)[:, None, None],
         "100% of frame 6 is painted as vessel"),
    ],
)  # fmt: skip
def test_everything_painted_is_told(
    viewer, dock, loop_layer, painted, qtbot, click, notified, paint, words
):
    section = dock(OneSection).adaptation
    labels = paint(painted).astype(np.uint8)
    viewer.add_labels(labels, scale=loop_layer.scale)
    click(section.adapt_button)
    with qtbot.waitSignal(section.panel.ended, timeout=LONG):
        pass
    assert words in notified[0]
    assert section.adapt_button.isEnabled()


def test_a_loop_of_one_frame_is_told(viewer, dock, painted, qtbot, click, notified):
    pixels = np.random.default_rng(0).integers(0, 255, (1, 96, 96), dtype=np.uint8)
    data, attributes, _ = cine_layer(Cine.from_array(pixels, name="still"))
    layer = viewer.add_image(data, **attributes)
    viewer.add_labels(painted[6:7], scale=layer.scale)
    section = dock(OneSection).adaptation
    click(section.adapt_button)
    with qtbot.waitSignal(section.panel.ended, timeout=LONG):
        pass
    assert "only one frame" in notified[0]


@pytest.mark.usefixtures("_quick")
def test_before_and_after_stand_side_by_side(
    viewer, dock, loop_layer, painted, qtbot, click
):
    """The dock compares the network that ships with the adapted one by itself."""
    motion = dock(MotionDock)
    viewer.add_labels(painted, scale=loop_layer.scale, name="vessel")
    motion.adaptation.steps.setValue(1)
    click(motion.adaptation.adapt_button)
    with qtbot.waitSignal(motion.panel.finished, timeout=LONG):
        pass
    adapted = str(motion.adaptation.adapted)
    assert motion.controls.method.method == ("pwcnet", None)
    assert motion.controls.other.method == ("pwcnet", adapted)
    scene = motion.views.scene
    assert len(scene.flows) == 2
    assert scene.titles[1] == motion.adaptation.adapted.stem
    first, second = (np.asarray(flow.forward) for flow in scene.flows)
    assert first.shape == second.shape
    assert not np.array_equal(first, second)
