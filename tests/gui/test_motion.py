"""The Motion dock by clicks: every view of flow, on a synthetic loop."""

import dataclasses

import numpy as np
import pytest
from helpers.patience import LONG
from napari.layers import Points

from napari_motionseg.cine import Cine
from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.contributions import cine_layer
from napari_motionseg.io import read_cine
from napari_motionseg.io.flow_files import read_flo, read_flow_zarr, read_kitti
from napari_motionseg.motion import (
    VIEWS,
    FrameMotion,
    SpeedScale,
    ViewOptions,
    flow_to_rgb,
    mean_speed,
)
from napari_motionseg.motion.flow_views import pictures
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.viewers import show_frame
from napari_motionseg.widgets.embedding.dock import EmbeddingDock
from napari_motionseg.widgets.motion import dock as motion_module
from napari_motionseg.widgets.motion.dock import MotionDock


@pytest.fixture
def motion(viewer, dock, loop_layer):
    widget = dock(MotionDock)
    show_frame(viewer, loop_layer, 0)
    widget.method.setCurrentText("ilk")
    for name in ("arrows", "speed"):  # one view is enough for what is tested here
        widget.views.boxes[name].setChecked(False)
    return widget


@pytest.fixture
def estimate(motion, qtbot, click):
    """Press the button and wait until everything is shown."""

    def press():
        assert motion.run_button.isEnabled()
        with qtbot.waitSignal(motion.panel.finished, timeout=LONG):
            click(motion.run_button)
        settle()
        return motion.views.scene

    def settle():
        qtbot.waitUntil(
            lambda: (
                not (
                    motion.views.pictures.busy
                    or motion.views.layers.busy
                    or motion.speed.speeds.busy
                )
            ),
            timeout=LONG,
        )

    press.settle = settle
    yield press
    settle()


@pytest.fixture
def move(motion, viewer, loop_layer):
    """Move the cursor over a point of the loop's data; return what is said."""

    def to(t, row, column):
        class Move:
            position = loop_layer.data_to_world((t, row, column))

        motion.views._moved(viewer, Move)
        return motion.views.cursor.text()

    return to


def tick(motion, click, *names):
    for name, box in motion.views.boxes.items():
        if box.isChecked() != (name in names):
            click(box)


def seen(viewer):
    return [layer for layer in viewer.layers if layer.visible]


def captions(motion):
    return [text for _, text in motion.views.layers.marks.marks.captions]


def shown(motion):
    return [name for name in VIEWS if motion.views.layers.layer(name) is not None]


def expected(scene, t, names, way="forward"):
    """Views as their functions say, of all flows of a scene."""
    from napari_motionseg.viewmodel.cells import FlowCells

    motions = [FrameMotion.at(scene.loop.cine, flow, t, way) for flow in scene.flows]
    options = ViewOptions(scene.flows[0].full_color_px, scale=scene.scale)
    shift = FlowCells(scene.size, len(motions)).column_step
    return pictures(names, motions, scene.size, options, shift)


# estimating


def test_flow_comes_as_colours_over_the_loop(viewer, motion, loop_layer, estimate):
    assert motion.gap.specialValueText() == "auto: 2 (133 ms)"
    assert not motion.save_button.isEnabled()
    assert not any(box.isEnabled() for box in motion.views.boxes.values())
    scene = estimate()
    (layer,) = [x for x in viewer.layers if x is not loop_layer]
    assert layer.name == f"{loop_layer.name} Flow colours"
    assert layer.blending == "multiplicative"
    flow = motion.session.loop(loop_layer).flow
    assert flow is scene.flows[0]
    assert (flow.gap, len(flow)) == (2, 6)
    np.testing.assert_array_equal(
        layer.data, flow_to_rgb(flow.forward[0], flow.full_color_px)
    )
    np.testing.assert_allclose(layer.scale, loop_layer.scale[1:])
    assert motion.run_button.text() == "Flow is estimated"
    assert not motion.run_button.isEnabled()


def test_the_legend_says_what_full_colour_is(motion, estimate, qtbot):
    scene = estimate()
    legend, full = motion.views.legend, scene.flows[0].full_color_px
    assert legend.isVisibleTo(motion)
    assert not legend.wheel.pixmap().isNull()
    assert f"{full:.1f} px in 133 ms" in legend.words.text()
    assert "mm/s" in legend.words.text()
    legend.full.setValue(20)
    estimate.settle()
    layer = motion.views.layers.layer("colours")
    by_twenty = flow_to_rgb(scene.flows[0].forward[0], 20)
    np.testing.assert_array_equal(layer.data, by_twenty)
    assert "20.0 px in 133 ms" in legend.words.text()
    wheel = legend.wheel.pixmap().height()
    assert legend.minimumSizeHint().height() >= wheel  # not squeezed in a low dock


def test_a_loop_too_short_is_refused_at_once(viewer, dock, click, notified):
    viewer.add_image(np.zeros((1, 32, 32), np.uint8), name="still")
    widget = dock(MotionDock)
    click(widget.run_button)
    assert "two" in notified[0]
    assert not widget.panel.running


def test_a_refusal_in_the_child_is_told(viewer, dock, qtbot, click, notified):
    viewer.add_image(np.zeros((4, 8, 8), np.uint8), name="tiny")
    widget = dock(MotionDock)
    widget.method.setCurrentText("ilk")
    with qtbot.waitSignal(widget.panel.ended, timeout=LONG):
        click(widget.run_button)
    assert "too small" in notified[0]
    assert "failed" in widget.panel.status.text()
    assert widget.run_button.isEnabled()


def test_a_layer_that_is_no_loop_is_refused_once_not_at_every_move(
    viewer, dock, notified, click
):
    layer = viewer.add_image(np.full((3, 16, 16), np.nan), contrast_limits=(0, 1))
    widget = dock(MotionDock)

    class Move:
        position = layer.data_to_world((0, 4, 4))

    for _ in range(3):
        widget.views._moved(viewer, Move)
        widget.views.refresh()
    assert notified == []
    click(widget.run_button)
    assert len(notified) == 1
    assert "finite" in notified[0]


def test_only_what_is_missing_is_estimated(motion, estimate, click, monkeypatch):
    asked = []
    start = motion.panel.start

    def remembered(title, job, cine, requests, *rest, **kwargs):
        asked.append([(r.settings.method, r.settings.gap, r.known) for r in requests])
        start(title, job, cine, requests, *rest, **kwargs)

    monkeypatch.setattr(motion.panel, "start", remembered)
    click(motion.backward)
    first = estimate().flows[0]
    assert first.backward is None
    click(motion.backward)
    both = estimate().flows[0]
    np.testing.assert_array_equal(both.forward, first.forward)
    whole = motion.session.loop(motion.chooser.layer)
    motion.gap.setValue(1)
    assert motion.views.scene is None
    assert shown(motion) == []
    other = estimate().flows[0]
    assert other.gap == 1
    motion.gap.setValue(0)
    estimate.settle()
    assert motion.views.scene.flows == (both,)
    assert shown(motion) == ["colours"]
    assert whole.flow is both
    assert asked == [[("ilk", 2, False)], [("ilk", 2, True)], [("ilk", 1, False)]]


def test_the_way_back_alone_is_that_of_both(motion, estimate, click):
    click(motion.backward)
    estimate()
    click(motion.backward)
    found = estimate().flows[0].backward
    from napari_motionseg.motion import estimate_flow

    cine = motion.views.scene.loop.cine
    truth = estimate_flow(cine, gap=2, method="ilk", backward=True).backward
    np.testing.assert_allclose(found, truth, atol=1e-5)


# views


@pytest.mark.parametrize("name", VIEWS)
def test_each_view_follows_the_frame(viewer, motion, loop_layer, estimate, click, name):
    scene = estimate()
    tick(motion, click, name)
    for t in (3, 5):
        show_frame(viewer, loop_layer, t)
        estimate.settle()
        assert shown(motion) == [name]
        data = motion.views.layers.layer(name).data
        np.testing.assert_array_equal(data, expected(scene, t, [name])[name])
    show_frame(viewer, loop_layer, 6)
    estimate.settle()
    assert "the last is at frame 5" in motion.views.hint.text()
    blank = VIEWS[name].blank(scene.size)
    np.testing.assert_array_equal(motion.views.layers.layer(name).data, blank)
    tick(motion, click)
    estimate.settle()
    assert seen(viewer) == [loop_layer]


def test_docks_take_the_places_beside_the_loop_from_each_other_at_one_click(
    viewer, motion, dock, embedding_file, loop_layer, estimate, click
):
    controls = dock(EmbeddingDock).explorer.controls
    controls.model.open_file(embedding_file)
    estimate()
    beside = [n for n, view in VIEWS.items() if not view.over]
    tick(motion, click, *beside)
    estimate.settle()
    click(controls.on)
    assert controls.on.isChecked()
    assert not [n for n in beside if motion.views.boxes[n].isChecked()]
    click(motion.views.boxes[beside[0]])
    assert motion.views.boxes[beside[0]].isChecked()
    assert not controls.on.isChecked()
    estimate.settle()
    assert beside[0] in shown(motion)


def test_all_views_at_once_stand_apart(viewer, motion, loop_layer, estimate, click):
    scene = estimate()
    tick(motion, click, *VIEWS)
    show_frame(viewer, loop_layer, 2)
    estimate.settle()
    assert shown(motion) == list(VIEWS)
    names = [x.metadata.get("motionseg") for x in viewer.layers]
    assert names == [None, *VIEWS]
    made = expected(scene, 2, list(VIEWS))
    beside = [n for n, view in VIEWS.items() if not view.over]
    for name, picture in made.items():
        layer = motion.views.layers.layer(name)
        np.testing.assert_array_equal(layer.data, picture)
        at = (0, 0)
        if name in beside:
            at = motion.views._found.look.sheet.corner(1 + beside.index(name))
        place = loop_layer.data_to_world((0, *at))[1:]
        np.testing.assert_allclose(layer.translate, place)
    words = captions(motion)
    assert [w.split(",")[0] for w in words] == [VIEWS[n].title for n in beside]
    full = scene.scale.speed_of(scene.flows[0].full_color_px)
    assert words[0] == f"Speed, 0 to {full:.3g} mm/s"
    for name in VIEWS:
        layer = motion.views.layers.layer(name)
        assert layer.name == f"{loop_layer.name} {VIEWS[name].title}"
    assert not [layer for layer in viewer.layers if isinstance(layer, Points)]


def test_a_speed_without_spacing_is_in_pixels_a_frame(
    viewer, dock, small_cine, qtbot, click
):
    cine = dataclasses.replace(small_cine, pixel_spacing=None, name="bare")
    data, attributes, _ = cine_layer(cine)
    show_frame(viewer, viewer.add_image(data, **attributes), 0)
    widget = dock(MotionDock)
    widget.method.setCurrentText("ilk")
    with qtbot.waitSignal(widget.panel.finished, timeout=LONG):
        click(widget.run_button)
    qtbot.waitUntil(
        lambda: not widget.views.pictures.busy and not widget.views.layers.busy,
        timeout=LONG,
    )
    flow = widget.views.scene.flows[0]
    speed = widget.views.layers.layer("speed").data
    expected = np.hypot(*flow.forward[0]) / flow.gap
    np.testing.assert_allclose(speed, expected, rtol=1e-5)
    assert captions(widget) == [f"Speed, 0 to {flow.full_color_px / 2:.3g} px/frame"]
    qtbot.waitUntil(lambda: not widget.speed.speeds.busy, timeout=LONG)


def test_three_views_come_first_and_the_others_are_folded(
    viewer, dock, loop_layer, qtbot, click
):
    widget = dock(MotionDock)
    checked = [n for n, box in widget.views.boxes.items() if box.isChecked()]
    assert checked == ["colours", "arrows", "speed"]
    unfolded = [n for n, b in widget.views.boxes.items() if b.isVisibleTo(widget)]
    assert unfolded == checked
    for fold in widget.folds:
        click(fold.heading)
    assert all(box.isVisibleTo(widget) for box in widget.views.boxes.values())


def test_unknown_pixels_are_hatched_and_a_bar_shows_the_colours(
    viewer, motion, loop_layer, estimate, click
):
    scene = estimate()
    tick(motion, click, "speed", "warped frame", "occlusion")
    estimate.settle()
    layers, sheet = motion.views.layers, motion.views._found.look.sheet
    hidden = FrameMotion.at(scene.loop.cine, scene.flows[0], 0).hidden
    assert hidden.any()
    marks = layers.marks.marks
    (hatch,) = marks.hatches
    assert hatch.corner == sheet.corner(2)
    np.testing.assert_array_equal(hatch.unknown, hidden)
    assert np.isnan(layers.layer("warped frame").data[hidden]).all()
    np.testing.assert_array_equal(layers.layer("occlusion").data > 0, hidden)
    (bar,) = marks.bars  # of the speed; gray values need none
    assert bar.corner[1] == sheet.corner(1)[1]
    assert bar.corner[0] < sheet.corner(1)[0]
    layers.layer("speed").colormap = "turbo"
    (other,) = layers.marks.marks.bars
    assert (other.colors != bar.colors).any()
    layers.layer("speed").contrast_limits = (0, 7)
    assert captions(motion)[0] == "Speed, 0 to 7 mm/s"
    layers.layer("warped frame").visible = False
    assert layers.marks.marks.hatches == ()


def test_backward_flow_begins_at_the_later_frame(
    viewer, motion, loop_layer, estimate, click
):
    scene = estimate()
    tick(motion, click, "speed", "warped frame")
    motion.views.way.setCurrentIndex(1)
    show_frame(viewer, loop_layer, 7)
    estimate.settle()
    made = expected(scene, 7, ["speed", "warped frame"], "backward")
    for name, picture in made.items():
        np.testing.assert_array_equal(motion.views.layers.layer(name).data, picture)
    np.testing.assert_allclose(
        made["speed"], scene.scale.speed(*scene.flows[0].backward[5]), rtol=1e-5
    )
    show_frame(viewer, loop_layer, 1)
    assert "the first is at frame 2" in motion.views.hint.text()


def test_one_way_alone_offers_no_view_that_needs_both(motion, estimate, click):
    click(motion.backward)
    estimate()
    boxes = motion.views.boxes
    assert {n for n, box in boxes.items() if not box.isEnabled()} == {
        "occlusion", "forward-backward error",
    }  # fmt: skip
    assert not motion.views.way.isEnabled()


def test_arrows_have_a_density_and_a_length(motion, estimate, click):
    estimate()
    tick(motion, click, "arrows")
    estimate.settle()
    layer = motion.views.layers.layer("arrows")
    few, true = len(layer.data), layer.data[:, 1].copy()
    motion.views.length.setValue(5)
    estimate.settle()
    assert layer.length == 5
    np.testing.assert_array_equal(layer.data[:, 1], true)  # px, whatever is drawn
    motion.views.every.setValue(8)
    estimate.settle()
    assert len(layer.data) > 2 * few


def test_a_view_comes_back_as_it_was_left(viewer, motion, estimate, click):
    estimate()
    tick(motion, click, "speed")
    estimate.settle()
    motion.views.layers.layer("speed").colormap = "turbo"
    tick(motion, click)
    estimate.settle()
    tick(motion, click, "speed")
    estimate.settle()
    assert motion.views.layers.layer("speed").colormap.name == "turbo"


def test_the_brush_stays_a_brush(viewer, motion, loop_layer, estimate, click):
    painting = viewer.add_labels(np.zeros(loop_layer.data.shape, np.uint8))
    estimate()
    tick(motion, click, *VIEWS)
    estimate.settle()
    assert viewer.layers.selection.active is painting


# two methods


def test_two_methods_stand_side_by_side_in_one_scale(
    viewer, motion, loop_layer, estimate, click, move
):
    estimate()
    motion.controls.other.setCurrentText("tvl1")
    assert motion.run_button.text() == "Estimate flow"
    scene = estimate()
    assert scene.titles == ("ilk", "tvl1")
    tick(motion, click, "colours", "arrows", "speed")
    show_frame(viewer, loop_layer, 4)
    estimate.settle()
    made = expected(scene, 4, ["colours", "arrows", "speed"])
    for name, picture in made.items():
        np.testing.assert_array_equal(motion.views.layers.layer(name).data, picture)
    again = motion.views.layers.layer("loop again")
    assert again.data is loop_layer.data
    sheet = motion.views._found.look.sheet
    np.testing.assert_allclose(
        again.translate, loop_layer.data_to_world((0, 0, sheet.column_step))
    )
    loop_layer.contrast_limits = (10, 90)
    assert again.contrast_limits == [10, 90]
    words = captions(motion)
    assert words[:2] == ["ilk", "tvl1"]
    assert words[2].startswith("Speed, 0 to ")  # of both, which is said once
    assert words[2].endswith("mm/s\nilk")
    assert words[3] == "tvl1"
    here = move(4, 30, 40)
    assert here == move(4, 30, 40 + sheet.column_step)
    for title, flow in zip(scene.titles, scene.flows, strict=True):
        assert f"{title}: {np.hypot(*flow.forward[4, :, 30, 40]):.1f} px" in here
    assert list(motion.speed.curve.curves) == ["ilk", "tvl1"]
    motion.controls.other.setCurrentIndex(0)
    tick(motion, click, "colours")
    estimate.settle()
    assert motion.views.layers.layer("loop again") is None
    assert len(seen(viewer)) == 2


def test_the_same_method_twice_is_one(motion, estimate):
    motion.controls.other.setCurrentText("ilk")
    assert estimate().titles == ("ilk",)


def test_networks_of_the_session_can_be_chosen(motion, tmp_path):
    motion.session.add_model(Model(tmp_path / "e.safetensors", "embedding", "e"))
    motion.session.add_model(Model(tmp_path / "f.safetensors", "flow", "adapted"))
    for chooser in (motion.method, motion.controls.other):
        chooser.setCurrentText("adapted")
        assert chooser.method == ("pwcnet", str(tmp_path / "f.safetensors"))
        assert chooser.findText("e") == -1


# numbers


def test_the_cursor_says_px_and_mm(viewer, motion, loop_layer, estimate, move):
    scene = estimate()
    show_frame(viewer, loop_layer, 5)
    estimate.settle()
    x, y = scene.flows[0].forward[5, :, 30, 40]
    words = move(5, 30, 40)
    assert words.startswith(f"{np.hypot(x, y):.1f} px ({x:+.1f} across, {y:+.1f} down)")
    speed = SpeedScale.of(scene.loop.cine, 2).speed(x, y)
    assert f", {float(speed):.0f} mm/s" in words
    assert move(5, -4, 40) == ""
    motion.views.way.setCurrentIndex(1)
    estimate.settle()
    x, y = scene.flows[0].backward[3, :, 30, 40]
    assert f"({x:+.1f} across, {y:+.1f} down)" in move(5, 30, 40)


def test_without_magnification_pixels_are_said_to_be_pixels(
    viewer, dock, small_cine, qtbot, click
):
    cine = dataclasses.replace(small_cine, pixel_spacing=None, name="bare")
    data, attributes, _ = cine_layer(cine)
    viewer.add_image(data, **attributes)
    widget = dock(MotionDock)
    widget.method.setCurrentText("ilk")
    with qtbot.waitSignal(widget.panel.finished, timeout=LONG):
        click(widget.run_button)
    qtbot.waitUntil(lambda: not widget.views.pictures.busy, timeout=LONG)
    qtbot.waitUntil(lambda: not widget.speed.speeds.busy, timeout=LONG)
    assert "mm" not in widget.views.legend.words.text()
    assert "magnification unknown" in widget.views.legend.remark.text()

    class Move:
        position = (0, 30, 40)

    widget.views._moved(viewer, Move)
    first, second = widget.views.cursor.text().splitlines()
    assert " px " in first
    assert second == "mm/s: magnification unknown"


def test_the_curve_is_of_the_vessel_and_follows_the_playhead(
    viewer, motion, loop_layer, estimate, qtbot, synthetic
):
    scene = estimate()
    flow, scale = scene.flows[0], scene.scale
    curve = motion.speed.curve
    field = find_cine_field_of_view(synthetic.cine).mask
    inside = np.broadcast_to(field, synthetic.cine.shape)
    everywhere = mean_speed(flow, inside, scale)
    assert motion.speed.where.currentText() == "field of view"
    np.testing.assert_allclose(curve.curves["ilk"], everywhere)
    labels = viewer.add_labels(synthetic.masks.astype(np.uint8), name="vessels")
    estimate.settle()
    assert motion.speed.where.currentText() == "vessels"
    vessel = mean_speed(flow, synthetic.masks, scale)
    np.testing.assert_allclose(curve.curves["ilk"], vessel)
    show_frame(viewer, loop_layer, 5)
    assert curve.playhead.value() == 5
    curve.clicked.emit(3)
    assert viewer.dims.point[0] == 3
    labels.data = np.zeros_like(labels.data)
    estimate.settle()
    np.testing.assert_allclose(curve.curves["ilk"], everywhere)
    assert "No pixel is labelled" in motion.speed.hint.text()
    motion.speed.where.setCurrentText("field of view")
    estimate.settle()
    assert len(curve.curves["ilk"]) == 6
    viewer.add_labels(synthetic.masks.astype(np.uint8), name="more")
    assert motion.speed.where.currentText() == "field of view"


# saving


@pytest.mark.parametrize("suffix", ["zarr", "flo", "png", "mp4", "gif"])
def test_flow_is_saved(
    viewer, motion, loop_layer, estimate, qtbot, click, monkeypatch, tmp_path, suffix
):
    flow = estimate().flows[0]
    target = tmp_path / f"f.{suffix}"
    monkeypatch.setattr(motion_module, "ask_target", lambda *a: target)
    show_frame(viewer, loop_layer, 2)
    click(motion.save_button)
    qtbot.waitUntil(lambda: "Wrote" in motion.panel.status.text(), timeout=LONG)
    if suffix == "zarr":
        forward, backward, _ = read_flow_zarr(target)
        np.testing.assert_allclose(forward, flow.forward, atol=0.01)
        assert backward is not None
    elif suffix == "flo":
        np.testing.assert_array_equal(read_flo(target), flow.forward[2])
    elif suffix == "png":
        np.testing.assert_allclose(read_kitti(target)[0], flow.forward[2], atol=0.01)
    else:
        assert read_cine(target).shape == (6, 96, 96)
    qtbot.waitUntil(lambda: not motion.saved.busy, timeout=LONG)


def test_a_frame_without_flow_is_not_saved(
    viewer, motion, loop_layer, estimate, qtbot, click, monkeypatch, tmp_path, notified
):
    estimate()
    monkeypatch.setattr(motion_module, "ask_target", lambda *a: tmp_path / "f.flo")
    show_frame(viewer, loop_layer, 7)
    click(motion.save_button)
    qtbot.waitUntil(lambda: bool(notified), timeout=LONG)
    assert "frame must be from 0 to 5" in notified[0]
    assert not list(tmp_path.iterdir())


# what happens meanwhile


def test_a_deleted_loop_takes_its_views_along(
    viewer, motion, loop_layer, estimate, click
):
    estimate()
    motion.controls.other.setCurrentText("tvl1")
    estimate()
    tick(motion, click, *VIEWS)
    viewer.layers.remove(loop_layer)  # while views are computed
    estimate.settle()
    assert len(viewer.layers) == 0
    assert motion.views.scene is None


def test_a_deleted_view_is_switched_off(viewer, motion, estimate, click):
    estimate()
    tick(motion, click, "speed", "arrows")
    estimate.settle()
    viewer.layers.remove(motion.views.layers.layer("arrows"))
    assert not motion.views.boxes["arrows"].isChecked()
    estimate.settle()
    assert shown(motion) == ["speed"]


def test_a_renamed_loop_keeps_its_views_and_nobody_elses(
    viewer, motion, loop_layer, estimate, click
):
    own = viewer.add_image(np.ones((4, 4)), name=f"{loop_layer.name} Speed")
    estimate()
    tick(motion, click, "speed")
    estimate.settle()
    layer = motion.views.layers.layer("speed")
    assert own.data.shape == (4, 4)
    loop_layer.name = "other"
    assert layer.name == "other Speed"
    show_frame(viewer, loop_layer, 3)
    estimate.settle()
    assert motion.views.layers.layer("speed") is layer
    assert len(viewer.layers) == 3


def test_replaced_pixels_have_no_flow_until_it_is_estimated(
    viewer, motion, loop_layer, estimate
):
    estimate()
    loop_layer.data = np.asarray(loop_layer.data)[:, :80].copy()
    assert motion.views.scene is None
    assert shown(motion) == []
    scene = estimate()
    assert scene.size == (80, 96)
    assert shown(motion) == ["colours"]


def test_pixels_replaced_while_flow_is_estimated(
    viewer, motion, loop_layer, qtbot, click
):
    with qtbot.waitSignal(motion.panel.ended, timeout=LONG) as ended:
        click(motion.run_button)
        loop_layer.data = np.asarray(loop_layer.data)[:, :80].copy()
    assert ended.args == ["cancelled"]
    said = motion.panel.status.text()
    assert "because layer 'synthetic-7' got other pixels" in said
    assert list(viewer.layers) == [loop_layer]


def test_a_loop_deleted_while_flow_is_estimated(
    viewer, motion, loop_layer, qtbot, click
):
    with qtbot.waitSignal(motion.panel.ended, timeout=LONG) as ended:
        click(motion.run_button)
        viewer.layers.remove(loop_layer)
    assert ended.args == ["cancelled"]
    said = motion.panel.status.text()
    assert "because layer 'synthetic-7' was removed" in said
    assert len(viewer.layers) == 0


def test_what_was_done_is_kept_and_the_rest_is_asked_for_again(
    viewer, motion, loop_layer, qtbot, click, estimate
):
    motion.method.setCurrentText("tvl1")
    with qtbot.waitSignal(motion.panel.finished, timeout=LONG):
        with qtbot.waitSignal(motion.panel.progressed, timeout=LONG):
            click(motion.run_button)
        click(motion.panel.stop_button)
    estimate.settle()
    kept = len(motion.views.scene.flows[0])
    assert 0 < kept < 6
    assert motion.run_button.isEnabled()
    assert len(estimate().flows[0]) == 6


def choose_by_hand(chooser, layer):
    """Choose a loop as a user does, which also shows it."""
    index = chooser.layers.index(layer)
    chooser.setCurrentIndex(index)
    chooser.activated.emit(index)


def test_another_loop_shows_its_own_flow(viewer, motion, loop_layer, estimate, click):
    estimate()
    other = viewer.add_image(np.asarray(loop_layer.data)[:6].copy(), name="other")
    assert motion.chooser.layer is loop_layer
    choose_by_hand(motion.chooser, other)
    assert motion.views.scene is None
    estimate.settle()
    assert list(viewer.layers) == [loop_layer, other]
    estimate()
    colours = motion.views.layers.layer("colours")
    assert colours.name == "other Flow colours"
    assert list(viewer.layers) == [loop_layer, other, colours]  # above its loop
    choose_by_hand(motion.chooser, loop_layer)
    estimate.settle()
    assert shown(motion) == ["colours"]
    colours = motion.views.layers.layer("colours")
    assert colours.name == f"{loop_layer.name} Flow colours"
    assert list(viewer.layers) == [loop_layer, colours, other]  # beside its own loop


def test_what_the_user_hides_stays_hidden(viewer, motion, loop_layer, estimate):
    estimate()
    layer = motion.views.layers.layer("colours")
    layer.visible = False
    show_frame(viewer, loop_layer, 3)
    estimate.settle()
    assert not layer.visible


def test_all_layers_removed_at_once(viewer, motion, loop_layer, estimate, click):
    estimate()
    motion.controls.other.setCurrentText("tvl1")
    estimate()
    tick(motion, click, *VIEWS)
    estimate.settle()
    viewer.layers.clear()
    estimate.settle()
    assert len(viewer.layers) == 0
    assert motion.views.scene is None


def test_a_loop_that_stands_still_shows_no_motion(viewer, dock, qtbot, click):
    pixels = np.repeat(np.arange(64, dtype=np.uint8)[None, None], 32, 1)
    data, attributes, _ = cine_layer(Cine.from_array(np.repeat(pixels, 4, 0)))
    viewer.add_image(data, **attributes)
    widget = dock(MotionDock)
    widget.method.setCurrentText("ilk")
    with qtbot.waitSignal(widget.panel.finished, timeout=LONG):
        click(widget.run_button)
    tick(widget, click, *VIEWS)
    qtbot.waitUntil(lambda: shown(widget) == list(VIEWS), timeout=LONG)
    qtbot.waitUntil(lambda: not widget.views.pictures.busy, timeout=LONG)
    qtbot.waitUntil(lambda: not widget.views.layers.busy, timeout=LONG)
    qtbot.waitUntil(lambda: not widget.speed.speeds.busy, timeout=LONG)
    assert not widget.views.layers.layer("speed").data.any()
    assert not widget.speed.curve.curves["ilk"].any()


def test_a_dock_closed_while_it_computes(viewer, motion, loop_layer, qtbot, click):
    gone = []
    motion.destroyed.connect(lambda: gone.append(1))
    click(motion.run_button)
    assert motion.session.job_title == "Flow"
    session = motion.session
    viewer.window.remove_dock_widget(motion)
    motion.deleteLater()
    qtbot.waitUntil(lambda: bool(gone), timeout=LONG)
    assert session.job_title is None
    assert list(viewer.layers) == [loop_layer]


def test_a_dock_closed_while_views_are_made(
    viewer, motion, loop_layer, estimate, qtbot, click
):
    estimate()
    gone = []
    motion.destroyed.connect(lambda: gone.append(1))
    pictures = motion.views.pictures
    tick(motion, click, *VIEWS)
    viewer.window.remove_dock_widget(motion)
    motion.deleteLater()
    qtbot.waitUntil(lambda: bool(gone), timeout=LONG)
    qtbot.waitUntil(lambda: not pictures.busy, timeout=LONG)
    show_frame(viewer, loop_layer, 3)
    viewer.layers.remove(loop_layer)


def test_views_of_two_docks_do_not_take_the_same_places(motion, dock, estimate):
    estimate()
    boxes, on = motion.views.boxes, dock(EmbeddingDock).explorer.controls.on
    boxes["speed"].setChecked(True)
    estimate.settle()
    on.setChecked(True)
    assert boxes["colours"].isChecked()  # it lies over the loop
    assert not boxes["speed"].isChecked()
    boxes["colours"].setChecked(False)
    assert on.isChecked()
    boxes["speed"].setChecked(True)
    assert not on.isChecked()
    assert boxes["speed"].isChecked()
    estimate.settle()
