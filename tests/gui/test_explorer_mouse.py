"""Anchors in the hand of a real mouse: events of the canvas, as Qt sends them."""

import gc
import threading

import numpy as np
import pytest
from helpers.patience import LONG
from qtpy.QtCore import Qt

from napari_motionseg.models import ModelCard, UNet, UNetConfig, save_model
from napari_motionseg.viewmodel.frame_embeddings import frame_embedding
from napari_motionseg.widgets.common.viewers import camera_of, show_frame

SHIFT = Qt.KeyboardModifier.ShiftModifier
MAPS = ("similarity", "flow similarity")
FRAME = 3


@pytest.fixture
def looking(explorer, flow, mouse, viewer, loop_layer, click, settled):
    """The explorer of a loop with its flow; the anchor is in the middle."""
    show_frame(viewer, loop_layer, FRAME)
    click(explorer.controls.on)
    settled()
    assert explorer.anchors.positions == ((48, 48),)
    yield explorer
    assert gc.isenabled()


@pytest.fixture
def followed(qtbot, looking):
    """Wait until what was asked for last is shown."""

    def wait():
        def is_there():
            shown = looking.found.request.anchors.positions
            done = not (looking.pictures.busy or looking.layers.busy)
            return done and shown == looking.anchors.positions

        qtbot.waitUntil(is_there, timeout=LONG)

    return wait


@pytest.fixture
def gate(looking):
    """Keep pictures from being ready before `set`."""
    opened, find = threading.Event(), looking._engine.compute

    def patient(look):
        assert opened.wait(LONG / 1000)
        return find(look)

    looking._engine.compute = patient
    yield opened
    opened.set()


def cosine_map(explorer, row, column):
    look = explorer.found.request
    vectors = frame_embedding(look.session, look.loop, look.models[0].path, look.t)
    vectors = vectors.astype(float)
    dots = np.einsum("dhw,d->hw", vectors, vectors[:, row, column])
    lengths = np.linalg.norm(vectors, axis=0)
    return dots / (lengths * lengths[row, column])


def kernel_map(flow, row, column):
    """Equation 6 of Ma et al. with sigma 0.5, as it is printed."""
    anchor = flow[:, row, column].astype(float)
    squares = sum((part - at) ** 2 for part, at in zip(flow, anchor, strict=True))
    return np.exp(-squares / (anchor @ anchor + 1) / (2 * 0.5**2))


@pytest.fixture
def assert_shown(looking, synthetic):
    """Compare both maps and the plus with what they should be for one anchor."""

    def check(row, column):
        similarity, motion = (looking.layers.layer(name).data for name in MAPS)
        np.testing.assert_allclose(
            similarity, cosine_map(looking, row, column), atol=2e-3
        )
        flow = synthetic.flow(FRAME, FRAME + 1)
        np.testing.assert_allclose(motion, kernel_map(flow, row, column), atol=1e-4)
        assert looking.anchors.positions == ((row, column),)
        plus = looking.anchors._points.data
        np.testing.assert_array_equal(plus, [[row, column]], err_msg="the red plus")

    return check


def test_a_click_sets_the_anchor_for_both_maps(looking, mouse, followed, assert_shown):
    mouse.click(20, 30)
    followed()
    assert_shown(20, 30)


def test_shift_and_a_click_adds_an_anchor(looking, mouse, followed):
    mouse.click(20, 30, SHIFT)
    followed()
    assert looking.found.positions == ((48, 48), (20, 30))
    for name in MAPS:
        both = looking.layers.layer(name).data
        assert both[48, 48] == pytest.approx(1, abs=1e-3)
        assert both[20, 30] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("cell", [0, 2, 3], ids=["loop", "second", "third"])
def test_both_maps_follow_a_drag(looking, mouse, followed, assert_shown, settled, cell):
    down, right = looking.found.grid.corner(cell) if cell else (0, 0)
    origin = mouse.at(0, 0)
    mouse.press(down + 48, right + 48)
    assert looking.anchors.held == 0
    for row, column in ((47, 50), (40, 60), (33, 71)):
        mouse.move(down + row, right + column)
        followed()
        assert_shown(row, column)
        assert not gc.isenabled()
    mouse.release(down + 33, right + 71)
    settled()
    assert_shown(33, 71)
    assert looking.anchors.held is None
    assert gc.isenabled()
    assert mouse.at(0, 0) == origin, "the drag has moved the picture"


def test_of_a_quick_hand_the_last_position_is_shown(
    looking, mouse, followed, assert_shown, gate
):
    mouse.press(48, 48)
    for column in range(49, 80):
        mouse.move(44, column)  # most of them napari never tells
    mouse.release(44, 80)
    assert looking.pictures.busy
    gate.set()
    followed()
    assert_shown(44, 80)


def test_beside_the_pictures_the_anchor_waits(looking, mouse, followed, assert_shown):
    mouse.press(48, 48)
    mouse.move(5, 48)
    followed()
    mouse.move(-8, 48)
    mouse.release(-8, 48)
    followed()
    assert_shown(5, 48)


def test_a_drag_elsewhere_moves_the_picture_and_no_anchor(looking, mouse, followed):
    origin = mouse.at(0, 0)
    mouse.press(10, 10)
    mouse.move(20, 30)
    assert gc.isenabled()
    mouse.release(20, 30)
    followed()
    assert looking.anchors.positions == ((48, 48),)
    assert mouse.at(0, 0) != origin


def other_checkpoint(explorer, folder):
    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    card = ModelCard("embedding", "UNet", vars(config).copy(), {})
    save_model(folder / "other.safetensors", UNet(config), card)
    return folder / "other.safetensors"


WHAT_HAPPENS = {
    "new projection": lambda e, _: e.controls.again.click(),
    "other checkpoint": lambda e, folder: e.controls.model.open_file(
        other_checkpoint(e, folder)
    ),
    "second checkpoint": lambda e, folder: e.controls.other.open_file(
        other_checkpoint(e, folder)
    ),
    "over the loop": lambda e, _: e.controls.over.setChecked(True),
    "other frame": lambda e, _: show_frame(e.viewer, e.chooser.layer, FRAME + 1),
    "colours deleted": lambda e, _: e.viewer.layers.remove(
        e.layers.known["projection"]
    ),
    "anchor deleted": lambda e, _: e.viewer.layers.remove(e.anchors._points),
    "pixels replaced": lambda e, _: setattr(
        e.chooser.layer, "data", np.asarray(e.chooser.layer.data)[:, ::-1].copy()
    ),
    "switched off": lambda e, _: e.controls.on.click(),
    "all removed": lambda e, _: e.clear_button.click(),
}


@pytest.mark.parametrize("what", WHAT_HAPPENS)
def test_whatever_happens_while_an_anchor_is_held(
    looking, viewer, loop_layer, mouse, followed, settled, gate, tmp_path, what
):
    mouse.press(48, 48)
    mouse.move(40, 50)
    assert looking.pictures.busy
    WHAT_HAPPENS[what](looking, tmp_path)
    mouse.move(36, 52)
    gate.set()
    settled()
    mouse.move(34, 54)
    mouse.release(34, 54)
    settled()
    assert looking.anchors.held is None
    assert gc.isenabled()
    assert camera_of(viewer).mouse_pan
    if not looking.controls.on.isChecked():
        assert [layer for layer in viewer.layers if layer.visible] == [loop_layer]
        looking.controls.on.click()
        settled()
    mouse.click(30, 31)
    followed()
    assert looking.found.positions == ((30, 31),)
    shown = looking.layers.layer("similarity").data
    np.testing.assert_allclose(shown[:96, :96], cosine_map(looking, 30, 31), atol=2e-3)


@pytest.mark.parametrize("what", ["the loop", "all layers"])
def test_the_loop_goes_while_an_anchor_is_held(
    looking, viewer, loop_layer, mouse, settled, gate, what
):
    mouse.press(48, 48)
    mouse.move(40, 50)
    if what == "the loop":
        viewer.layers.remove(loop_layer)
    else:
        viewer.layers.clear()
    mouse.move(36, 52)
    gate.set()
    settled()
    mouse.release(34, 54)
    settled()
    assert len(viewer.layers) == 0
    assert looking.found is None
    assert camera_of(viewer).mouse_pan


def test_another_loop_takes_the_place_while_an_anchor_is_held(
    looking, viewer, loop_layer, mouse, settled, followed, gate
):
    pixels = np.random.default_rng(0).integers(0, 255, (4, 40, 44), dtype=np.uint8)
    mouse.press(48, 48)
    mouse.move(40, 50)
    viewer.layers.remove(loop_layer)
    mouse.layer = viewer.add_image(pixels)
    mouse.move(20, 20)
    gate.set()
    settled()
    mouse.release(20, 20)
    settled()
    assert looking.found.request.layer is mouse.layer
    mouse.click(11, 12)
    followed()
    assert looking.found.positions == ((11, 12),)


@pytest.mark.parametrize("what", ["the dock", "the window"])
def test_it_is_closed_while_an_anchor_is_held(
    looking, viewer, mouse, gate, qtbot, what
):
    mouse.press(48, 48)
    mouse.move(40, 50)
    pictures = looking.pictures
    assert not gc.isenabled()
    if what == "the dock":
        dock = looking.parent()
        viewer.window.remove_dock_widget(dock)
        dock.deleteLater()
        qtbot.wait(50)
        mouse.move(36, 52)
        mouse.release(36, 52)
    else:
        viewer.close()
    gate.set()
    qtbot.waitUntil(lambda: not pictures.busy, timeout=LONG)
    qtbot.waitUntil(gc.isenabled)
    if what == "the dock":
        assert camera_of(viewer).mouse_pan
