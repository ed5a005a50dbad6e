"""The Guide dock in the hand of a real mouse: clicks become masks, arrows motion."""

import threading

import numpy as np
import pytest
from helpers.patience import LONG
from helpers.propagation import KnownObjects
from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog
from scipy import ndimage

from napari_motionseg.guidance import Clicks
from napari_motionseg.io.label_numbers import BACKGROUND
from napari_motionseg.viewmodel.frame_guidance import ObjectClicks
from napari_motionseg.viewmodel.guide_engine import CarryAnswer, CarryQuestion
from napari_motionseg.widgets.common.viewers import camera_of, show_frame
from napari_motionseg.widgets.guide.dock import LOADING, WELCOME, GuideDock
from napari_motionseg.widgets.guide.guide_layers import ARROWS, MASK, POINTS

SHIFT = Qt.KeyboardModifier.ShiftModifier
CONTROL = Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier
FRAME = 3


@pytest.fixture
def objects(synthetic):
    """The largest parts of the left and of the right half of the vessels."""
    vessels = synthetic.masks[FRAME] > 0
    middle = int(np.median(np.nonzero(vessels)[1]))
    numbers = np.zeros(vessels.shape, int)
    for number, columns in ((1, slice(0, middle)), (2, slice(middle + 1, None))):
        parts, _ = ndimage.label(vessels[:, columns], np.ones((3, 3)))
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        numbers[:, columns][parts == sizes.argmax()] = number
    return numbers


@pytest.fixture
def guide(viewer, dock, loop_layer, flow, mouse, objects, monkeypatch):
    """The dock on a loop with its flow; the clicked object follows a click."""
    load = "napari_motionseg.viewmodel.guide_engine._loaded"
    monkeypatch.setattr(load, lambda device, frame: KnownObjects(objects))
    made = dock(GuideDock)
    show_frame(viewer, loop_layer, FRAME)
    made.clicking.tool.click()
    return made


@pytest.fixture
def settled(qtbot, guide):
    def wait():
        workers = (
            guide.masks, guide.flows, guide.carrying, guide.guiding.latest,
            guide.guiding.views.latest, guide.guiding.writing,
        )  # fmt: skip
        qtbot.waitUntil(
            lambda: (
                not any(worker.busy for worker in workers)
                and not guide.guiding.views.layers.busy
            ),
            timeout=LONG,
        )

    yield wait
    wait()


@pytest.fixture
def key(viewer):
    def press(key, modifier=NONE):
        QTest.keyClick(viewer.window._qt_viewer.canvas.native, key, modifier)

    return press


def place_in(objects, number):
    """Return a pixel well inside an object."""
    depth = ndimage.distance_transform_edt(objects == number)
    return tuple(int(i) for i in np.unravel_index(depth.argmax(), depth.shape))


def labels_of(viewer):
    return next(x for x in viewer.layers if x.name.endswith(" labels"))


def test_a_click_becomes_paint_by_one_key(
    viewer, guide, mouse, key, settled, objects, qtbot
):
    first, second = place_in(objects, 1), place_in(objects, 2)
    mouse.click(*first)
    settled()
    layers = guide.layers.known
    assert (layers[MASK].data[..., 3] > 0)[objects == 1].all()
    mouse.click(*second)
    settled()
    assert guide.state.mask[second]
    mouse.click(*second)  # on the point, which removes it
    settled()
    assert not guide.state.mask[second]
    mouse.click(*second, SHIFT)
    settled()
    assert guide.state.here.current.clicks.negative == (second,)
    assert len(layers[POINTS].data) == 2
    key(Qt.Key.Key_A)
    settled()
    order = [labels_of(viewer), layers[MASK], layers[POINTS]]
    qtbot.waitUntil(lambda: list(viewer.layers)[-3:] == order)  # nothing is hidden
    painted = labels_of(viewer).data[FRAME]
    assert (painted == (objects == 1)).all()
    assert not layers[MASK].data.any()
    key(Qt.Key.Key_Z, CONTROL)
    settled()
    assert not labels_of(viewer).data.any()
    assert guide.state.mask[first]


def test_the_mask_is_accepted_as_any_class_and_taken_up_by_segment(
    viewer, guide, mouse, key, settled, objects, segment
):
    guide.clicking.classes.setCurrentIndex(1)
    guide.clicking.classes.activated.emit(1)
    mouse.click(*place_in(objects, 1))
    key(Qt.Key.Key_A)  # before the mask is there
    settled()
    assert (labels_of(viewer).data[FRAME] == 2 * (objects == 1)).all()
    guide.clicking.classes.setCurrentText("background")
    guide.clicking.classes.activated.emit(guide.clicking.classes.currentIndex())
    mouse.click(*place_in(objects, 2))
    key(Qt.Key.Key_A)
    settled()
    assert labels_of(viewer).data[FRAME][place_in(objects, 2)] == BACKGROUND
    guide.clicking.classes.setCurrentIndex(1)
    guide.clicking.classes.activated.emit(1)
    segment.state.preview_on = False
    segment.paint.match()
    assert segment.state.painting is labels_of(viewer)
    mouse.click(*place_in(objects, 2))
    settled()
    key(Qt.Key.Key_A)
    assert segment.state.unlearned  # as after a stroke


def test_clicks_go_on_to_the_next_frame(viewer, guide, mouse, key, settled, objects):
    mouse.click(*place_in(objects, 1))
    settled()
    key(Qt.Key.Key_A, SHIFT)
    settled()
    assert viewer.dims.current_step[0] == FRAME + 1
    settled()
    assert guide.state.here.current.proposed
    assert "carried" in guide.status.text()
    key(Qt.Key.Key_D)
    assert not guide.state.here.current.clicks.points
    assert guide.layers.known[POINTS].data.shape == (0, 2)
    key(Qt.Key.Key_Z, CONTROL)
    settled()
    key(Qt.Key.Key_A)
    assert labels_of(viewer).data[FRAME + 1].any()


def test_the_thread_of_the_window_neither_loads_nor_runs_the_network(
    viewer, dock, loop_layer, mouse, objects, monkeypatch, qtbot
):
    known, loaders, go_on = KnownObjects(objects), [], threading.Event()

    def load(device, frame):
        go_on.wait(60)
        loaders.append(threading.current_thread())
        return known

    monkeypatch.setattr("napari_motionseg.viewmodel.guide_engine._loaded", load)
    show_frame(viewer, loop_layer, FRAME)
    guide = dock(GuideDock)
    assert not guide.masks.busy  # a dock behind other docks loads nothing
    QApplication.sendEvent(guide, QShowEvent())
    qtbot.waitUntil(lambda: guide.status.text() == LOADING, timeout=LONG)
    go_on.set()
    qtbot.waitUntil(lambda: not guide.masks.busy, timeout=LONG)
    assert guide.status.text() == WELCOME
    assert known.prepared == 1
    QApplication.sendEvent(guide, QShowEvent())
    assert not guide.masks.busy
    guide.clicking.tool.click()
    mouse.click(*place_in(objects, 1))
    guide.guiding.tool.click()
    mouse.press(*place_in(objects, 2))
    mouse.release(*(at + 9 for at in place_in(objects, 2)))
    qtbot.waitUntil(lambda: guide.state.guided is not None, timeout=LONG)
    qtbot.waitUntil(lambda: not guide.masks.busy, timeout=LONG)
    assert guide.state.mask.any()
    assert len(loaders) == 1
    assert threading.main_thread() not in {*loaders, *known.threads}
    assert known.prepared == 1  # the frame was ready for clicks and arrows


def test_the_window_has_a_turn_after_each_layer_and_draws_points_once(
    viewer, guide, mouse, settled, objects, qtbot
):
    assert len(guide.layers.known) <= 1  # the tool was taken, but not both are there
    qtbot.waitUntil(lambda: set(guide.layers.known) == {MASK, POINTS}, timeout=LONG)
    points, drawn = guide.layers.known[POINTS], []
    points.events.data.connect(lambda event: drawn.append(len(points.data)))
    mouse.click(*place_in(objects, 1))
    once = len(drawn)
    assert once
    settled()
    assert guide.state.mask.any()
    guide.clicking.threshold.setValue(40)
    assert len(drawn) == once
    points.visible = False
    guide.layers.known[MASK].visible = False  # a user's choice, which clicks respect
    mouse.click(*place_in(objects, 2))
    settled()
    assert not guide.layers.known[MASK].visible


def test_a_drag_moves_the_view_and_a_brush_takes_the_clicks(
    viewer, guide, mouse, settled, objects, qtbot
):
    place = place_in(objects, 1)
    mouse.press(*place)
    for px in (10, 20, 30):
        mouse.move(place[0] + px, place[1] + px)
        qtbot.wait(20)
    mouse.release(place[0] + 30, place[1] + 30)
    assert not guide.state.here.current.clicks.points
    assert camera_of(viewer).mouse_pan
    viewer.add_labels(np.zeros(objects.shape, np.uint8)).mode = "paint"
    mouse.click(*place)
    assert not guide.state.here.current.clicks.points
    guide.clicking.tool.click()
    guide.clicking.tool.click()
    assert viewer.layers.selection.active.mode == "pan_zoom"


def test_beside_the_frame_nothing_is_clicked(guide, mouse, settled, objects):
    mouse.click(-20, 10)
    settled()
    assert not guide.state.here.current.clicks.points
    mouse.click(*place_in(objects, 1), SHIFT)
    settled()
    assert "positive point" in guide.status.text()
    assert not guide.clicking.accept_button.isEnabled()


def test_clicks_beside_vessels_alone_correct_all_vessels(
    viewer, guide, mouse, key, settled, objects
):
    guide.clicking.extent.setCurrentText("all vessels")
    mouse.click(*place_in(objects, 1), SHIFT)
    settled()
    mask = guide.state.mask
    assert mask[place_in(objects, 2)]
    assert not mask[place_in(objects, 1)]
    key(Qt.Key.Key_A)
    np.testing.assert_array_equal(labels_of(viewer).data[FRAME] > 0, mask)


def test_lost_clicks_are_said(guide, objects):
    here = ObjectClicks(Clicks((place_in(objects, 1),)), proposed=True, lost=2)
    question = CarryQuestion(guide.state.loop, FRAME - 1, (here,))
    guide.state.carried(CarryAnswer(question, {FRAME: (here,)}))
    assert "2 of 3 clicks could not be followed" in guide.status.text()


def test_arrows_move_the_frame(viewer, guide, mouse, settled, objects, qtbot):
    mouse.click(*place_in(objects, 1))
    settled()
    assert "Accept the mask" in guide.status.text()
    guide.guiding.tool.click()
    assert not guide.clicking.tool.isChecked()
    assert "Drag an arrow" in guide.status.text()
    start, still = place_in(objects, 1), place_in(objects, 2)
    center = camera_of(viewer).center
    mouse.press(*start)
    for px in (4, 8, 12):
        mouse.move(start[0], start[1] + px)
        qtbot.wait(20)
    qtbot.waitUntil(lambda: guide.state.guided is not None, timeout=LONG)
    settled()
    assert camera_of(viewer).center == center  # the picture stays under the pointer
    mouse.release(start[0], start[1] + 12)
    settled()
    mouse.click(*still)
    settled()
    assert [arrow.length for arrow in guide.state.here.arrows] == [12, 0]
    assert len(guide.layers.known[ARROWS].data) == 1
    assert "Play shows this motion" in guide.status.text()
    flow = guide.state.guided.flow
    assert (flow[0][objects == 1] == 12).all()
    shown = guide.guiding.views.layers.known
    assert set(shown) == {"guided flow", "moved frame"}
    moved = shown["moved frame"].data.copy()
    guide.guiding.play_button.click()
    assert guide.guiding.play_button.text() == "Stop"
    qtbot.waitUntil(lambda: (shown["moved frame"].data != moved).any(), timeout=LONG)
    guide.guiding.play_button.click()
    assert guide.guiding.play_button.text() == "Play"
    settled()
    np.testing.assert_array_equal(shown["moved frame"].data, moved)
    guide.guiding.clear_button.click()
    settled()
    assert not guide.guiding.views.layers.known


def test_guided_flow_is_compared_and_exported(
    guide, mouse, settled, objects, tmp_path, monkeypatch
):
    guide.guiding.tool.click()
    start = place_in(objects, 1)
    mouse.press(*start)
    mouse.move(start[0], start[1] + 9)
    mouse.release(start[0], start[1] + 9)
    settled()
    guide.guiding.views.boxes["measured flow"].click()
    settled()
    assert {"measured flow", "difference"} <= set(guide.guiding.views.layers.known)
    path = tmp_path / "guided.gif"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), "")
    )
    guide.guiding.export_button.click()
    assert "guided.gif is being written" in guide.status.text()
    settled()
    settled()
    assert path.stat().st_size > 1000
    assert "SYNTHETIC" in guide.status.text()


def test_removed_layers_and_loops_leave_nothing_behind(
    viewer, guide, mouse, settled, objects, loop_layer
):
    mouse.click(*place_in(objects, 1))
    settled()
    viewer.layers.remove(guide.layers.known[POINTS])
    assert not guide.state.here.current.clicks.points
    mouse.click(*place_in(objects, 1))
    settled()
    viewer.layers.remove(loop_layer)
    settled()
    assert not len(viewer.layers)
    assert not guide.clicking.tool.isEnabled()
