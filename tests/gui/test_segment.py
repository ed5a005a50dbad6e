"""The Segment dock, from an opened loop to corrected masks, by clicks."""

import numpy as np
import pytest
from helpers.patience import LONG
from napari.utils.shortcuts import default_shortcuts

from napari_motionseg.contributions import cine_layer
from napari_motionseg.evaluation.simulated_strokes import (
    StrokeSettings,
    simulated_strokes,
)
from napari_motionseg.io import read_labels
from napari_motionseg.jobs import Progress
from napari_motionseg.models import read_card
from napari_motionseg.viewmodel.session import Model
from napari_motionseg.widgets.common.viewers import show_frame
from napari_motionseg.widgets.segment import correct_section as segment_correct
from napari_motionseg.widgets.segment import shortcuts

FRAME = 6


@pytest.fixture
def ready(viewer, loop_layer, segment, qtbot):
    """The dock with the loop's labels, on the frame to paint."""
    qtbot.waitUntil(lambda: segment.state.loop is loop_layer, timeout=LONG)
    show_frame(viewer, loop_layer, FRAME)
    return segment


def draw(widget, synthetic, number):
    """Paint a stroke of a class, as the brush does."""
    settings = StrokeSettings(vessel=1, background=1, length=30, margin=2)
    stroke = simulated_strokes(np.asarray(synthetic.masks[FRAME]), settings, 1)[
        0 if number == 1 else 1
    ]
    rows, columns = np.nonzero(stroke)
    widget.paint.take_brush(number)
    layer = widget.viewer.layers.selection.active
    assert layer is widget.state.canvas
    where = (np.full(len(rows), FRAME), rows, columns)
    layer.data_setitem(where, layer.selected_label)
    return rows, columns


def guess(ready, qtbot, click):
    """Press First guess, and wait for the masks."""
    with qtbot.waitSignal(ready.panel.finished, timeout=LONG):
        click(ready.apply.guess_button)
    return ready.state.masks


def shown(widget, loop_layer):
    return np.asarray(widget.live.overlay(loop_layer).data)


def test_the_first_brush_brings_labels_with_named_classes(
    viewer, loop_layer, ready, click
):
    assert ready.state.painting is None  # nobody has painted yet
    assert list(viewer.layers) == [loop_layer]
    click(ready.paint.brushes[1])
    painting = ready.state.painting
    assert painting.data.shape == loop_layer.data.shape
    np.testing.assert_allclose(painting.scale, loop_layer.scale)
    names = ["Background", "Vessel", "Catheter"]
    assert [b.text() for b in ready.paint.brushes] == names
    assert painting.selected_label == 1
    ready.paint.add_class("stent")
    assert [b.text() for b in ready.paint.brushes] == [*names, "Stent"]
    assert painting.selected_label == 3
    assert painting.mode == "paint"
    colours = painting.colormap.color_dict
    assert len({tuple(colours[n]) for n in (255, 1, 2, 3)}) == 4
    assert ready.paint.match() is painting  # not another one


def test_each_stroke_repaints_the_preview(viewer, loop_layer, ready, synthetic, qtbot):
    assert "draw a few strokes" in ready.status.text()
    draw(ready, synthetic, 1)
    qtbot.waitUntil(lambda: ready.state.preview_classes == (1,), timeout=LONG)
    assert "Only vessel is painted" in ready.status.text()
    rows, columns = draw(ready, synthetic, 0)
    qtbot.waitUntil(lambda: ready.state.preview_classes == (0, 1), timeout=LONG)
    qtbot.waitUntil(lambda: not ready.live.latest.busy, timeout=LONG)
    assert "Each stroke" in ready.status.text()
    before = shown(ready, loop_layer).copy()
    assert before[..., 3].max() > 0

    show_frame(viewer, loop_layer, 2)
    qtbot.waitUntil(lambda: not ready.live.latest.busy, timeout=LONG)
    assert (shown(ready, loop_layer) != before).any()

    show_frame(viewer, loop_layer, FRAME)
    ready.state.painting.undo()
    qtbot.waitUntil(lambda: ready.state.preview_classes == (1,), timeout=LONG)
    ready.live.switch.click()
    assert set(np.unique(shown(ready, loop_layer))) == {0, 255}  # the rims alone


def test_the_preview_goes_with_its_loop(viewer, loop_layer, ready, synthetic, qtbot):
    draw(ready, synthetic, 1)
    viewer.layers.remove(loop_layer)
    qtbot.waitUntil(lambda: not ready.live.latest.busy, timeout=LONG)
    assert not any("preview" in layer.name for layer in viewer.layers)
    assert not ready.train.train_button.isEnabled()


def test_train_apply_correct_save(
    viewer, loop_layer, ready, synthetic, qtbot, click, monkeypatch, tmp_path
):
    assert ready.train.start.chosen.title == "vessels-xa (shipped)"
    strokes = {number: draw(ready, synthetic, number) for number in (1, 0)}
    ready.train.steps.setValue(3)
    learning = []

    def look(_):
        names = [layer.name for layer in viewer.layers]
        below = names.index(ready.state.painting.name)  # strokes are not covered
        shown = f"{loop_layer.name} training" in names[:below]
        learning.append((shown, ready.live.switch.isChecked()))

    ready.panel.progressed.connect(look)
    click(ready.train.train_button)
    assert "on the processor" in ready.status.text()
    with qtbot.waitSignal(ready.panel.finished, timeout=LONG):
        pass
    assert learning
    assert learning[0] == (True, False)  # in place of the preview
    assert ready.live.switch.isChecked()
    qtbot.waitUntil(
        lambda: f"{loop_layer.name} training" not in viewer.layers, timeout=LONG
    )
    assert ready.state.model.kind == "segmentation"
    assert "vessel" in ready.state.model.title
    assert ready.train.train_button.text() == "Train on"
    start = read_card(ready.state.model.path).provenance["start"]
    assert start["kind"] == "segmentation"

    click(ready.apply.apply_button)
    with qtbot.waitSignal(ready.panel.finished, timeout=LONG):
        pass
    assert len(ready.panel.curve.loss.losses) == 3  # the training's curve stays in view
    masks = viewer.layers[f"{loop_layer.name} masks"]
    assert masks.data.shape == loop_layer.data.shape
    assert masks.metadata["done"].all()

    def obeyed():
        frame = np.asarray(masks.data)[FRAME]
        return all((frame[pixels] == n).all() for n, pixels in strokes.items())

    assert obeyed()
    ready.apply.smallest.setValue(100_000)
    qtbot.waitUntil(lambda: not ready.apply.layers.busy, timeout=LONG)
    assert obeyed()
    ready.apply.smallest.setValue(0)
    ready.apply.threshold.setValue(2)
    qtbot.waitUntil(lambda: not ready.apply.layers.busy, timeout=LONG)
    wide = (np.asarray(masks.data) > 0).sum()
    assert obeyed()
    ready.apply.threshold.setValue(98)
    qtbot.waitUntil(lambda: not ready.apply.layers.busy, timeout=LONG)
    assert obeyed()
    assert (np.asarray(masks.data) > 0).sum() < wide

    click(ready.correct.next_button)
    assert ready.correct.reason.text().startswith("Frame ")
    assert viewer.dims.current_step[0] != FRAME
    t = viewer.dims.current_step[0]
    value = 1 - min(masks.data[t, 9, 11], 1)
    masks.data_setitem((np.array([t]), np.array([9]), np.array([11])), value)
    painting = ready.state.painting
    painting.visible = False  # napari would paint on no hidden layer
    qtbot.waitUntil(lambda: painting.data[t].any(), timeout=LONG)
    assert not painting.visible
    assert np.count_nonzero(painting.data[t]) == 25  # the stroke and its margin
    ready.apply.threshold.setValue(2)  # changes what nobody has corrected
    qtbot.waitUntil(lambda: not ready.apply.layers.busy, timeout=LONG)
    assert masks.data[t, 9, 11] == value
    assert (np.asarray(masks.data) > 0).sum() >= wide - 1
    masks.undo()  # the labels follow
    qtbot.waitUntil(lambda: not painting.data[t].any(), timeout=LONG)
    click(ready.correct.right_button)
    assert painting.data[t].all()
    right = np.array(masks.data[t])
    ready.apply.threshold.setValue(98)
    qtbot.waitUntil(lambda: not ready.apply.layers.busy, timeout=LONG)
    np.testing.assert_array_equal(masks.data[t], right)
    painting.undo()
    assert not painting.data[t].any()
    click(ready.correct.doubt)
    assert f"{loop_layer.name} uncertainty" in viewer.layers

    targets = iter([tmp_path / "masks.npz", tmp_path / "model.safetensors"])
    monkeypatch.setattr(segment_correct, "ask_target", lambda *a: next(targets))
    ready.correct.save_masks_button.click()
    ready.correct.save_model_button.click()
    stored = read_labels(tmp_path / "masks.npz", shape=masks.data.shape)
    np.testing.assert_array_equal(stored.labels, masks.data)
    assert read_card(tmp_path / "model.safetensors").kind == "segmentation"


def test_whole_frames_mean_background_where_nothing_is_painted(
    loop_layer, ready, synthetic
):
    rows, columns = draw(ready, synthetic, 1)
    ready.paint.mode.setCurrentText("Whole frames")
    ((_, labels),) = ready.train.examples()
    assert labels.mode == "dense"
    assert labels.frames == (FRAME,)
    target = labels.target(FRAME)
    assert (target[rows, columns] == 1).all()
    assert (target == 0).sum() == target.size - len(rows)
    ready.paint.mode.setCurrentText("Scribbles")
    ((_, labels),) = ready.train.examples()
    assert (labels.target(FRAME) == 1).sum() == len(rows)
    assert (labels.target(FRAME) == -1).sum() == target.size - len(rows)


def test_a_brush_hides_nothing_and_paints_on_what_is_visible(
    loop_layer, ready, synthetic, click, qtbot
):
    masks = guess(ready, qtbot, click)
    assert not ready.live.switch.isChecked()  # it would say what the masks say
    click(ready.paint.brushes[1])
    assert ready.live.switch.isChecked()
    assert masks.layer.visible  # and strokes are drawn in the labels all the same
    painting = ready.state.painting
    assert ready.viewer.layers.selection.active is painting
    assert (painting.mode, painting.selected_label) == ("paint", 1)
    masks.layer.visible = False
    assert ready.viewer.layers.selection.active is painting
    assert (painting.mode, painting.selected_label) == ("paint", 1)
    draw(ready, synthetic, 1)
    qtbot.waitUntil(lambda: ready.state.preview_classes == (1,), timeout=LONG)
    assert "Only vessel is painted" in ready.status.text()
    ready.apply.threshold.setValue(40)
    assert masks.layer.visible
    assert not ready.live.switch.isChecked()
    ready.live.switch.click()
    ready.live.switch.click()  # off by hand: a brush leaves it off
    click(ready.paint.brushes[0])
    assert not ready.live.switch.isChecked()


def test_first_guess_and_a_loop_that_goes_while_it_runs(
    viewer, loop_layer, ready, click
):
    click(ready.apply.guess_button)
    assert ready.state.model.title == "vessels-xa (shipped)"
    viewer.layers.remove(loop_layer)
    some = np.full(loop_layer.data.shape[1:], 0.9, np.float16)
    preview = (3, some > 0, some, np.ones(some.shape, np.uint8))
    ready.panel.progressed.emit(Progress(1, 8, preview=preview))
    viewer.layers.clear()
    ready.panel.progressed.emit(Progress(2, 8, preview=preview))
    assert "masks that are done stay" in ready.panel.cancel_button.toolTip()
    ready.panel.cancel()  # it is by now
    assert "because layer 'synthetic-7' was removed" in ready.panel.status.text()
    ready.apply.threshold.setValue(20)
    ready.correct.next_button.click()


def test_masks_follow_their_eye_in_the_list_of_layers(ready, qtbot, click):
    masks = guess(ready, qtbot, click)
    assert "Scrub" in ready.status.text()
    masks.layer.visible = False
    assert not ready.state.masks_shown
    assert "take a brush" in ready.status.text()
    masks.layer.visible = True
    assert "Scrub" in ready.status.text()


def test_masks_that_are_removed_take_their_uncertainty_along(
    viewer, loop_layer, ready, qtbot, click
):
    masks = guess(ready, qtbot, click)
    click(ready.correct.doubt)
    assert f"{loop_layer.name} uncertainty" in viewer.layers
    viewer.layers.remove(masks.layer)
    assert not ready.correct.right_button.isEnabled()
    qtbot.waitUntil(
        lambda: f"{loop_layer.name} uncertainty" not in viewer.layers, timeout=LONG
    )


def test_all_layers_can_go_at_once(viewer, ready, qtbot, click):
    guess(ready, qtbot, click)
    click(ready.correct.doubt)
    viewer.layers.clear()
    qtbot.wait(50)
    assert list(viewer.layers) == []
    assert ready.state.masks is None
    assert "Open a loop" in ready.status.text()


def test_masks_of_before_confirm_no_frame_of_other_masks(
    viewer, loop_layer, ready, qtbot, click
):
    before = guess(ready, qtbot, click)
    before.layer.name = "kept"  # the next masks take the place of no other name
    masks = guess(ready, qtbot, click)
    assert masks is not before
    assert before.layer in viewer.layers
    show_frame(viewer, loop_layer, 2)
    change = 1 - min(masks.layer.data[2, 4, 4], 1)
    before.layer.data_setitem((np.array([2]), np.array([4]), np.array([4])), change)
    qtbot.wait(50)
    assert ready.state.painting is None
    masks.layer.data_setitem((np.array([2]), np.array([4]), np.array([4])), change)
    qtbot.waitUntil(lambda: ready.state.painting is not None, timeout=LONG)
    assert ready.state.painting.data[2, 4, 4] in (1, 255)


def test_all_open_loops_are_segmented_in_turn(
    viewer, loop_layer, small_cine, ready, qtbot, click
):
    data, attributes, _ = cine_layer(small_cine)
    other = viewer.add_image(data, **(attributes | {"name": "other"}))
    ready.paint.image.choose(other)
    assert ready.state.loop is other
    assert ready.state.painting is None  # not the other loop's
    qtbot.wait(20)
    assert "other labels" not in viewer.layers  # none by merely choosing
    ready.paint.take_brush(1)
    assert ready.state.painting.name == "other labels"
    ready.folds[0].open()
    click(ready.apply.everywhere)
    click(ready.apply.apply_button)
    for name in ("other masks", f"{loop_layer.name} masks"):
        qtbot.waitUntil(
            lambda n=name: (
                n in viewer.layers and viewer.layers[n].metadata["done"].all()
            ),
            timeout=LONG,
        )
    qtbot.waitUntil(lambda: not ready.panel.running, timeout=LONG)


def test_a_dock_that_is_closed_hears_nothing(
    viewer, loop_layer, ready, qtbot, click, tmp_path
):
    masks = guess(ready, qtbot, click)
    ready.paint.take_brush(1)
    painting = ready.state.painting
    session = ready.session
    viewer.window.remove_dock_widget(ready)
    with qtbot.waitSignal(ready.destroyed):
        ready.deleteLater()
    for layer in (masks.layer, painting):
        layer.data_setitem((np.array([2]), np.array([4]), np.array([4])), 1)
        layer.visible = not layer.visible
    session.job_changed.emit("Training")
    session.add_model(Model(tmp_path / "a.safetensors", "segmentation", "another"))
    show_frame(viewer, loop_layer, 3)
    viewer.layers.clear()
    qtbot.wait(50)


def test_keys_are_napari_s_own(viewer, ready):
    press = {str(k): f for k, f in viewer.keymap.items()}
    press["Ctrl+2"](viewer)
    assert ready.state.painting.selected_label == 255
    press["Ctrl+1"](viewer)
    assert ready.state.painting.selected_label == 1
    assert press["Shift+T"].__doc__ == "Train, or train on."


def test_no_key_is_napari_s_or_has_alt(viewer, ready):
    bound = {str(key) for key in viewer.keymap}
    assert len(bound) == len(shortcuts.KEYS) + shortcuts.MOST_BRUSHES
    assert not {key for key in bound if "Alt" in key}
    napari_s = {str(key) for keys in default_shortcuts.values() for key in keys}
    assert not bound & napari_s


def test_labels_that_lie_elsewhere_are_not_offered(viewer, ready, loop_layer, painted):
    place = {"scale": loop_layer.scale, "units": loop_layer.units}
    viewer.add_labels(painted, name="moved", translate=(0, 9, 9), **place)
    viewer.add_labels(painted, name="fitting", **place)
    names = [layer.name for layer in ready.paint.painting.layers]
    assert names == ["fitting"]


def test_nothing_painted_is_refused(ready, click, notified):
    click(ready.train.train_button)
    assert "choose a loop and paint on it" in notified[0]


def test_one_class_alone_is_no_training(ready, synthetic, click, notified):
    draw(ready, synthetic, 1)
    ready.train.steps.setValue(1)
    click(ready.train.train_button)
    assert "no pixel of the background" in notified[0]
    assert not ready.panel.running


def test_a_foreign_file_is_no_model(viewer, segment, loop_layer, tmp_path):
    from napari_motionseg.errors import CheckpointError

    (tmp_path / "a.safetensors").write_bytes(b"no")
    with pytest.raises(CheckpointError):
        segment.train.start.open_file(tmp_path / "a.safetensors")


@pytest.mark.parametrize(("third", "asked"), [("catheter", True), ("stent", False)])
def test_a_third_class_of_the_user_s_own_is_no_catheter(
    ready, loop_layer, third, asked
):
    ready.state.names = ("background", "vessel", third)
    cine = ready.state.session.loop(loop_layer).cine
    request = ready.apply._request(loop_layer, cine, ready.state.model.path, None)
    assert request.catheters is asked
