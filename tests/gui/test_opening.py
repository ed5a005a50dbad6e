"""Opening docks and loops: tabs, one loop at a time, words on what is left out."""

import dataclasses

import numpy as np
import pytest
from helpers.patience import LONG
from napari._qt.qt_resources import get_stylesheet
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QTabBar

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import cine_layer, geometry
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common import layer_arrivals
from napari_motionseg.widgets.common.dock_layout import MOST_WIDTH
from napari_motionseg.widgets.common.dock_placing import holder_of
from napari_motionseg.widgets.common.loop_display import loop_display_of
from napari_motionseg.widgets.common.open_docks import DOCKS, PLUGIN, docks_of
from napari_motionseg.widgets.common.viewers import camera_of
from napari_motionseg.widgets.motion.dock import MotionDock

pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def offers(monkeypatch):
    """What was offered by notification, with the buttons by their texts."""
    told = []
    monkeypatch.setattr(
        layer_arrivals.notification_manager, "dispatch",
        lambda one: told.append((one.message, dict(one.actions))),
    )  # fmt: skip
    return told


@pytest.fixture
def said(monkeypatch):
    told = []
    monkeypatch.setattr(layer_arrivals, "show_info", told.append)
    return told


def menu(viewer, plugins, name):
    """Choose an entry of the plugin's menu, as napari's menu does."""
    full = f"{name} (MotionSeg)"
    command = plugins.get_manifest(PLUGIN).contributions.widgets
    found = next(w for w in command if w.display_name == name)
    widget = plugins.commands.get(found.command)(napari_viewer=viewer)
    viewer.window.add_dock_widget(widget, name=full)
    return widget


def add(viewer, cine, name):
    data, attributes, _ = cine_layer(cine)
    return viewer.add_image(data, **(attributes | {"name": name}))


def test_docks_of_the_menu_are_tabs_with_short_titles(viewer, plugins, qtbot):
    window = viewer.window._qt_window
    docks = [menu(viewer, plugins, name) for name in ("Cine", "Motion", "Project")]
    first, second, third = (holder_of(dock) for dock in docks)
    qtbot.waitUntil(
        lambda: {second, third} <= set(window.tabifiedDockWidgets(first)), timeout=LONG
    )
    assert [x.windowTitle() for x in (first, second, third)] == [
        "Cine", "Motion", "Project",
    ]  # fmt: skip
    titles = [label.text() for label in first.titleBarWidget().findChildren(QLabel)]
    assert titles == ["Cine"]
    # napari's menu finds them by the long name
    assert "Cine (MotionSeg)" in viewer.window.dock_widgets
    first.setFloating(True)  # napari makes a new title bar
    assert [x.text() for x in first.titleBarWidget().findChildren(QLabel)] == ["Cine"]


def test_the_menu_brings_a_dock_behind_others_to_the_front(viewer, plugins, qtbot):
    """napari's own menu closes a dock that is open, also behind a tab."""
    window = viewer.window._qt_window
    window.show()
    holders = {}
    for name in ("Cine", "Segment"):
        holders[name], _ = viewer.window.add_plugin_dock_widget(PLUGIN, name)
        qtbot.wait(50)
    behind, front = holders["Cine"], holders["Segment"]

    def seen(holder):
        return not holder.isHidden() and not holder.visibleRegion().isEmpty()

    def choose(holder):  # what napari's menu does with a dock that it knows
        holder.setVisible(not holder.isVisible())

    qtbot.waitUntil(lambda: seen(front) and not seen(behind), timeout=LONG)
    bars = [b for b in window.findChildren(QTabBar) if b.count() > 1]
    assert bars[0].elideMode() == Qt.TextElideMode.ElideNone  # titles are whole
    choose(behind)
    qtbot.waitUntil(lambda: seen(behind) and not seen(front), timeout=LONG)
    choose(behind)  # in front: it is closed
    qtbot.waitUntil(lambda: behind.isHidden() and seen(front), timeout=LONG)
    qtbot.wait(50)
    assert behind.isHidden()
    choose(behind)
    qtbot.waitUntil(lambda: seen(behind) and not seen(front), timeout=LONG)


def test_a_dock_that_the_user_has_moved_stays_there(viewer, plugins, qtbot):
    dock = menu(viewer, plugins, "Cine")
    qtbot.waitUntil(lambda: dock._placed, timeout=LONG)
    holder_of(dock).setFloating(True)
    other = menu(viewer, plugins, "Motion")
    qtbot.waitUntil(lambda: other._placed, timeout=LONG)
    assert holder_of(dock).isFloating()
    assert not viewer.window._qt_window.tabifiedDockWidgets(holder_of(other))


def test_open_all_opens_all_in_place_of_itself(viewer, plugins, qtbot):
    window = viewer.window._qt_window
    window.setStyleSheet(get_stylesheet(get_settings().appearance.theme))
    window.show()
    cine = menu(viewer, plugins, "Cine")
    menu(viewer, plugins, "Open all")
    qtbot.waitUntil(lambda: len(docks_of(viewer)) == len(DOCKS), timeout=LONG)
    assert docks_of(viewer)["Cine (MotionSeg)"] is cine
    assert set(viewer.window.dock_widgets) >= {f"{x} (MotionSeg)" for x in DOCKS}
    assert "Open all (MotionSeg)" not in viewer.window.dock_widgets
    tabs = [holder_of(dock) for dock in docks_of(viewer).values()]
    assert set(window.tabifiedDockWidgets(tabs[0])) == set(tabs[1:])

    def beside_titles():
        """Px for each tab beside its title; napari takes 14."""
        bars = [b for b in window.findChildren(QTabBar) if b.count() == len(DOCKS)]
        if not bars:
            return np.inf
        texts = [bars[0].tabText(number) for number in range(len(DOCKS))]
        written = sum(bars[0].fontMetrics().horizontalAdvance(x) for x in texts)
        return (bars[0].sizeHint().width() - written) / len(DOCKS)

    # so that all titles fit side by side into a column of usual width
    qtbot.waitUntil(lambda: beside_titles() < 11, timeout=30_000)
    from napari_motionseg.widgets.common.viewers import session_of

    session_of(viewer).close()


@pytest.mark.parametrize("kind", [CineDock, MotionDock])
def test_no_row_of_a_dock_is_cut_at_the_right(viewer, dock, kind, qtbot, small_cine):
    """A column of three docks was as narrow as its narrowest, and cut the others."""
    viewer.window._qt_window.show()  # rows of a hidden window are not laid out
    add(viewer, small_cine, "loop")
    widget = dock(kind)
    bar = widget.verticalScrollBar().sizeHint().width()

    def wide_enough():
        needed = widget.widget().minimumSizeHint().width() + bar
        return widget.minimumWidth() >= min(needed, MOST_WIDTH)

    qtbot.waitUntil(wide_enough, timeout=LONG)
    widget.add(QLabel("x" * 100))
    qtbot.waitUntil(lambda: widget.minimumWidth() == MOST_WIDTH, timeout=LONG)
    assert wide_enough()
    # what is wider still can be scrolled to
    assert widget.horizontalScrollBarPolicy() != Qt.ScrollBarPolicy.ScrollBarAlwaysOff


def test_opening_a_loop_offers_the_segment_dock(
    viewer, plugins, tmp_path, small_cine, qtbot, offers
):
    write_xa(tmp_path / "loop.dcm", small_cine)
    viewer.open(tmp_path / "loop.dcm", plugin=PLUGIN)
    qtbot.waitUntil(lambda: bool(offers), timeout=LONG)
    ((words, buttons),) = offers
    assert words == "loop: 8 frames, 15 frames/s"
    assert list(buttons) == ["Segment", "All docks"]
    buttons["Segment"](None)
    assert list(docks_of(viewer)) == ["Segment (MotionSeg)"]
    viewer.open(tmp_path / "loop.dcm", plugin=PLUGIN)  # who has docks needs no offer
    qtbot.wait(50)
    assert len(offers) == 1
    docks_of(viewer)["Segment (MotionSeg)"].session.close()


@pytest.fixture
def two(viewer, small_cine, dock):
    """A loop in millimetres with labels, and a larger one in pixels."""
    cine = dock(CineDock)
    first = add(viewer, small_cine, "first")
    labels = viewer.add_labels(
        np.ones(small_cine.shape, np.uint8), name="first labels",
        metadata={"loop": "first"}, **geometry(small_cine),
    )  # fmt: skip
    hidden = viewer.add_labels(
        np.ones(small_cine.shape, np.uint8), name="first notes", visible=False,
        metadata={"loop": "first"}, **geometry(small_cine),
    )  # fmt: skip
    points = viewer.add_points(np.zeros((1, 3)), name="mine")
    pixels = Cine.from_array(np.zeros((5, 300, 200), np.uint8))
    second = add(viewer, pixels, "second")
    return cine, first, labels, hidden, points, second


def fits(viewer, layer):
    """Return whether the camera takes in a layer, and nothing else."""
    camera = camera_of(viewer)
    before = (camera.zoom, *camera.center)
    viewer.reset_view(layers=[layer])
    return np.allclose(before, (camera.zoom, *camera.center))


def test_a_second_loop_is_shown_alone_and_fitted(viewer, two):
    cine, first, labels, hidden, points, second = two
    assert cine.chooser.layer is second  # all docks turn to it
    assert [x.visible for x in (first, labels, hidden)] == [False, False, False]
    assert points.visible  # the user's own
    assert second.visible
    assert fits(viewer, second)


def test_choosing_a_loop_shows_it_with_its_layers_alone(viewer, two, dock):
    cine, first, labels, hidden, points, second = two
    other = dock(MotionDock)
    assert other.chooser.layer is second
    viewer.dims.set_point(0, 7)  # a frame that only the first loop has
    cine.chooser.setCurrentText("first")
    cine.chooser.activated.emit(cine.chooser.currentIndex())
    assert [x.visible for x in (first, labels, hidden)] == [True, True, False]
    assert not second.visible
    assert fits(viewer, first)
    assert other.chooser.layer is first
    cine.chooser.setCurrentText("second")
    cine.chooser.activated.emit(cine.chooser.currentIndex())
    assert viewer.dims.current_step[0] == 4  # not beyond its end


def test_when_a_loop_is_closed_the_other_one_is_shown(viewer, two):
    cine, first, labels, _, _, second = two
    viewer.layers.remove(second)
    assert first.visible
    assert labels.visible
    assert cine.chooser.layer is first
    assert loop_display_of(viewer).loop is first


def test_a_plain_image_hides_nothing(viewer, two):
    _, _, _, _, _, second = two
    viewer.add_image(np.zeros((5, 300, 200)), name="filtered")
    assert second.visible
    assert viewer.layers["filtered"].visible


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (np.zeros((2, 3, 20, 20), np.uint8), {}, "has 4 axes (2 × 3 × 20 × 20)"),
        (
            np.zeros((6, 20, 20), np.int16),
            {"axis_labels": ("z", "y", "x")},
            "seems to be a volume",
        ),
        (
            np.zeros((6, 20, 20), np.int16),
            {"units": ("mm", "mm", "mm")},
            "seems to be a volume",
        ),
        (np.zeros((6, 20, 20, 3), np.uint8), {"rgb": True}, "is in colours"),
    ],
)
def test_an_image_that_is_no_plain_loop_is_said_in_words(
    viewer, dock, said, qtbot, data, options, words
):
    widget = dock(CineDock)
    viewer.add_image(data, name="odd", **options)
    qtbot.waitUntil(lambda: bool(said), timeout=LONG)
    assert len(said) == 1
    assert words in said[0]
    assert "'odd'" in said[0]
    for t in range(data.shape[0]):
        viewer.dims.set_point(0, t)
    assert widget.isEnabled()


def test_labels_of_another_loop_are_said_in_words(
    viewer, segment, loop_layer, said, qtbot
):
    qtbot.waitUntil(lambda: segment.state.loop is loop_layer, timeout=LONG)
    few = np.ones((3, *loop_layer.data.shape[1:]), np.uint8)
    viewer.add_labels(few, name="few", scale=loop_layer.scale)
    viewer.add_labels(np.ones(loop_layer.data.shape, np.uint8), name="pixels")
    qtbot.waitUntil(lambda: len(said) == 2, timeout=LONG)
    assert "'few' (3 × 96 × 96) fit no open loop" in said[0]
    assert "another scale or place" in said[1]
    # they raised an IndexError here, once for each frame beyond their end
    segment.state.paint_on(viewer.layers["few"])
    for t in range(8):
        viewer.dims.set_point(0, t)


def test_a_volume_that_was_read_is_said_in_words(viewer, dock, said, qtbot, small_cine):
    dock(CineDock)
    for modality in ("XA", "CT"):
        technical = {"modality": modality}
        cine = dataclasses.replace(small_cine, technical=technical, name="slices")
        add(viewer, cine, modality)
        qtbot.wait(30)
    assert len(said) == 1
    assert "'slices' is of modality CT" in said[0]


def test_a_plain_stack_needs_no_words(viewer, dock, said, qtbot):
    dock(CineDock)
    viewer.add_image(np.zeros((6, 20, 20), np.uint8), name="plain")
    viewer.add_labels(np.zeros((6, 20, 20), np.uint8), name="its labels")
    viewer.add_points(np.zeros((1, 3)))
    qtbot.wait(50)
    assert said == []


def test_an_offer_goes_when_a_dock_is_open(viewer, plugins, qtbot, small_cine):
    """It covered the lower part of the picture until the user closed it."""
    from napari._qt.dialogs.qt_notification import NapariQtNotification
    from napari.utils.notifications import Notification

    from napari_motionseg.widgets.common.offers import Offer

    window = viewer.window._qt_window
    offer = Offer("loop: 8 frames", "info", actions=(("Segment", lambda _: None),))
    other = Notification("of another plugin", "info")
    for one in (offer, other):
        NapariQtNotification.from_notification(one, parent=window).show()

    def texts():
        shown = window.findChildren(NapariQtNotification)
        return {x.message.text() for x in shown if x.isVisibleTo(window)}

    assert texts() == {"loop: 8 frames", "of another plugin"}
    dock = menu(viewer, plugins, "Cine")
    qtbot.waitUntil(lambda: dock._placed, timeout=LONG)
    qtbot.waitUntil(lambda: texts() == {"of another plugin"}, timeout=LONG)
