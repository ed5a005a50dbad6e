"""Views of flow in a real viewer: checked by clicks, over the loop and beside it."""

import numpy as np
import pytest

from napari_motionseg.motion import VIEWS, FlowSequence, flow_to_rgb
from napari_motionseg.widgets.motion import MotionDock
from napari_motionseg.widgets.motion_views import FIRST_SHOWN
from napari_motionseg.widgets.viewers import show_frame

SOON = 20_000  # ms, for a thread that computes a picture on a busy machine
SIZE, GAP, FRAMES = (96, 96), 2, 8


def flow_of(seed):
    """Return flow both ways, of some px, without an estimation."""
    ways = np.random.default_rng(seed).normal(0, 2, (2, FRAMES - GAP, 2, *SIZE))
    forward, backward = ways.astype(np.float32)
    return FlowSequence(forward, backward, GAP, f"seed {seed}")


@pytest.fixture
def known(loop_layer):
    """Put a flow of a method into the session, as if it had been estimated."""

    def put(motion, *methods):
        loop = motion.session.loop(loop_layer)
        for seed, method in enumerate(methods):
            motion.method.setCurrentText(method)
            (wanted,) = motion.controls.wanted(loop.cine)
            loop.flows.put(wanted.settings, flow_of(seed))
        motion.method.setCurrentText(methods[0])
        motion._look()
        return [flow_of(seed) for seed in range(len(methods))]

    return put


@pytest.fixture
def motion(dock, loop_layer):
    return dock(MotionDock)


@pytest.fixture
def settled(motion, qtbot):
    def wait():
        qtbot.waitUntil(lambda: not motion.views.pictures.busy, timeout=SOON)

    return wait


def layer_of(motion, name):
    return motion.views.layers.layer(name)


def test_a_click_shows_each_view_and_it_follows_the_frame(
    motion, known, loop_layer, viewer, click, settled
):
    show_frame(viewer, loop_layer, 1)
    (flow,) = known(motion, "ilk")
    settled()
    for name, box in motion.views.boxes.items():
        assert box.isChecked() == (name in FIRST_SHOWN)
        assert (layer_of(motion, name) is not None) == box.isChecked()
        if not box.isChecked():
            click(box)
        settled()
        layer = layer_of(motion, name)
        assert layer.name == f"{loop_layer.name} {name}"
        shape = (*SIZE, 3) if VIEWS[name].channels == 3 else SIZE
        if VIEWS[name].kind == "vectors":
            assert layer.data.shape[1:] == (2, 2)
            assert len(layer.data) > 0
        else:
            assert layer.data.shape == shape
        np.testing.assert_allclose(layer.scale, loop_layer.scale[1:])
        at_loop = np.allclose(layer.translate, loop_layer.translate[1:])
        assert at_loop == VIEWS[name].over
    before = {name: np.array(layer_of(motion, name).data) for name in VIEWS}
    show_frame(viewer, loop_layer, 4)
    settled()
    for name, data in before.items():
        assert not np.array_equal(layer_of(motion, name).data, data), name
    speed = layer_of(motion, "speed").data
    np.testing.assert_allclose(speed, np.hypot(*flow.forward[4]), rtol=1e-5)
    colours = flow_to_rgb(flow.forward[4], flow.full_color_px)
    np.testing.assert_array_equal(layer_of(motion, "colours").data, colours)


def test_views_beside_the_loop_do_not_overlap(motion, known, viewer, click, settled):
    known(motion, "ilk")
    beside = [name for name, view in VIEWS.items() if not view.over]
    for name in beside:
        click(motion.views.boxes[name])
    settled()
    corners = {tuple(layer_of(motion, name).translate) for name in beside}
    assert len(corners) == len(beside)
    assert (0, 0) not in corners
    captions = layer_of(motion, "captions")
    assert len(captions.data) == len(beside)


def test_no_flow_of_a_frame_is_said_and_shown_as_nothing(
    motion, known, loop_layer, viewer, click, settled
):
    known(motion, "ilk")
    click(motion.views.boxes["arrows"])
    show_frame(viewer, loop_layer, FRAMES - 1)
    settled()
    assert "No flow begins at this frame" in motion.views.hint.text()
    assert len(layer_of(motion, "arrows").data) == 0
    motion.views.way.setCurrentIndex(1)
    settled()
    assert motion.views.hint.text() == ""
    assert len(layer_of(motion, "arrows").data) > 0
    show_frame(viewer, loop_layer, 0)
    settled()
    assert "No flow leads back" in motion.views.hint.text()


def test_two_methods_stand_side_by_side(motion, known, loop_layer, viewer, settled):
    first, second = known(motion, "ilk", "tvl1")
    show_frame(viewer, loop_layer, 3)
    settled()
    assert layer_of(motion, "captions") is None
    motion.controls.other.setCurrentText("tvl1")
    settled()
    colours = layer_of(motion, "colours")
    shift = motion.views._found.look.sheet.shift
    assert colours.data.shape == (SIZE[0], SIZE[1] + shift, 3)
    for flow, columns in (
        (first, slice(0, SIZE[1])),
        (second, slice(shift, shift + SIZE[1])),
    ):
        expected = flow_to_rgb(flow.forward[3], first.full_color_px)
        np.testing.assert_array_equal(colours.data[:, columns], expected)
    again = layer_of(motion, "loop again")
    assert again.data.shape == loop_layer.data.shape
    step = (again.translate - loop_layer.translate) / loop_layer.scale
    np.testing.assert_allclose(step, (0, 0, shift))
    captions = layer_of(motion, "captions")
    assert list(captions.features["caption"]) == ["ilk", "tvl1"]
    assert captions.data.shape == (2, 2)
    assert not motion.run_button.isEnabled()
    motion.controls.other.setCurrentIndex(0)
    settled()
    assert layer_of(motion, "colours").data.shape == (*SIZE, 3)
    assert layer_of(motion, "loop again") is None
    assert layer_of(motion, "captions") is None


def test_a_flow_known_comes_back_with_its_settings(motion, known, viewer, settled):
    known(motion, "ilk", "tvl1")
    settled()
    assert not motion.run_button.isEnabled()
    motion.gap.setValue(1)
    settled()
    assert motion.views.scene is None
    assert motion.run_button.isEnabled()
    assert layer_of(motion, "colours") is None
    motion.gap.setValue(GAP)
    settled()
    assert motion.views.scene is not None
    assert layer_of(motion, "colours") is not None


def test_deleting_a_layer_unticks_its_box(motion, known, viewer, click, settled):
    known(motion, "ilk")
    click(motion.views.boxes["speed"])
    settled()
    viewer.layers.remove(layer_of(motion, "speed"))
    settled()
    assert not motion.views.boxes["speed"].isChecked()
    assert layer_of(motion, "speed") is None
    assert motion.views.boxes["colours"].isChecked()
    click(motion.views.boxes["speed"])
    settled()
    assert layer_of(motion, "speed") in viewer.layers


def test_length_and_density_of_arrows(motion, known, click, settled):
    known(motion, "ilk")
    click(motion.views.boxes["arrows"])
    settled()
    arrows = layer_of(motion, "arrows")
    few = len(arrows.data)
    motion.views.every.setValue(8)
    settled()
    assert len(arrows.data) > 2 * few
    motion.views.length.setValue(7.5)
    settled()
    assert arrows.length == 7.5


def test_full_colour_can_be_set(motion, known, viewer, loop_layer, settled):
    show_frame(viewer, loop_layer, 2)
    (flow,) = known(motion, "ilk")
    settled()
    assert f"{flow.full_color_px:.1f} px" in motion.views.legend.words.text()
    motion.views.legend.full.setValue(20)
    settled()
    assert "20.0 px" in motion.views.legend.words.text()
    colours = flow_to_rgb(flow.forward[2], 20)
    np.testing.assert_array_equal(layer_of(motion, "colours").data, colours)


def test_a_loop_removed_takes_its_views_along(
    motion, known, loop_layer, viewer, settled
):
    known(motion, "ilk")
    settled()
    viewer.layers.remove(loop_layer)
    settled()
    assert len(viewer.layers) == 0
    assert not motion.save_button.isEnabled()


def test_the_speed_curve_has_the_mean_on_a_vessel(
    motion, known, loop_layer, viewer, small_cine, qtbot, settled
):
    (flow,) = known(motion, "ilk")
    masks = np.zeros((FRAMES, *SIZE), np.uint8)
    masks[3, 20:30, 40:44] = 1
    labels = viewer.add_labels(masks, scale=loop_layer.scale, name="vessel")
    motion.speed.where.choose(labels)
    qtbot.waitUntil(lambda: not motion.speed.speeds.busy, timeout=SOON)
    values = np.array(motion.speed.curve.curves["ilk"])
    x, y = flow.forward[3, :, 20:30, 40:44]
    down, across = small_cine.pixel_spacing
    seconds = GAP * small_cine.frame_interval / 1000
    expected = np.full(FRAMES - GAP, np.nan)
    expected[3] = (np.hypot(x * across, y * down) / seconds).mean()
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    settled()
