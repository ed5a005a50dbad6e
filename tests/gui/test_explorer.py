"""The embedding explorer in a real viewer: driven, and deleted from under its hands."""

import threading

import numpy as np
import pytest
from helpers.patience import LONG
from qtpy.QtCore import QTimer
from vispy.util import keys

from napari_motionseg.embedding.activation_maximization import PreferredSettings
from napari_motionseg.models import ModelCard, UNet, UNetConfig, save_model
from napari_motionseg.viewmodel.frame_embeddings import frame_embedding
from napari_motionseg.widgets.common.canvas_marks import (
    CAPTION_PT,
    LEAST_CAPTION_PT,
)
from napari_motionseg.widgets.common.dock_layout import LEAST_WIDTH
from napari_motionseg.widgets.common.viewers import camera_of, show_frame
from napari_motionseg.widgets.embedding import explorer_feed
from napari_motionseg.widgets.embedding import explorer_units as units_module
from napari_motionseg.widgets.embedding.dock import EmbeddingDock


class Pointer:
    """What the viewer tells of a mouse."""

    button = 1

    def __init__(self, layer, row, column, *modifiers):
        self.layer, self.modifiers = layer, [getattr(keys, m) for m in modifiers]
        self.type = "mouse_press"
        self.to(row, column)

    def to(self, row, column):
        self.position = self.layer.data_to_world((0, row, column))
        self.pos = (10 * column, 10 * row)


def press(explorer, pointer):
    return explorer.anchors._pressed(explorer.viewer, pointer)


def click_pixel(explorer, layer, row, column, *modifiers):
    drag = press(explorer, Pointer(layer, row, column, *modifiers))
    assert next(drag) is None
    with pytest.raises(StopIteration):
        next(drag)


def captions(explorer):
    return [text for _, text in explorer.layers.marks.marks.captions]


def layer_of(explorer, name):
    return explorer.layers.layer(name)


def test_one_button_shows_what_can_be_shown_and_says_what_cannot(
    explorer, loop_layer, viewer, settled, click
):
    click(explorer.controls.on)
    settled()
    assert explorer.found.names == ("projection", "similarity")
    assert "none is estimated yet" in explorer.hint.text()
    assert explorer.anchors.positions == ((48, 48),)
    picture = layer_of(explorer, "similarity")
    assert picture.data[48, 48] == pytest.approx(1, abs=1e-3)
    assert tuple(picture.contrast_limits) == (-1, 1)
    np.testing.assert_allclose(picture.scale, loop_layer.scale[1:])
    assert viewer.layers.selection.active is loop_layer
    click(explorer.controls.on)
    settled()
    assert list(viewer.layers) == [loop_layer]
    assert explorer.layers.marks.marks.captions == ()
    click(explorer.controls.on)
    settled()
    assert layer_of(explorer, "similarity").data.shape == loop_layer.data.shape[1:]
    assert explorer.anchors.positions == ((48, 48),)


def test_the_first_anchor_is_on_a_vessel(
    explorer, viewer, loop_layer, synthetic, settled, click
):
    explorer.clear()
    t = int(synthetic.masks.sum(axis=(1, 2)).argmax())
    show_frame(viewer, loop_layer, t)
    click(explorer.controls.on)
    settled()
    ((row, column),) = explorer.anchors.positions
    assert synthetic.masks[t, row - 1 : row + 2, column - 1 : column + 2].any()
    show_frame(viewer, loop_layer, 0)
    settled()
    assert explorer.anchors.positions == ((row, column),), "it stays where it is"


def test_three_views_come_first_and_names_equal_captions(
    explorer, viewer, loop_layer, settled, click, flow
):
    click(explorer.controls.on)
    settled()
    dock = explorer.parent()
    names = ("projection", "flow similarity", "similarity")
    assert explorer.found.names == names
    unfolded = [n for n, b in explorer.controls.boxes.items() if b.isVisibleTo(dock)]
    assert tuple(unfolded) == names
    for name, caption in zip(names, captions(explorer), strict=True):
        title = layer_of(explorer, name).name.removeprefix(f"{loop_layer.name} ")
        assert caption.replace("\n", " ").startswith(title)
    assert captions(explorer)[1].endswith("flow, 0 to 1")
    assert len(explorer.layers.marks.marks.bars) == 2
    # layers of one loop stand together, and nothing but pictures and the anchor
    assert [layer.metadata.get("motionseg") for layer in viewer.layers] == [
        None, *names, "anchor",
    ]  # fmt: skip


def test_all_frames_are_embedded_in_the_background(explorer, settled, click, qtbot):
    click(explorer.controls.on)
    qtbot.waitUntil(lambda: explorer.feed.known() == (8, 8), timeout=LONG)
    settled()
    assert len(explorer.session.embeddings) == 8
    assert explorer.progress.text() == ""
    explorer.session.loop(explorer.chooser.layer)


def test_a_click_sets_shift_adds_and_a_drag_moves_an_anchor(
    explorer, loop_layer, settled, click, flow
):
    click(explorer.controls.on)
    settled()
    assert "flow similarity" in explorer.found.names
    click_pixel(explorer, loop_layer, 20, 30)
    settled()
    assert explorer.found.positions == ((20, 30),)
    np.testing.assert_array_equal(
        explorer.anchors._points.data, [[20, 30]], err_msg="the red plus"
    )
    click_pixel(explorer, loop_layer, 70, 64, "SHIFT")
    settled()
    both = layer_of(explorer, "similarity").data
    assert both[20, 30] == pytest.approx(1, abs=1e-3)
    assert both[70, 64] == pytest.approx(1, abs=1e-3)

    pointer = Pointer(loop_layer, 70, 64)
    drag = press(explorer, pointer)
    next(drag)
    assert not camera_of(explorer.viewer).mouse_pan
    before = layer_of(explorer, "flow similarity").data.copy()
    pointer.type = "mouse_move"
    for column in (60, 50, 40):
        pointer.to(66, column)
        next(drag)
    pointer.to(-400, 50)  # beside every cell: the anchor waits at the edge
    next(drag)
    assert explorer.anchors.held == 1
    pointer.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(drag)
    settled()
    assert camera_of(explorer.viewer).mouse_pan
    assert explorer.found.positions == ((20, 30), (66, 40))
    assert (layer_of(explorer, "flow similarity").data != before).any()
    assert layer_of(explorer, "similarity").data[66, 40] == pytest.approx(1, abs=1e-3)


def test_anchors_can_be_set_in_any_cell(explorer, loop_layer, settled, click):
    click(explorer.controls.on)
    settled()
    top, left = explorer.found.grid.corner(2)
    click_pixel(explorer, loop_layer, top + 11, left + 13)
    settled()
    assert explorer.found.positions == ((11, 13),)


def test_a_person_who_paints_moves_no_anchor(
    explorer, viewer, loop_layer, settled, click
):
    click(explorer.controls.on)
    settled()
    painting = viewer.add_labels(np.zeros(loop_layer.data.shape, np.uint8))
    painting.mode = "paint"
    assert list(press(explorer, Pointer(loop_layer, 5, 5))) == []
    assert explorer.anchors.positions == ((48, 48),)


def test_napari_s_own_tools_edit_anchors_too(explorer, settled, click):
    click(explorer.controls.on)
    settled()
    explorer.anchors._points.add([[10, 12]])
    settled()
    assert explorer.found.positions == ((48, 48), (10, 12))
    explorer.anchors._points.selected_data = {0}
    explorer.anchors._points.remove_selected()
    settled()
    assert explorer.found.positions == ((10, 12),)


def test_a_new_projection_changes_colours_alone(explorer, settled, click):
    click(explorer.controls.on)
    settled()
    colours = layer_of(explorer, "projection").data.copy()
    similarity = explorer.found.pictures[0]["similarity"]
    assert explorer.controls.again.text() == "New projection"
    click(explorer.controls.again)
    settled()
    assert (layer_of(explorer, "projection").data != colours).any()
    assert explorer.found.pictures[0]["similarity"] is similarity
    assert "number 1" in explorer.controls.again.toolTip()
    explorer.controls.method.setCurrentText("PCA (not in the papers)")
    settled()
    layer = layer_of(explorer, "projection")
    assert layer.name.endswith(" PCA projection")
    assert "PCA projection" in captions(explorer)
    assert not explorer.controls.again.isEnabled()


def test_another_frame_is_shown_and_the_old_one_marked_until_then(
    explorer, viewer, loop_layer, settled, click
):
    show_frame(viewer, loop_layer, 0)
    click(explorer.controls.on)
    settled()
    explorer.session.embeddings.discard(lambda key: True)
    before = layer_of(explorer, "similarity").data.copy()
    show_frame(viewer, loop_layer, 5)
    assert any("still frame 0" in text for text in captions(explorer))
    np.testing.assert_array_equal(layer_of(explorer, "similarity").data, before)
    settled()
    assert (layer_of(explorer, "similarity").data != before).any()
    assert not any("still" in text for text in captions(explorer))


def test_anchors_go_along_the_flow(explorer, viewer, loop_layer, settled, click, flow):
    from napari_motionseg.embedding import carried

    show_frame(viewer, loop_layer, 1)
    explorer.set_anchors(((48, 48),))
    click(explorer.controls.on)
    settled()
    explorer.controls.carry.setChecked(True)
    show_frame(viewer, loop_layer, 4)
    settled()
    loop = explorer.session.loop(loop_layer)
    assert explorer.found.positions == (carried(loop.flow, (48, 48), 1, 4),)
    show_frame(viewer, loop_layer, 1)
    settled()
    assert explorer.found.positions == ((48, 48),)


def test_two_checkpoints_have_a_row_each(explorer, tmp_path, settled, click):
    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    card = ModelCard("embedding", "UNet", vars(config).copy(), {})
    save_model(tmp_path / "other.safetensors", UNet(config), card)
    click(explorer.controls.on)
    settled()
    explorer.controls.other.open_file(tmp_path / "other.safetensors")
    settled()
    grid = explorer.found.grid
    assert (grid.members, len(explorer.found.pictures)) == (2, 2)
    stacked = layer_of(explorer, "similarity").data
    assert stacked.shape == (grid.row_step + 96, 96)
    first, second = (p["similarity"] for p in explorer.found.pictures)
    np.testing.assert_array_equal(stacked[:96], first)
    np.testing.assert_array_equal(stacked[grid.row_step :], second)
    assert (first != second).any()
    explorer.controls.other.setCurrentIndex(0)
    settled()
    assert layer_of(explorer, "similarity").data.shape == (96, 96)


def test_captions_shrink_with_the_pictures_and_stay_readable(
    explorer, viewer, settled, click
):
    click(explorer.controls.on)
    settled()
    marks, sizes = explorer.layers.marks, []
    for zoom in (10, 0.5, 0.01):
        camera_of(viewer).zoom = zoom
        sizes.append(marks._text.font_size)
    large, fitting, least = sizes
    assert large == CAPTION_PT
    assert least == LEAST_CAPTION_PT <= fitting <= large


def test_labels_tell_how_well_the_anchor_does(
    explorer, viewer, loop_layer, painted, settled, click
):
    show_frame(viewer, loop_layer, 6)
    labels = viewer.add_labels(painted)
    click(explorer.controls.on)
    explorer.labels.choose(labels)
    settled()
    assert "AUC" in explorer.histogram.words.text()
    show_frame(viewer, loop_layer, 2)
    settled()
    assert not explorer.histogram.plot.isVisibleTo(explorer.histogram)
    assert "no pixel on the label" in explorer.histogram.words.text()
    assert "label" not in explorer.hint.text()


def test_a_painted_layer_is_preferred_to_an_empty_one(
    explorer, viewer, painted, settled, click
):
    empty = viewer.add_labels(np.zeros_like(painted), name="empty")
    assert explorer.labels.layer is empty
    labels = viewer.add_labels(painted)
    assert explorer.labels.layer is labels
    newest = viewer.add_labels(np.zeros_like(painted), name="newest")
    assert explorer.labels.layer is labels
    explorer.labels.choose(newest)
    viewer.layers.remove(empty)
    assert explorer.labels.layer is newest  # by hand: that stays
    viewer.layers.remove(newest)
    assert explorer.labels.layer is labels


def test_what_was_painted_meanwhile_is_found_when_the_explorer_opens(
    explorer, viewer, loop_layer, painted, settled, click
):
    empty = viewer.add_labels(np.zeros_like(painted), name="empty")
    labels = viewer.add_labels(np.zeros_like(painted))
    show_frame(viewer, loop_layer, 6)
    assert explorer.labels.layer is empty
    labels.data_setitem(np.nonzero(painted), 1)
    click(explorer.controls.on)
    settled()
    assert explorer.labels.layer is labels
    assert "AUC" in explorer.histogram.words.text()


def test_the_cursor_tells_its_pixel(explorer, loop_layer, settled, click):
    click(explorer.controls.on)
    settled()
    explorer._hovered(explorer.viewer, Pointer(loop_layer, 20, 30))
    assert explorer.profile.text() == explorer.found.profile((20, 30), 0).words
    explorer._hovered(explorer.viewer, Pointer(loop_layer, -50, 30))
    assert explorer.profile.text() == ""


@pytest.mark.parametrize("what", ["similarity", "anchor", "loop", "all"])
def test_any_layer_may_be_deleted_at_any_moment(
    explorer, viewer, loop_layer, settled, click, what
):
    click(explorer.controls.on)
    settled()
    explorer.session.embeddings.discard(lambda key: True)
    show_frame(viewer, loop_layer, 7)
    assert explorer.pictures.busy
    if what == "all":
        viewer.layers.clear()
    else:
        named = {
            **explorer.layers.known,
            "anchor": explorer.anchors._points,
            "loop": loop_layer,
        }
        viewer.layers.remove(named[what])
    settled()
    if what in ("loop", "all"):
        assert explorer.found is None
        assert len(viewer.layers) == 0
    else:
        assert explorer.controls.boxes["similarity"].isChecked() == (
            what != "similarity"
        )
        assert explorer.found.request.layer is loop_layer
        explorer.controls.boxes["similarity"].setChecked(True)
        settled()
        click_pixel(explorer, loop_layer, 30, 31)
        settled()
        assert layer_of(explorer, "similarity").data[30, 31] == pytest.approx(
            1, abs=1e-3
        )


def test_renamed_and_moved_layers_stay_what_they_are(
    explorer, viewer, loop_layer, settled, click
):
    click(explorer.controls.on)
    settled()
    layer = layer_of(explorer, "similarity")
    layer.name, loop_layer.name = "mine", "its loop"
    viewer.layers.move(viewer.layers.index(layer), 0)
    count = len(viewer.layers)
    click_pixel(explorer, loop_layer, 30, 31)
    settled()
    assert len(viewer.layers) == count
    assert layer.data[30, 31] == pytest.approx(1, abs=1e-3)


def test_all_layers_go_by_one_button(explorer, viewer, loop_layer, settled, click):
    click(explorer.controls.on)
    settled()
    click(explorer.clear_button)
    settled()
    assert list(viewer.layers) == [loop_layer]
    assert not explorer.controls.on.isChecked()
    click(explorer.controls.on)
    settled()
    assert layer_of(explorer, "similarity") in viewer.layers


def test_replaced_pixels_are_embedded_anew(
    explorer, viewer, loop_layer, settled, click
):
    click(explorer.controls.on)
    settled()
    before = explorer.found.request.loop
    loop_layer.data = np.asarray(loop_layer.data)[:, ::-1].copy()
    click_pixel(explorer, loop_layer, 30, 31)
    settled()
    assert explorer.found.request.loop is not before


@pytest.mark.parametrize("kind", ["one frame", "colours"])
def test_loops_of_other_kinds(viewer, dock, embedding_file, qtbot, click, kind):
    pixels = np.random.default_rng(0).integers(0, 255, (3, 40, 44), dtype=np.uint8)
    if kind == "colours":
        layer = viewer.add_image(np.stack([pixels] * 3, axis=-1), rgb=True)
    else:
        layer = viewer.add_image(pixels[:1])
    widget = dock(EmbeddingDock)
    widget.explorer.controls.model.open_file(embedding_file)
    click(widget.explorer.controls.on)
    qtbot.waitUntil(lambda: widget.explorer.found is not None, timeout=LONG)
    assert widget.explorer.found.request.layer is layer
    words = "single frame" if kind == "one frame" else "none is estimated yet"
    assert words in widget.explorer.hint.text()
    assert (
        not widget.explorer_actions.flow_button.isVisibleTo(widget) or kind == "colours"
    )
    widget.explorer.clear()
    qtbot.waitUntil(lambda: not widget.explorer.feed.busy, timeout=LONG)


def test_a_memory_limit_below_one_frame_is_said_and_borne(
    explorer, viewer, loop_layer, settled, click
):
    explorer.session.embeddings.capacity = 10
    click(explorer.controls.on)
    settled()
    assert "below one frame" in explorer.progress.text()
    show_frame(viewer, loop_layer, 6)
    settled()
    assert explorer.found.request.t == 6
    assert len(explorer.session.embeddings) == 1


def test_a_checkpoint_that_is_gone_is_named(
    explorer, embedding_file, notified, settled, click
):
    embedding_file.unlink()
    click(explorer.controls.on)
    settled()
    assert len(notified) == 1
    assert "there is no such checkpoint" in notified[0]
    assert explorer.found is None


def test_the_window_may_close_while_it_computes(
    explorer, viewer, loop_layer, settled, click, qtbot
):
    click(explorer.controls.on)
    assert explorer.pictures.busy
    explorer.parent().close()
    viewer.window.remove_dock_widget(explorer.parent())
    settled()


def test_the_window_lives_while_a_loop_is_embedded(explorer, click, qtbot, monkeypatch):
    """Each frame waits for a tick of the window; one that waits would have none."""
    ticked = threading.Event()
    timer = QTimer()
    timer.timeout.connect(ticked.set)
    timer.start(10)

    def patient(*args, **kwargs):
        ticked.clear()
        assert ticked.wait(LONG / 1000)
        return frame_embedding(*args, **kwargs)

    monkeypatch.setattr(explorer_feed, "frame_embedding", patient)
    click(explorer.controls.on)
    qtbot.waitUntil(lambda: explorer.feed.known()[0] >= 3, timeout=LONG)
    explorer.clear()
    qtbot.waitUntil(lambda: not explorer.feed.busy, timeout=LONG)
    timer.stop()


def test_the_figure_is_saved_as_shown(
    explorer, settled, click, tmp_path, monkeypatch, qtbot
):
    actions = explorer.parent().explorer_actions
    assert not actions.save_button.isEnabled()
    click(explorer.controls.on)
    settled()
    path = tmp_path / "figure.png"
    monkeypatch.setattr(
        "napari_motionseg.widgets.embedding.explorer_actions.ask_target",
        lambda *_: path,
    )
    click(actions.save_button)
    qtbot.waitUntil(lambda: not actions.saved.busy, timeout=LONG)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_without_a_model_the_dock_says_so(
    dock, loop_layer, click, monkeypatch, tmp_path
):
    monkeypatch.setattr(
        "napari_motionseg.widgets.common.choosers.WEIGHTS_FOLDER", tmp_path
    )
    widget = dock(EmbeddingDock)
    click(widget.explorer.controls.on)
    assert "No model yet: pretrain one" in widget.explorer.hint.text()


def test_the_dock_stays_narrow(explorer):
    assert explorer.parent().widget().minimumSizeHint().width() <= LEAST_WIDTH


def test_units_show_what_they_like(explorer, click, qtbot, monkeypatch):
    few = PreferredSettings(size=16, steps=2)
    monkeypatch.setattr(units_module, "PreferredSettings", lambda: few)
    units = explorer.parent().units
    names = [units.layer.itemText(i) for i in range(units.layer.count())]
    assert names == ["embedding", "level 0", "level 1", "level 2"]
    monkeypatch.setattr(units_module, "SHOWN", 2)
    click(units.button)
    with qtbot.waitSignal(units.panel.finished, timeout=LONG):
        pass
    assert units.pictures.pixmap().width() == units_module.WIDTH_PX


@pytest.mark.parametrize(
    ("preferred", "title"),
    [("", "motion-xa (shipped)"), ("vessels-xa", "vessels-xa (shipped)")],
)
def test_the_dock_opens_with_what_motion_taught(
    dock, loop_layer, monkeypatch, preferred, title
):
    monkeypatch.setenv("MOTIONSEG_MODEL", preferred)
    explorer = dock(EmbeddingDock).explorer
    assert explorer.controls.model.chosen.title == title
    assert explorer.controls.other.chosen is None
