"""Painting and correcting with the mouse: what is labelled, shown and undone."""

import numpy as np
import pytest
from helpers.patience import LONG
from napari.settings import get_settings
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton

from napari_motionseg.io.label_numbers import BACKGROUND, IMPLIED_BACKGROUND
from napari_motionseg.motion import FlowSequence
from napari_motionseg.segmentation.suggest import suggest_frame
from napari_motionseg.viewmodel.segment_status import next_step
from napari_motionseg.viewmodel.stroke_picture import RIM, rim_of
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common.accents import ACCENT
from napari_motionseg.widgets.common.dock_placing import bring_to_front
from napari_motionseg.widgets.common.viewers import session_of, show_frame
from napari_motionseg.widgets.segment.mask_layers import MaskLayers

FRAME = 3


pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def ready(viewer, loop_layer, segment, mouse, qtbot):
    """The dock on a frame of a loop that fills the canvas."""
    viewer.reset_view()
    show_frame(viewer, loop_layer, FRAME)
    qtbot.wait(20)
    return segment


@pytest.fixture
def masks(ready, loop_layer):
    """Masks as a segmentation leaves them: a vessel, and an island beside it."""
    layers: MaskLayers = ready.apply.layers
    layers.begin(loop_layer, ready.state.names, "a model")
    probability = np.zeros(loop_layer.data.shape[1:], np.float16)
    probability[40:44, 20:80] = 0.9
    probability[70:74, 60:70] = 0.9
    for t in range(len(loop_layer.data)):
        layers.show_frame(t, probability, np.ones(probability.shape, np.uint8))
    return ready.state.masks


def drag(mouse, *places):
    """Draw with the left button over pixels of the loop."""
    mouse.press(*places[0])
    for start, end in zip(places, places[1:], strict=False):
        for share in (0.5, 1.0):
            mouse.move(*(a + share * (b - a) for a, b in zip(start, end, strict=True)))
    mouse.release(*places[-1])


def labelled(ready):
    """What is labelled on the frame: class numbers, -1 elsewhere."""
    ((_, labels),) = ready.train.examples()
    return labels.target(FRAME)


# one stroke


def test_one_stroke_over_the_masks_labels_what_is_drawn(
    ready, masks, mouse, click, qtbot
):
    click(ready.paint.brushes[1])
    drag(mouse, (20, 30), (20, 50))  # a branch that the masks miss
    qtbot.waitUntil(lambda: ready.state.painting is not None, timeout=LONG)
    qtbot.waitUntil(lambda: masks.mask(FRAME)[20, 40] == 1, timeout=LONG)
    target = labelled(ready)
    assert target[20, 40] == 1
    assert (target == -1).mean() > 0.9
    assert (target[60:] == -1).all()  # what the masks miss there is no background
    assert not (ready.state.painting.data == BACKGROUND).any()  # no fill of blue
    ready.state.confirm_frame(FRAME)
    target = labelled(ready)
    assert (target >= 0).all()  # now somebody has said so
    assert not (ready.state.painting.data == BACKGROUND).any()


def test_the_brush_stays_in_hand_as_masks_and_labels_change(
    loop_layer, ready, masks, mouse, click, qtbot
):
    click(ready.paint.palette.eraser)
    drag(mouse, (42, 30), (42, 50))
    qtbot.waitUntil(lambda: ready.state.painting is not None, timeout=LONG)
    masks.layer.visible = False
    assert ready.state.painting.mode == "erase"
    ready.apply.threshold.setValue(40)  # shows the masks again
    qtbot.wait(20)
    assert masks.layer.mode == "erase"
    ready.apply.layers.begin(loop_layer, ready.state.names)
    qtbot.wait(20)
    newer = ready.state.masks.layer
    assert newer is not masks.layer
    assert newer.mode == "erase"
    assert ready.viewer.layers.selection.active is newer
    click(ready.paint.brushes[1])
    painting = ready.state.painting
    assert (painting.mode, painting.selected_label) == ("paint", 1)
    assert newer.visible
    assert ready.viewer.layers.selection.active is painting
    newer.visible = False
    painting.mode = "erase"
    ready.state.confirm_frame(FRAME)
    qtbot.wait(20)
    assert painting.mode == "erase"


def test_erasing_in_the_masks_draws_nothing_and_undo_takes_it_back(
    viewer, ready, masks, mouse, click, qtbot
):
    click(ready.paint.palette.eraser)
    drag(mouse, (72, 58), (72, 72))
    qtbot.waitUntil(lambda: ready.state.painting is not None, timeout=LONG)
    painting = ready.state.painting
    qtbot.waitUntil(lambda: painting.data.any(), timeout=LONG)
    assert masks.mask(FRAME)[72, 65] == 0
    assert labelled(ready)[72, 65] == 0
    drawn = {*np.unique(painting.data)} - {0, IMPLIED_BACKGROUND}
    assert not drawn  # no blue where one has erased, and no stubs of vessel around it
    masks.layer.undo()
    qtbot.waitUntil(lambda: not painting.data.any(), timeout=LONG)
    assert masks.mask(FRAME)[72, 65] == 1


@pytest.mark.parametrize(("number", "rows"), [(0, (20, 42)), (1, (42, 20))])
def test_a_stroke_where_the_masks_agree_is_seen_and_holds(
    viewer, ready, masks, mouse, click, qtbot, number, rows
):
    """Background where there is no vessel, and a vessel where there is one."""
    agree, differ = rows
    click(ready.paint.brushes[number])
    painting = ready.state.painting
    assert viewer.layers.selection.active is painting
    drag(mouse, (agree, 30), (agree, 50))
    qtbot.waitUntil(lambda: FRAME in masks.corrections, timeout=LONG)
    qtbot.wait(QApplication.doubleClickInterval() + 50)  # or it would be one
    drag(mouse, (differ, 30), (differ, 50))
    qtbot.waitUntil(lambda: masks.mask(FRAME)[differ, 40] == number, timeout=LONG)
    assert (painting.data[FRAME, list(rows), 40] == (number or BACKGROUND)).all()
    assert painting.visible
    t = masks.layer.data.shape[0] - 1
    show_frame(viewer, masks.loop, t)  # the rest is done later, away from the frame
    masks.probabilities[FRAME] = 0.9 - 0.8 * number  # all other pixels turn
    ready.apply.threshold.setValue(30)
    qtbot.waitUntil(lambda: masks.mask(FRAME)[5, 5] == 1 - number, timeout=LONG)
    assert (masks.mask(FRAME)[list(rows), 40] == number).all()
    painting.undo()
    painting.undo()
    qtbot.waitUntil(lambda: not painting.data[FRAME].any(), timeout=LONG)
    qtbot.waitUntil(lambda: not masks.corrections, timeout=LONG)
    assert (masks.mask(FRAME) == 1 - number).all()


def test_strokes_from_before_the_masks_are_no_news(
    ready, loop_layer, mouse, click, qtbot
):
    """The network has learnt them: the next step is not to train, nor a preview."""
    click(ready.paint.brushes[1])
    drag(mouse, (20, 30), (20, 50))
    state, layers = ready.state, ready.apply.layers
    qtbot.waitUntil(lambda: state.painting is not None, timeout=LONG)
    state.unlearned = False
    layers.begin(loop_layer, state.names, "a model")
    probability = np.zeros(loop_layer.data.shape[1:], np.float16)
    for t in range(len(loop_layer.data)):
        layers.show_frame(t, probability, np.ones(probability.shape, np.uint8))
    assert state.masks.mask(FRAME)[20, 40] == 1  # and yet they hold
    assert (state.unlearned, state.preview_on) == (False, False)
    qtbot.wait(QApplication.doubleClickInterval() + 50)  # or it would be one
    drag(mouse, (60, 30), (60, 50))
    qtbot.waitUntil(lambda: state.masks.mask(FRAME)[60, 40] == 1, timeout=LONG)
    assert (state.unlearned, state.preview_on) == (True, True)


def test_the_eraser_takes_strokes_of_background_away_and_no_vessel_returns(
    viewer, ready, masks, mouse, click, qtbot
):
    click(ready.paint.brushes[0])
    painting = ready.state.painting
    drag(mouse, (42, 20), (42, 50))  # on the vessel
    qtbot.waitUntil(lambda: masks.mask(FRAME)[42, 24] == 0, timeout=LONG)
    click(ready.paint.palette.eraser)
    assert viewer.layers.selection.active is masks.layer
    qtbot.wait(QApplication.doubleClickInterval() + 50)
    drag(mouse, (42, 32), (42, 60))
    assert painting.data[FRAME, 42, 34] == IMPLIED_BACKGROUND
    assert painting.data[FRAME, 42, 24] == BACKGROUND  # not passed over
    ready.apply.threshold.setValue(30)
    qtbot.wait(20)
    assert (masks.mask(FRAME)[42, 22:40] == 0).all()
    assert masks.mask(FRAME)[42, 75] == 1


@pytest.mark.parametrize("row", [20, 42])
def test_an_erased_stroke_leaves_nothing(ready, masks, mouse, click, qtbot, row):
    """Neither of a vessel where the masks showed none, nor of one on a vessel."""
    click(ready.paint.brushes[1])
    painting = ready.state.painting
    drag(mouse, (row, 30), (row, 50))
    qtbot.waitUntil(lambda: FRAME in masks.corrections, timeout=LONG)
    click(ready.paint.palette.eraser)
    ready.state.brush.size = 14
    qtbot.wait(QApplication.doubleClickInterval() + 50)
    drag(mouse, (row, 20), (row, 60))
    qtbot.waitUntil(lambda: not (painting.data == 1).any(), timeout=LONG)
    assert {*np.unique(painting.data)} <= {0, IMPLIED_BACKGROUND}
    assert not masks.mask(FRAME)[row - 3 : row + 4, 25:40].any()


def test_a_stroke_that_is_drawn_while_masks_are_adjusted_is_not_lost(
    ready, masks, monkeypatch, qtbot
):
    layers = ready.apply.layers
    answers = []
    monkeypatch.setattr(layers._cleaner, "ask", lambda *asked: answers.append(asked))
    ready.apply.threshold.setValue(30)
    (_, masks_asked, frames, threshold, smallest) = answers[-1]
    found = masks_asked.cleaned(frames, threshold, smallest)
    masks.layer.data_setitem((np.full(3, FRAME), np.full(3, 20), np.arange(3)), 1)
    layers._show_cleaned((masks, found))  # before any timer
    assert (masks.mask(FRAME)[20, :3] == 1).all()
    qtbot.waitUntil(lambda: ready.state.painting is not None, timeout=LONG)
    assert (ready.state.painting.data[FRAME, 20, :3] == 1).all()


def test_labels_of_another_origin_are_not_painted_on_unasked(
    viewer, loop_layer, ready, click
):
    truth = np.zeros(loop_layer.data.shape, np.uint8)
    truth[:, 40:44] = 1
    place = {"scale": loop_layer.scale, "units": loop_layer.units}
    layer = viewer.add_labels(
        truth, name="truth", metadata={"loop": loop_layer.name}, **place
    )
    click(ready.paint.brushes[1])
    assert ready.state.painting is not layer
    assert viewer.layers.selection.active.name == f"{loop_layer.name} labels"
    assert [b.text() for b in ready.paint.brushes][-1] == "Catheter"


# what is visible


def test_a_brush_hides_nothing_and_the_preview_comes_at_once(
    loop_layer, ready, masks, mouse, click, qtbot
):
    previewed = []
    ready.state.previewed.connect(previewed.append)
    click(ready.paint.brushes[1])
    assert masks.layer.visible
    drag(mouse, (20, 30), (20, 50))
    qtbot.waitUntil(lambda: {*previewed} == {loop_layer}, timeout=LONG)
    assert masks.layer.visible
    overlay = ready.live.overlay(loop_layer)
    assert overlay.visible
    assert np.asarray(overlay.data)[..., 3].any()


def test_masks_and_labels_share_numbers_and_colours(ready, masks, click):
    click(ready.paint.brushes[2])
    painting = ready.state.painting
    assert painting.selected_label == 2
    for label in (1, 2):
        np.testing.assert_array_equal(
            painting.get_color(label), masks.layer.get_color(label)
        )
    assert masks.layer.get_color(1)[3] == 1
    assert painting.get_color(IMPLIED_BACKGROUND)[3] == 0


def test_strokes_masks_and_preview_look_different(
    loop_layer, ready, masks, mouse, click, qtbot
):
    click(ready.paint.brushes[1])
    drag(mouse, (20, 30), (20, 50))
    qtbot.waitUntil(lambda: ready.state.painting is not None, timeout=LONG)
    painting = ready.state.painting
    qtbot.waitUntil(lambda: ready.state.preview_mask is not None, timeout=LONG)
    assert masks.layer.contour > 0  # an outline
    assert painting.contour == 0  # solid, with a white rim around it
    assert painting.opacity > 0.8
    picture = np.asarray(ready.live.overlay(loop_layer).data)
    stroke = painting.data[FRAME] == 1
    rim = rim_of(stroke)
    assert (picture[rim] == RIM).all()
    fill = picture[~rim & ~stroke, 3]
    assert fill.max() < 128  # light
    order = list(ready.viewer.layers)
    overlay = ready.live.overlay(loop_layer)
    assert order.index(overlay) < order.index(masks.layer) < order.index(painting)
    ready.correct.doubt.click()
    order = [layer.name for layer in ready.viewer.layers]
    assert order.index(f"{loop_layer.name} uncertainty") < order.index(painting.name)


def test_the_rim_follows_the_hand_without_a_preview(
    viewer, loop_layer, ready, mouse, click, qtbot
):
    ready.live.switch.click()
    click(ready.paint.brushes[1])
    drag(mouse, (20, 30), (20, 50))
    qtbot.waitUntil(lambda: ready.live.overlay(loop_layer) is not None, timeout=LONG)
    drag(mouse, (30, 30), (30, 50))
    picture = np.asarray(ready.live.overlay(loop_layer).data)
    rim = rim_of(ready.state.painting.data[FRAME] == 1)
    np.testing.assert_array_equal((picture == RIM).all(axis=-1), rim)
    show_frame(viewer, loop_layer, 0)
    assert not ready.live.overlay(loop_layer).visible


def test_hidden_strokes_have_no_rims(viewer, loop_layer, ready, mouse, click, qtbot):
    ready.live.switch.click()
    click(ready.paint.brushes[1])
    drag(mouse, (20, 30), (20, 50))
    qtbot.waitUntil(lambda: ready.live.overlay(loop_layer) is not None, timeout=LONG)
    overlay, painting = ready.live.overlay(loop_layer), ready.state.painting
    assert overlay.visible
    painting.visible = False
    qtbot.waitUntil(lambda: not overlay.visible, timeout=LONG)
    painting.visible = True
    qtbot.waitUntil(lambda: overlay.visible, timeout=LONG)
    rim = rim_of(painting.data[FRAME] == 1)
    np.testing.assert_array_equal((np.asarray(overlay.data) == RIM).all(axis=-1), rim)


def test_a_key_that_is_held_down_shows_the_bare_frame(
    viewer, loop_layer, ready, masks, mouse, click
):
    click(ready.paint.brushes[1])
    before = {layer.name: layer.opacity for layer in viewer.layers}
    QTest.keyPress(mouse.canvas.native, Qt.Key.Key_H)
    assert {x.name for x in viewer.layers if x.opacity > 0} == {loop_layer.name}
    assert all(layer.visible for layer in viewer.layers)
    QTest.keyRelease(mouse.canvas.native, Qt.Key.Key_H)
    assert {layer.name: layer.opacity for layer in viewer.layers} == before


# the tool in hand


def pressed(ready):
    """The buttons of tools that look pressed."""
    palette = ready.paint.palette
    buttons = [*palette.brushes, palette.eraser, palette.island]
    return [b.text() for b in buttons if b.isChecked()]


def test_the_tool_in_hand_is_seen_alone_and_can_be_laid_down(
    viewer, ready, click, qtbot
):
    palette = ready.paint.palette
    assert pressed(ready) == []
    for made in (palette.brushes[1], palette.eraser, palette.island):
        click(made)
        assert pressed(ready) == [made.text()]
        assert "border: 2px solid #" in made.styleSheet()
    click(palette.brushes[0])
    assert viewer.layers.selection.active.mode == "paint"
    click(palette.brushes[0])
    assert pressed(ready) == []
    assert viewer.layers.selection.active.mode == "pan_zoom"


def test_tools_of_napari_are_seen_in_the_dock(viewer, loop_layer, ready, click, qtbot):
    click(ready.paint.brushes[1])
    layer = ready.state.painting
    layer.mode = "erase"
    qtbot.waitUntil(lambda: pressed(ready) == ["Eraser"], timeout=LONG)
    layer.mode = "paint"
    layer.selected_label = 2
    qtbot.waitUntil(lambda: pressed(ready) == ["Catheter"], timeout=LONG)
    layer.selected_label = 77  # no class
    qtbot.waitUntil(lambda: pressed(ready) == [], timeout=LONG)
    click(ready.paint.brushes[1])
    viewer.layers.selection.active = loop_layer
    qtbot.waitUntil(lambda: pressed(ready) == [], timeout=LONG)


def test_one_size_for_brush_and_eraser_in_dock_and_napari(ready, masks, click):
    click(ready.paint.brushes[1])
    ready.paint.palette.slider.setValue(17)
    assert ready.state.painting.brush_size == 17
    ready.state.painting.brush_size = 9  # as Alt and the mouse do
    assert ready.paint.palette.slider.value() == 9
    assert ready.paint.palette.pixels.text() == "9 px"
    click(ready.paint.palette.eraser)
    assert masks.layer.brush_size == 9


def test_an_eraser_of_napari_s_has_the_size_that_the_dock_shows(
    viewer, ready, masks, qtbot
):
    """Nothing of the dock has been used on the masks before."""
    viewer.layers.selection.active = masks.layer
    masks.layer.mode = "erase"
    masks.layer.brush_size = 12
    slider = ready.paint.palette.slider
    qtbot.waitUntil(lambda: slider.value() == 12, timeout=30_000)
    masks.layer.brush_size = 7
    assert slider.value() == 7
    slider.setValue(20)
    assert masks.layer.brush_size == 20


def test_a_catheter_is_a_class_from_the_start(ready, click, synthetic):
    click(ready.paint.brushes[2])
    layer = ready.state.painting
    assert ready.paint.brushes[2].text() == "Catheter"
    where = (np.array([FRAME]), np.array([4]), np.array([5]))
    layer.data_setitem(where, layer.selected_label)
    assert labelled(ready)[4, 5] == 2


# islands and gaps


def test_a_click_removes_an_island_and_a_drag_moves_the_view(
    ready, masks, mouse, click, qtbot
):
    click(ready.paint.palette.island)
    drag(mouse, (72, 65), (60, 50), (60, 40))
    assert masks.mask(FRAME)[72, 65] == 1
    ready.viewer.reset_view()
    mouse.click(72, 65)
    assert not masks.mask(FRAME)[68:76, 58:72].any()
    assert masks.mask(FRAME)[41, 50] == 1  # the vessel stays
    assert masks.mask(FRAME + 1)[72, 65] == 1
    qtbot.waitUntil(lambda: ready.state.painting is not None, timeout=LONG)
    qtbot.waitUntil(lambda: ready.state.painting.data.any(), timeout=LONG)
    assert labelled(ready)[72, 65] == 0
    masks.layer.undo()
    assert masks.mask(FRAME)[72, 65] == 1


def test_frames_between_labelled_ones_are_filled_along_the_flow(
    viewer, loop_layer, ready, click, qtbot, notified
):
    ready.paint.take_brush(1)
    painting, fill = ready.state.painting, ready.correct.fill_button
    for t, shift in ((1, 0), (4, 6)):
        assert not fill.isEnabled()
        assert f"{'1 frame is' if t > 1 else 'none is'} labelled" in fill.toolTip()
        rows, columns = np.mgrid[30:34, 20 + shift : 40 + shift]
        show_frame(viewer, loop_layer, t)
        painting.data_setitem((np.full(rows.shape, t), rows, columns), 1)
        qtbot.waitUntil(lambda t=t: t in session_of(viewer).marks.labelled)
    assert fill.isEnabled()
    assert "labelled;" not in fill.toolTip()
    click(ready.correct.fill_button)
    assert "press Estimate flow" in notified[0]
    count, *size = loop_layer.data.shape
    forward = np.zeros((count - 1, 2, *size), np.float32)
    forward[:, 0] = 2  # px to the right from each frame to the next
    session = session_of(viewer)
    flow = FlowSequence(forward, -forward, 1, "made up")
    session.set_flow(session.loop(loop_layer), flow)
    click(ready.correct.fill_button)
    qtbot.waitUntil(lambda: painting.data[2].any(), timeout=LONG)
    for t in (2, 3):
        left = 20 + 2 * (t - 1)
        assert (painting.data[t, 30:34, left : left + 20] == 1).all()
        assert (painting.data[t] == 1).sum() == 80
    assert "Frames 2 to 3 are filled" in ready.correct.reason.text()
    painting.undo()
    assert not painting.data[2:4].any()
    show_frame(viewer, loop_layer, 0)
    click(ready.correct.fill_button)
    assert "lies between no two labelled frames" in notified[-1]


# the dock


@pytest.fixture
def styled(ready, dock, qtbot):
    """The dock as napari draws it, a tab of a window of 1366 x 768 px."""
    from napari._qt.qt_resources import get_stylesheet

    window = ready.viewer.window._qt_window
    cine = dock(CineDock)
    qtbot.waitUntil(lambda: cine._placed, timeout=LONG)
    bring_to_front(ready)
    window.setStyleSheet(get_stylesheet(get_settings().appearance.theme))
    window.resize(1366, 768)
    window.show()
    qtbot.wait(50)
    return ready


def places(ready):
    """Where the buttons of the dock are, by their text."""
    ready.widget().layout().activate()
    buttons = ready.findChildren(QPushButton)
    shown = [b for b in buttons if b.isVisibleTo(ready)]
    return {b: b.mapTo(ready.widget(), QPoint(0, 0)).y() for b in shown}


def test_the_dock_fits_a_screen_of_768_px(styled):
    assert styled.widget().sizeHint().height() <= styled.viewport().height()
    assert not styled.verticalScrollBar().isVisible()
    assert not any(fold.is_open for fold in styled.folds)


def test_a_button_has_its_height_whether_it_can_be_pressed_or_not(styled):
    """Rows moved by 2 px as the first guess was done, which enables some."""
    buttons = [b for b in styled.findChildren(QPushButton) if b.isVisibleTo(styled)]
    heights = []
    for usable in (True, False):
        for one in buttons:
            one.setEnabled(usable)
            # Qt asks for the size anew with the next style, such as the accent
            QApplication.sendEvent(one, QEvent(QEvent.Type.StyleChange))
        heights.append([one.sizeHint().height() for one in buttons])
    assert heights[0] == heights[1]


def test_a_reason_to_label_a_frame_is_read_whole(styled):
    probabilities = np.full((200, 4, 4), 0.98, np.float16)
    probabilities[199] = 0.5
    label = styled.correct.reason
    label.say(suggest_frame(probabilities, labelled=[0]).reason)
    assert "199" in label.text()
    room = label.contentsRect()
    wrapped = Qt.TextFlag.TextWordWrap.value
    needed = label.fontMetrics().boundingRect(room, wrapped, label.text())
    assert needed.height() <= room.height()


def test_nothing_moves_as_texts_change(styled, masks, qtbot):
    qtbot.wait(20)
    before = places(styled)
    assert len(before) > 8
    long = "Frame 22: the model is 3.4 times as unsure there as on most frames, and "
    long += "the nearest labelled frame is 17 away."
    for advice, job in (
        ("", None),
        (long, None),
        (long, "Segmenting a loop"),
        ("", ""),
    ):
        styled.state.advice, styled.state.job = advice, job
        for widget in (styled.panel.bar, styled.panel.stop_button):
            widget.setVisible(job is not None)  # as the panel shows a job
        qtbot.wait(5)
        now = places(styled)
        assert {b: now[b] for b in before} == before


def test_the_next_step_alone_has_the_accent(ready, masks, click):
    def accented():
        buttons = ready.findChildren(QPushButton)
        return [
            b.text() for b in buttons if f"background-color: {ACCENT}" in b.styleSheet()
        ]

    assert accented() == ["Next frame to label"]
    ready.state.unlearned = True
    assert accented() == ["Train"]
    ready.state.unlearned = False
    ready.viewer.layers.remove(masks.layer)
    assert accented() == ["First guess"]
    ready.state.job = "Training"
    assert next_step(ready.state) == ""
    assert accented() == []
