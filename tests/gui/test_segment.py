"""The Segment dock, from an opened loop to corrected masks, by clicks."""

import numpy as np
import pytest

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

LONG = 60_000  # ms, for a child process that imports torch on a busy machine
FRAME = 6


@pytest.fixture
def ready(viewer, loop_layer, segment, qtbot):
    """The dock with the loop's labels, on the frame to paint."""
    qtbot.waitUntil(lambda: segment.state.loop is loop_layer, timeout=LONG)
    segment.paint.painting_for_strokes()
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
    assert layer is widget.state.painting
    where = (np.full(len(rows), FRAME), rows, columns)
    layer.data_setitem(where, layer.selected_label)
    return rows, columns


def shown(widget, loop_layer):
    return np.asarray(widget.live.overlay(loop_layer).data)


def test_a_loop_brings_its_labels_with_named_classes(viewer, loop_layer, ready):
    painting = ready.state.painting
    assert painting.data.shape == loop_layer.data.shape
    np.testing.assert_allclose(painting.scale, loop_layer.scale)
    assert ready.state.names == ("background", "vessel")
    assert [b.text() for b in ready.paint.brushes] == ["Background", "Vessel"]
    ready.paint.add_class("catheter")
    assert [b.text() for b in ready.paint.brushes][-1] == "Catheter"
    assert painting.selected_label == 3
    assert painting.mode == "paint"
    colours = painting.colormap.color_dict
    assert len({tuple(colours[n]) for n in (1, 2, 3)}) == 3
    assert ready.paint.match() is painting  # not another one


def test_the_switch_says_what_unpainted_means(ready):
    assert "not known" in ready.paint.meaning.text()
    ready.paint.mode.setCurrentText("Whole frames")
    assert "is background" in ready.paint.meaning.text()


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
    assert ready.live.overlay(loop_layer) is None


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
    for number in (1, 0):
        draw(ready, synthetic, number)
    ready.train.steps.setValue(3)
    learning = []
    ready.panel.progressed.connect(
        lambda _: learning.append(
            (
                f"{loop_layer.name} training" in viewer.layers,
                ready.live.switch.isChecked(),
            )
        )
    )
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
    assert len(ready.panel.curve.losses) == 3  # the training's curve stays in view
    masks = viewer.layers[f"{loop_layer.name} masks"]
    assert masks.data.shape == loop_layer.data.shape
    assert masks.metadata["done"].all()

    ready.apply.threshold.setValue(2)
    qtbot.waitUntil(lambda: not ready.apply.layers.busy, timeout=LONG)
    wide = (np.asarray(masks.data) > 0).sum()
    ready.apply.threshold.setValue(98)
    qtbot.waitUntil(lambda: not ready.apply.layers.busy, timeout=LONG)
    assert (np.asarray(masks.data) > 0).sum() < wide

    click(ready.correct.next_button)
    assert ready.correct.reason.text().startswith("Frame ")
    assert viewer.dims.current_step[0] != FRAME
    t = viewer.dims.current_step[0]
    masks.data_setitem((np.array([t]), np.array([9]), np.array([11])), 1)
    painting = ready.state.painting
    painting.visible = False  # napari would paint on no hidden layer
    qtbot.waitUntil(lambda: painting.data[t].any(), timeout=LONG)
    assert not painting.visible
    corrected = np.array(masks.data[t])
    assert corrected[9, 11] == 1
    np.testing.assert_array_equal(painting.data[t], corrected + 1)
    ready.apply.threshold.setValue(2)  # changes what nobody has confirmed
    qtbot.waitUntil(lambda: not ready.apply.layers.busy, timeout=LONG)
    np.testing.assert_array_equal(masks.data[t], corrected)
    assert (np.asarray(masks.data) > 0).sum() > wide - 96 * 96
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


def test_a_brush_brings_the_preview_back_and_the_threshold_the_masks(
    loop_layer, ready, synthetic, click, qtbot
):
    with qtbot.waitSignal(ready.panel.finished, timeout=LONG):
        click(ready.apply.guess_button)
    assert not ready.live.switch.isChecked()
    assert ready.state.masks.layer.visible
    assert "Scrub" in ready.status.text()
    draw(ready, synthetic, 1)
    assert ready.live.switch.isChecked()
    assert not ready.state.masks.layer.visible
    qtbot.waitUntil(lambda: ready.state.preview_classes == (1,), timeout=LONG)
    assert "Only vessel is painted" in ready.status.text()
    ready.apply.threshold.setValue(40)
    assert ready.state.masks.layer.visible
    assert ready.live.overlay(loop_layer) is None
    ready.live.switch.click()
    ready.live.switch.click()  # off by hand: a brush leaves it off
    draw(ready, synthetic, 0)
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


def guess(ready, qtbot, click):
    """Press First guess, and wait for the masks."""
    with qtbot.waitSignal(ready.panel.finished, timeout=LONG):
        click(ready.apply.guess_button)
    return ready.state.masks


def test_masks_follow_their_eye_in_the_list_of_layers(ready, qtbot, click):
    masks = guess(ready, qtbot, click)
    assert "Scrub" in ready.status.text()
    masks.layer.visible = False
    assert not ready.state.masks_shown
    assert "Take a brush" in ready.status.text()
    masks.layer.visible = True
    assert "Scrub" in ready.status.text()


def test_masks_that_are_removed_take_their_uncertainty_along(
    viewer, loop_layer, ready, qtbot, click
):
    masks = guess(ready, qtbot, click)
    click(ready.correct.doubt)
    assert f"{loop_layer.name} uncertainty" in viewer.layers
    viewer.layers.remove(masks.layer)
    assert not ready.correct.take_button.isEnabled()
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
    before.layer.data_setitem((np.array([2]), np.array([4]), np.array([4])), 1)
    qtbot.wait(50)
    assert not masks.confirmed.any()
    assert not ready.state.painting.data.any()
    masks.layer.data_setitem((np.array([2]), np.array([4]), np.array([4])), 1)
    qtbot.waitUntil(masks.confirmed.any, timeout=LONG)


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
    masks, painting = guess(ready, qtbot, click), ready.state.painting
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
    bound = {str(key) for key in viewer.keymap}
    assert {"Alt+T", "Alt+A", "Alt+N", "Alt+1", "Alt+2"} <= bound
    press = {str(k): f for k, f in viewer.keymap.items()}
    press["Alt+2"](viewer)
    assert ready.state.painting.selected_label == 2
    assert press["Alt+T"].__doc__ == "Train, or train on."


def test_labels_that_lie_elsewhere_are_not_offered(viewer, ready, loop_layer, painted):
    viewer.add_labels(
        painted, name="moved", scale=loop_layer.scale, translate=(0, 9, 9)
    )
    viewer.add_labels(painted[:4], name="short", scale=loop_layer.scale)
    viewer.add_labels(painted, name="placed", scale=loop_layer.scale)
    offered = [layer.name for layer in ready.paint.painting.layers]
    assert offered == ["placed", f"{loop_layer.name} labels"]
    assert ready.state.painting.name == f"{loop_layer.name} labels"


def test_nothing_painted_is_refused(ready, click, notified):
    click(ready.train.train_button)
    assert "nothing is labelled" in notified[0]


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
