"""The Measure dock in the hand of a real mouse, and what its project keeps."""

import shutil

import numpy as np
import pytest
from helpers.patience import LONG
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import cine_layer
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.measurement import follow_vessel_job
from napari_motionseg.motion import FlowSequence
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom
from napari_motionseg.widgets.common.project_controller import controller_of
from napari_motionseg.widgets.measure import follow_section
from napari_motionseg.widgets.measure.dock import MeasureDock
from napari_motionseg.widgets.measure.regions_section import REGIONS
from napari_motionseg.widgets.measure.vessel_layers import POINTS
from napari_motionseg.widgets.measure.vessel_lines import BLUE, LINE

LEFT = Qt.MouseButton.LeftButton
FRAMES = 4


@pytest.fixture(scope="module")
def phantom():
    return vessel_phantom(radius=5.0, depth=0.5, noise=0.004, size=112)


@pytest.fixture(scope="module")
def loop_file(phantom, tmp_path_factory):
    frames = (np.clip([phantom.frame] * FRAMES, 0, 1) * 4095).astype(np.uint16)
    cine = Cine.from_array(
        frames, frame_times=np.arange(FRAMES) * 40.0, pixel_spacing=(0.2, 0.2),
        intensity_relationship="LOG", bits_stored=12,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("loop") / "loop.dcm"
    write_xa(path, cine)
    return path


@pytest.fixture
def measuring(viewer, dock, loop_file):
    """Return the dock in a window of a usual size, ready for clicks."""
    viewer.window._qt_window.resize(1400, 900)
    viewer._add_layer_from_data(*cine_layer(read_cine(loop_file)))
    viewer.dims.set_current_step(0, 1)
    made = dock(MeasureDock)
    QTest.mouseClick(made.place_button, LEFT)
    return made


def layer_named(viewer, end):
    found = [layer for layer in viewer.layers if layer.name.endswith(end)]
    return found[0] if found else None


def canvas_click(viewer, row, column):
    """Click a pixel of the loop on the canvas."""
    canvas = viewer.window._qt_viewer.canvas
    world = viewer.layers[0].data_to_world((1, row, column))
    x, y = canvas.view.scene.transform.map([world[-1], world[-2]])[:2]
    at = QPoint(round(x), round(y))
    QTest.mousePress(canvas.native, LEFT, pos=at)
    QTest.mouseRelease(canvas.native, LEFT, pos=at)


def measured(qtbot, dock, count=1):
    qtbot.waitUntil(
        lambda: (
            dock.state.measured is not None and len(dock.state.all_measured()) == count
        ),
        timeout=LONG,
    )


def hover(widget, at):
    """Move the mouse with no button held.

    `QTest.mouseMove` only places the pointer then, and the X server sends no motion to
    a hidden window; napari lets the corner that is next follow this motion.
    """
    QTest.qWait(30)  # vispy drops moves that come faster
    place, none = QPointF(at), Qt.MouseButton.NoButton
    everywhere = QPointF(widget.mapToGlobal(at))
    QApplication.sendEvent(
        widget,
        QMouseEvent(
            QEvent.Type.MouseMove, place, everywhere, none, none,
            Qt.KeyboardModifier.NoModifier,
        ),
    )  # fmt: skip


def click_ends(viewer, dock, phantom, qtbot):
    for row, column in phantom.ends():
        canvas_click(viewer, row, column)
    measured(qtbot, dock)


def drag(plot, start, end, y):
    """Drag from one arc length to another on a plot, as a person does."""
    view = plot.plotItem.vb
    port = plot.viewport()

    def at(x):
        scene = view.mapViewToScene(QPointF(x, y))
        return plot.mapFromScene(scene)

    QTest.mouseMove(port, at(start))
    QTest.mousePress(port, LEFT, pos=at(start))
    for share in np.linspace(0, 1, 8):
        QTest.mouseMove(port, at(start + share * (end - start)))
        QTest.qWait(12)  # pyqtgraph drops moves that come faster
    QTest.mouseRelease(port, LEFT, pos=at(end))


def test_clicks_on_the_picture_measure_and_ctrl_z_takes_them_back(
    viewer, measuring, phantom, qtbot
):
    click_ends(viewer, measuring, phantom, qtbot)
    assert measuring.state.measured.lesions[0].mld == pytest.approx(1.0, abs=0.05)
    layer = layer_named(viewer, POINTS)
    assert len(layer.data) == 2
    # the picture has the keys: napari hands them to the selected layer
    QTest.keyClick(
        viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Z,
        Qt.KeyboardModifier.ControlModifier,
    )  # fmt: skip
    assert len(layer.data) == 1
    assert measuring.state.measured is None
    # the dock has them
    shift = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    measuring.setFocus()
    viewer.window._qt_window.activateWindow()
    QTest.keyClick(measuring, Qt.Key.Key_Z, shift)
    assert len(layer.data) == 2
    measured(qtbot, measuring)
    QTest.mouseClick(measuring.undo_button, LEFT)
    assert len(layer.data) == 1


@pytest.mark.parametrize("placing", [True, False])
def test_numbers_follow_a_point_while_it_is_dragged(
    viewer, measuring, phantom, qtbot, placing
):
    click_ends(viewer, measuring, phantom, qtbot)
    if not placing:
        QTest.mouseClick(measuring.place_button, LEFT)
    canvas, layer = viewer.window._qt_viewer.canvas, layer_named(viewer, POINTS)
    before = measuring.state.measured

    def at(row, column):
        world = viewer.layers[0].data_to_world((1, row, column))
        return QPoint(*map(round, canvas.view.scene.transform.map(world[:0:-1])[:2]))

    line, last = before.profile.line.points, phantom.ends()[1]
    corner = at(0, 0)
    QTest.mouseMove(canvas.native, at(*last))
    QTest.mousePress(canvas.native, LEFT, pos=at(*last))
    for back in (10, 20, 40, 60, 61, 60):
        QTest.mouseMove(canvas.native, at(*line[-back]))
        QTest.qWait(30)  # vispy drops moves that come faster
    qtbot.waitUntil(
        lambda: (
            measuring.state.measured.profile.arc_length[-1]
            < before.profile.arc_length[-1] - 4
        ),
        timeout=LONG,
    )
    QTest.mouseRelease(canvas.native, LEFT, pos=at(*line[-60]))
    assert len(layer.data) == 2
    assert at(0, 0) == corner, "a point is dragged, and not the picture"
    QTest.mouseClick(measuring.undo_button, LEFT)
    np.testing.assert_allclose(layer.data[1, 1:], last, atol=1)


FOLLOWED = []  # lines that were followed


def counted_following(cine, frame, line, calibration, device="auto"):
    FOLLOWED.append(line)
    return (yield from followed_by_truth(cine, frame, line, calibration, device))


def test_a_moved_vessel_is_followed_again_once(
    viewer, measuring, phantom, qtbot, monkeypatch
):
    FOLLOWED.clear()
    monkeypatch.setattr(follow_section, "follow_layer_job", counted_following)
    click_ends(viewer, measuring, phantom, qtbot)
    QTest.mouseClick(measuring.following.button, LEFT)
    qtbot.waitUntil(lambda: measuring.state.followed is not None, timeout=LONG)
    canvas, line = (
        viewer.window._qt_viewer.canvas,
        measuring.state.measured.profile.line,
    )
    number = measuring.values["Length"]
    before = number.text()

    def at(row, column):
        world = viewer.layers[0].data_to_world((1, row, column))
        return QPoint(*map(round, canvas.view.scene.transform.map(world[:0:-1])[:2]))

    QTest.mouseMove(canvas.native, at(*phantom.ends()[1]))
    QTest.mousePress(canvas.native, LEFT, pos=at(*phantom.ends()[1]))
    for back in (10, 20, 40, 60, 61, 60):
        QTest.mouseMove(canvas.native, at(*line.points[-back]))
        QTest.qWait(30)
    qtbot.waitUntil(lambda: number.text() != before, timeout=LONG)
    assert len(FOLLOWED) == 1, "nothing is followed while the mouse holds the point"
    assert measuring.state.followed is None
    QTest.mouseRelease(canvas.native, LEFT, pos=at(*line.points[-60]))
    qtbot.waitUntil(lambda: measuring.state.followed is not None, timeout=LONG)
    assert len(FOLLOWED) == 2
    np.testing.assert_array_equal(
        FOLLOWED[1].points, measuring.state.measured.profile.line.points
    )


def test_several_vessels_have_rows_and_a_click_goes_to_one(
    viewer, measuring, phantom, qtbot
):
    click_ends(viewer, measuring, phantom, qtbot)
    QTest.mouseClick(measuring.new_button, LEFT)
    assert len(layer_named(viewer, POINTS).data) == 0
    viewer.dims.set_current_step(0, 2)
    first, last = phantom.ends()
    middle = phantom.centre[len(phantom.centre) * 2 // 5]
    for row, column in (first, middle):
        canvas_click(viewer, row, column)
    measured(qtbot, measuring, 2)
    table = measuring.table.table
    cells = [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]
    assert [row[:2] for row in cells] == [["1", "1"], ["2", "2"]]
    assert cells[0][4] == "50"
    assert table.horizontalHeaderItem(2).text() == "MLD\nmm"
    assert table.height() > 2 * table.rowHeight(0)
    blue = np.array([int(BLUE[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    colors = layer_named(viewer, LINE).edge_color[:, :3]
    assert (np.abs(colors - blue).max(axis=1) < 0.01).any(), "the other vessel's line"
    at = table.visualItemRect(table.item(0, 2)).center()
    QTest.mouseClick(table.viewport(), LEFT, pos=at)
    assert measuring.state.vessel.number == 1
    assert viewer.dims.current_step[0] == 1
    np.testing.assert_allclose(
        layer_named(viewer, POINTS).data[:, 1:], phantom.ends(), atol=1
    )
    QTest.mouseClick(measuring.clear_button, LEFT)
    assert [one.number for one in measuring.state.all_measured()] == [2]
    QTest.mouseClick(measuring.undo_button, LEFT)
    measured(qtbot, measuring, 2)


def test_a_marker_is_dragged_with_the_mouse(viewer, measuring, phantom, qtbot):
    click_ends(viewer, measuring, phantom, qtbot)
    measuring.choices.reference.setCurrentText("interpolated local")
    qtbot.waitUntil(
        lambda: "interpolated" in measuring.values["Reference"].text(), timeout=LONG
    )
    plot, length = measuring.plot.plot, measuring.state.measured.profile.arc_length[-1]
    measuring.ensureWidgetVisible(measuring.plot)
    before = measuring.values["Reference"].text()
    drag(plot, 0.05 * length, 0.45 * length, 0.5)
    assert measuring.state.markers[0] == pytest.approx(0.45 * length, rel=0.1)
    assert measuring.values["Reference"].text() != before
    region = measuring.plot.regions[0].getRegion()
    inside = float(np.mean(region))
    drag(plot, measuring.state.markers[0], inside, 0.5)
    drag(plot, inside, 0.1 * length, 0.5)  # out of the lesion, which stays
    assert measuring.state.markers[0] == pytest.approx(0.1 * length, rel=0.3)
    while measuring.state.vessels.can_undo and measuring.state.markers is not None:
        QTest.mouseClick(measuring.undo_button, LEFT)
    qtbot.waitUntil(
        lambda: measuring.values["Reference"].text() == before, timeout=LONG
    )


def followed_by_truth(cine, frame, line, calibration, device="auto"):
    """Follow along a flow of zeros, because the phantom does not move."""
    still = np.zeros((len(cine) - 1, 2, *cine.shape[1:]), np.float32)
    flow = FlowSequence(still, still, 1, "exact")
    return (yield from follow_vessel_job(cine, flow, frame, line, calibration))


def test_a_click_in_the_kymograph_goes_to_the_frame_and_the_section(
    viewer, measuring, phantom, qtbot, monkeypatch
):
    monkeypatch.setattr(follow_section, "follow_layer_job", followed_by_truth)
    click_ends(viewer, measuring, phantom, qtbot)
    QTest.mouseClick(measuring.following.button, LEFT)
    qtbot.waitUntil(lambda: measuring.state.followed is not None, timeout=LONG)
    part = measuring.following.pictures.parts["speed"]
    assert part.isVisibleTo(measuring)
    assert np.nanmedian(part.image.image) < 1.0, "mm/s: the phantom does not move"
    plot = measuring.following.pictures.parts["diameter"].plot
    measuring.ensureWidgetVisible(plot)
    length = measuring.state.measured.profile.arc_length
    scene = plot.plotItem.vb.mapViewToScene(QPointF(3.0, float(length[60])))
    QTest.mouseClick(plot.viewport(), LEFT, pos=plot.mapFromScene(scene))
    qtbot.waitUntil(lambda: viewer.dims.current_step[0] == 3, timeout=LONG)
    assert abs(measuring._section - 60) <= 3
    line = layer_named(viewer, LINE)
    assert {path[0][0] for path in line.data} == {3.0}


def test_a_vessel_that_is_being_measured_is_followed_after_that(
    viewer, measuring, phantom, qtbot, monkeypatch
):
    monkeypatch.setattr(follow_section, "follow_layer_job", followed_by_truth)
    click_ends(viewer, measuring, phantom, qtbot)
    before = measuring.state.measured
    measuring.choices.method.setCurrentText("edges")
    QTest.mouseClick(measuring.following.button, LEFT)
    qtbot.waitUntil(lambda: measuring.state.followed is not None, timeout=LONG)
    assert measuring.state.measured is not before
    assert measuring.state.measured.profile.method == "edges"


def test_a_project_keeps_the_vessels(viewer, measuring, phantom, qtbot, own_state):
    controller = controller_of(viewer)
    click_ends(viewer, measuring, phantom, qtbot)
    measuring.state.move_borders(0, 4.0, 8.0)
    length = measuring.state.measured.lesions[0].length
    QTest.mouseClick(measuring.new_button, LEFT)
    for row, column in phantom.ends():
        canvas_click(viewer, row, column)
    measured(qtbot, measuring, 2)
    assert controller.flush(), "vessels alone are work, without a label"
    folder = controller.project.folder.with_name("sent.motionseg")
    shutil.copytree(controller.project.folder, folder)
    QTest.mouseClick(measuring.clear_button, LEFT)
    QTest.mouseClick(measuring.clear_button, LEFT)
    assert measuring.state.all_measured() == []
    controller.open(folder)
    qtbot.waitUntil(lambda: controller.opened is not None, timeout=LONG)
    measured(qtbot, measuring, 2)
    assert not measuring.state.vessels.can_undo
    first = measuring.state.results.measured[1]
    assert first.lesions[0].length == pytest.approx(length)
    assert layer_named(viewer, POINTS) is not None


def test_files_of_several_vessels(
    viewer, measuring, phantom, qtbot, tmp_path, monkeypatch
):
    click_ends(viewer, measuring, phantom, qtbot)
    QTest.mouseClick(measuring.new_button, LEFT)
    for row, column in phantom.ends():
        canvas_click(viewer, row, column)
    measured(qtbot, measuring, 2)
    target = tmp_path / "vessels"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), "")
    )
    QTest.mouseClick(measuring.saving.tables, LEFT)
    assert "was written" in measuring.message.text()
    head, *rows = (target / "lesions.csv").read_text().splitlines()
    assert head.startswith("vessel,frame,lesion,MLD (mm),RVD (mm)")
    assert [row.split(",")[0] for row in rows] == ["1", "2"]
    assert (target / "vessel_2" / "profile.png").stat().st_size > 10_000


def test_a_subtraction_is_a_layer_or_says_what_is_missing(
    viewer, measuring, notified, qtbot
):
    section = measuring.subtraction
    section.frames.setText("0,2-3")
    section.button.click()
    layer = layer_named(viewer, "subtracted")
    assert layer.data.shape == viewer.layers[0].data.shape
    assert np.abs(np.asarray(layer.data[1])).max() < 0.01, "all frames are alike"
    for text, words in (("first", "written like 0-5"), ("9", "outside the loop's 0")):
        section.frames.setText(text)
        section.button.click()
        assert words in str(notified[-1])
    section.frames.setText("0-1")
    section.kind.setCurrentText("same phase of the heart")
    section.button.click()
    assert "followed vessel" in str(notified[-1])
    section.kind.setCurrentText("of the header")
    section.button.click()
    assert "names no mask frames" in str(notified[-1])


def test_a_drawn_region_has_a_curve_and_a_table(
    viewer, measuring, qtbot, tmp_path, monkeypatch
):
    section = measuring.regions
    assert not section.plot.isVisibleTo(section.plot.parentWidget())
    section.draw.click()
    layer = layer_named(viewer, REGIONS)
    assert (layer.mode, viewer.layers.selection.active) == ("add_polygon", layer)
    canvas = viewer.window._qt_viewer.canvas
    for row, column in ((20, 20), (20, 60), (50, 60), (50, 20)):
        world = viewer.layers[0].data_to_world((1, row, column))
        x, y = canvas.view.scene.transform.map([world[-1], world[-2]])[:2]
        at = QPoint(round(x), round(y))
        hover(canvas.native, at)
        QTest.mouseClick(canvas.native, LEFT, pos=at)
    assert section.curves == [], "a region is measured when it is closed"
    hover(canvas.native, at + QPoint(3, 0))
    QTest.mouseDClick(canvas.native, LEFT, pos=at + QPoint(3, 0))
    qtbot.waitUntil(lambda: len(section.curves) == 1, timeout=LONG)
    (one,) = section.curves
    assert len(one.darkness) == FRAMES
    assert one.pixels == pytest.approx(30 * 40, rel=0.1)
    assert "darkest in frame" in section.words.text()
    target = tmp_path / "curves.csv"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), "")
    )
    section.save.click()
    assert len(target.read_text().splitlines()) == 1 + FRAMES
    viewer.layers.remove(layer)
    assert section.curves == []
    assert measuring.state.cine is not None
