"""The Measure dock: click two points, read the numbers of a known vessel."""

import dataclasses

import numpy as np
import pytest
from helpers.dicom_tools import complaints
from helpers.patience import LONG
from matplotlib.colors import to_hex
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import cine_layer
from napari_motionseg.io import read_cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.measurement import follow_vessel_job
from napari_motionseg.motion import FlowSequence
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom
from napari_motionseg.widgets.cine.ecg_strip import R_WAVE, EcgStrip
from napari_motionseg.widgets.measure import follow_section
from napari_motionseg.widgets.measure.choices_section import NO_GUIDE
from napari_motionseg.widgets.measure.dock import MeasureDock
from napari_motionseg.widgets.measure.vessel_layers import POINTS
from napari_motionseg.widgets.measure.vessel_lines import (
    LINE,
    RED,
    WHITE,
    YELLOW,
    dashed,
)

SPACING = 0.2


@pytest.fixture(scope="module")
def phantom():
    return vessel_phantom(radius=5.0, depth=0.5, noise=0.004, size=112)


def loop_of(phantom, spacing=(SPACING, SPACING)):
    return Cine.from_array(
        np.clip([phantom.frame] * 3, 0, 1), pixel_spacing=spacing,
        intensity_relationship="LOG", name="phantom",
    )  # fmt: skip


@pytest.fixture
def measuring(viewer, dock, phantom):
    """Return the dock on a loop of the phantom, ready for clicks."""
    viewer._add_layer_from_data(*cine_layer(loop_of(phantom)))
    viewer.dims.set_current_step(0, 0)  # napari begins in the middle of a stack
    made = dock(MeasureDock)
    made.place_button.setChecked(True)
    return made


def layer_named(viewer, end):
    found = [layer for layer in viewer.layers if layer.name.endswith(end)]
    return found[0] if found else None


def click(viewer, points, frame=0):
    layer = layer_named(viewer, POINTS)
    for row, column in points:
        layer.add([frame, row, column])


def lines(viewer):
    """Return the colours of the drawn lines."""
    layer = layer_named(viewer, LINE)
    if layer is None:
        return set()
    return {to_hex(color) for color in layer.edge_color[: len(layer.data)]}


def wait_for_numbers(qtbot, dock):
    qtbot.waitUntil(lambda: dock.state.measured is not None, timeout=LONG)


def test_two_clicks_give_the_numbers(viewer, measuring, phantom, qtbot):
    assert viewer.layers.selection.active is layer_named(viewer, POINTS)
    assert layer_named(viewer, POINTS).mode == "add"
    assert "Click the proximal" in measuring.message.text()
    first, last = phantom.ends()
    click(viewer, [first])
    assert measuring.state.measured is None
    click(viewer, [last])
    wait_for_numbers(qtbot, measuring)
    texts = {name: label.text() for name, label in measuring.values.items()}
    assert float(texts["Smallest diameter"].split()[0]) == pytest.approx(1.0, abs=0.05)
    assert texts["Reference"].endswith("mm (curve fitted)")
    assert float(texts["Stenosis"].split()[0]) == pytest.approx(50, abs=3)
    assert "isocentre" in texts["A pixel"]
    assert measuring.plot.isVisibleTo(measuring)
    assert lines(viewer) == {YELLOW, RED}  # the vessel, and its lesion
    assert viewer.layers.selection.active is layer_named(viewer, POINTS)


def test_a_dragged_point_is_measured_again(viewer, measuring, phantom, qtbot):
    first, last = phantom.ends()
    click(viewer, [first, last])
    wait_for_numbers(qtbot, measuring)
    before, line = measuring.state.measured, layer_named(viewer, LINE)
    layer = layer_named(viewer, POINTS)
    data = layer.data.copy()
    middle = phantom.centre[len(phantom.centre) * 2 // 5]
    data[1, 1:] = middle
    layer.data = data
    qtbot.waitUntil(
        lambda: measuring.state.measured not in (None, before), timeout=LONG
    )
    after = measuring.state.measured
    assert layer_named(viewer, LINE) is line, (
        "a layer that comes anew blocks the window"
    )
    assert after.profile.arc_length[-1] < before.profile.arc_length[-1]


def test_points_belong_to_their_frame(viewer, measuring, phantom, qtbot):
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    viewer.dims.set_current_step(0, 1)
    assert measuring.state.measured is None
    assert not lines(viewer)
    assert measuring.saving.tables.isEnabled(), "what was measured can be saved"
    viewer.dims.set_current_step(0, 0)
    wait_for_numbers(qtbot, measuring)


def test_where_there_is_no_vessel_it_says_so(viewer, measuring, qtbot):
    click(viewer, [(5.0, 30.0), (5.0, 70.0)])
    qtbot.waitUntil(lambda: "darker" in measuring.message.text(), timeout=LONG)
    assert measuring.values["Length"].text() == "-"
    assert not lines(viewer)


def test_other_methods_and_a_catheter(viewer, measuring, phantom, qtbot):
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    measuring.choices.reference.setCurrentText("mean local")
    qtbot.waitUntil(
        lambda: "mean local" in measuring.values["Reference"].text(), timeout=LONG
    )
    measuring.choices.french.setValue(12)  # 4 mm for a tube of about 9 px
    measuring.choices.by_catheter.click()
    qtbot.waitUntil(
        lambda: measuring.state.measured.profile.calibration.basis.startswith(
            "catheter 12F"
        ),
        timeout=LONG,
    )
    assert "catheter 12F" in measuring.values["A pixel"].text()
    assert "calibrations differ" in measuring.warning.text()
    measuring.choices.by_header.click()
    assert "isocentre" in measuring.values["A pixel"].text()
    assert measuring.warning.text() == ""


def test_numbers_are_saved_and_files_of_others_stay(
    viewer, measuring, phantom, qtbot, tmp_path, monkeypatch
):
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    target = tmp_path / "vessel"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), "")
    )
    measuring.saving.tables.click()
    assert (target / "profile.csv").exists()
    (target / "notes.txt").write_text("mine")
    measuring.saving.tables.click()
    assert (target / "notes.txt").read_text() == "mine"
    assert "did not write" in measuring.message.text()


def test_layers_that_go(viewer, measuring, phantom, qtbot):
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    viewer.layers.remove(layer_named(viewer, POINTS))
    assert measuring.state.measured is None
    assert not lines(viewer)
    measuring.place_button.setChecked(False)
    measuring.place_button.setChecked(True)
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    measuring.clear_button.click()
    assert layer_named(viewer, POINTS) is None
    assert not measuring.place_button.isChecked()


def test_without_a_spacing_lengths_are_pixels(viewer, dock, phantom, qtbot):
    viewer._add_layer_from_data(*cine_layer(loop_of(phantom, None)))
    viewer.dims.set_current_step(0, 0)
    made = dock(MeasureDock)
    made.place_button.setChecked(True)
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, made)
    assert made.values["Smallest diameter"].text().endswith("px")
    assert "no spacing is known" in made.values["A pixel"].text()


def test_an_empty_viewer_has_nothing_to_measure(dock):
    made = dock(MeasureDock)
    assert not made.place_button.isEnabled()
    made.place_button.setChecked(True)
    assert made.vessel.points == ()


def test_a_long_basis_of_the_spacing_does_not_widen_the_dock(viewer, dock, phantom):
    made = dock(MeasureDock)
    word = "EstimatedRadiographicMagnificationFactor"
    cine = dataclasses.replace(loop_of(phantom), spacing_basis=word)
    viewer._add_layer_from_data(*cine_layer(cine))
    label = made.values["A pixel"]
    assert "Magnification" in label.text()
    whole = label.fontMetrics().horizontalAdvance(word)
    assert label.minimumSizeHint().width() < whole


def test_dragged_markers_and_borders_change_the_numbers(
    viewer, measuring, phantom, qtbot
):
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    plot, before = measuring.plot, measuring.state.measured
    assert not any(marker.isVisible() for marker in plot.markers)
    (region,) = plot.regions
    start, end = region.getRegion()
    # without its middle, the lesion is milder
    region.setRegion((start, (start + end) / 2 - 1.0))
    changed = measuring.state.measured
    assert changed.profile is before.profile, "a border needs no new fit"
    assert changed.lesions[0].mld > before.lesions[0].mld + 0.1
    assert measuring.plot.regions[0] is region, "what is dragged must not be made anew"
    measuring.choices.reference.setCurrentText("interpolated local")
    qtbot.waitUntil(
        lambda: "interpolated" in measuring.values["Reference"].text(), timeout=LONG
    )
    assert all(marker.isVisible() for marker in plot.markers)
    reference = measuring.values["Reference"].text()
    length = measuring.state.measured.profile.arc_length[-1]
    plot.markers[0].setValue(0.45 * length)
    plot.markers[0].sigDragged.emit(plot.markers[0])
    assert measuring.state.markers[0] == pytest.approx(0.45 * length)
    assert measuring.values["Reference"].text() != reference


def followed_by_truth(cine, frame, line, calibration, device="auto"):
    """Follow along a flow of zeros, because the phantom does not move."""
    still = np.zeros((len(cine) - 1, 2, *cine.shape[1:]), np.float32)
    flow = FlowSequence(still, still, 1, "exact")
    return (yield from follow_vessel_job(cine, flow, frame, line, calibration))


def test_a_followed_vessel_is_shown_by_length_and_time(
    viewer, measuring, phantom, qtbot, monkeypatch, tmp_path
):
    monkeypatch.setattr(follow_section, "follow_layer_job", followed_by_truth)
    section = measuring.following
    assert not section.button.isEnabled()
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    assert section.button.isEnabled()
    section.button.click()
    qtbot.waitUntil(lambda: measuring.state.followed is not None, timeout=LONG)
    assert section.pictures.isVisibleTo(measuring)
    assert section.pictures.parts["diameter"].image.image.shape[0] == 3
    assert "frame times are unknown" in section.words.text().lower()
    # a click in the picture shows the frame, with the line and a bar on it
    section.pictures.clicked.emit(2, 40)
    assert viewer.dims.current_step[0] == 2
    assert measuring.state.measured is not None
    line = layer_named(viewer, LINE)
    assert lines(viewer) == {YELLOW, RED, WHITE}
    assert all(path[0][0] == 2 for path in line.data)
    target = tmp_path / "vessel"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), "")
    )
    measuring.saving.tables.click()
    assert (target / "diameters.csv").exists()
    # another point is another vessel
    viewer.dims.set_current_step(0, 0)
    click(viewer, [tuple(phantom.centre[len(phantom.centre) // 2])])
    assert measuring.state.followed is None
    assert not section.pictures.isVisibleTo(measuring)


def test_a_report_needs_the_loops_dicom_file(
    viewer, measuring, phantom, qtbot, tmp_path, monkeypatch
):
    pytest.importorskip("highdicom")
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    target = tmp_path / "report.dcm"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), "")
    )
    measuring.saving.report.click()
    assert "was not read from DICOM files" in measuring.message.text()
    assert not target.exists()


def test_the_report_of_the_dock_is_read_back(
    viewer, dock, phantom, qtbot, tmp_path, monkeypatch
):
    hd = pytest.importorskip("highdicom")
    frames = (np.clip([phantom.frame] * 3, 0, 1) * 4095).astype(np.uint16)
    cine = Cine.from_array(
        frames, frame_times=np.arange(3) * 40.0, pixel_spacing=(SPACING, SPACING),
        intensity_relationship="LOG", bits_stored=12,
    )  # fmt: skip
    write_xa(tmp_path / "loop.dcm", cine)
    loop = read_cine(tmp_path / "loop.dcm")
    viewer._add_layer_from_data(*cine_layer(loop))
    viewer.dims.set_current_step(0, 0)
    made = dock(MeasureDock)
    made.place_button.setChecked(True)
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, made)
    target = tmp_path / "report.dcm"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), "")
    )
    made.saving.report.click()
    assert complaints(target) == []
    groups = hd.sr.srread(target).content.get_planar_roi_measurement_groups()
    (smallest,) = [
        m.value for m in groups[1].get_measurements()
        if m.derivation is not None and m.derivation.meaning == "Minimum"
    ]  # fmt: skip
    assert smallest == pytest.approx(made.state.measured.lesions[0].mld, abs=1e-3)


def test_masks_guide_the_centreline(viewer, measuring, phantom, qtbot):
    masks = np.zeros((3, *phantom.frame.shape), np.uint8)
    masks[0] = phantom.mask
    labels = viewer.add_labels(masks, name="masks")
    assert measuring.choices.guide.layer is None, "masks guide only by a user's choice"
    measuring.choices.guide.setCurrentText("masks")
    assert measuring.choices.guide.layer is labels
    asked = []
    measuring.state.asked.connect(asked.append)
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    np.testing.assert_array_equal(asked[-1].guide, phantom.mask)
    measuring.choices.guide.setCurrentText(NO_GUIDE)
    assert asked[-1].guide is None


def test_end_diastole_and_r_waves_are_marked_under_the_slider(
    viewer, measuring, phantom, qtbot
):
    strip = measuring.following.strip
    assert not strip.isVisible()
    strip.place(measuring)
    frames = np.clip([phantom.frame] * 24, 0, 1)
    cine = Cine.from_array(frames, intensity_relationship="LOG", name="plain")
    strip.show_heart(cine, np.array([3.4, 15.0]))
    strip.resize(240, 14)
    strip.grab()  # paints
    with qtbot.waitSignal(strip.clicked) as went:
        at = QPoint(round(strip.x_of(15.0, 24)), 5)
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=at)
    assert went.args == [15]
    strip.show_heart(cine, np.empty(0))
    assert not strip.isVisibleTo(strip.parentWidget())
    # R waves of the file are shown before anything is measured
    with_waves = dataclasses.replace(cine, r_waves=(4, 16))
    strip.show_heart(with_waves, np.empty(0))
    assert strip.wanted
    assert strip.r_waves == (4, 16)
    assert "R waves" in strip.toolTip()
    colors = strip.grab().toImage()
    x = round(strip.x_of(16, 24))
    seen = {colors.pixelColor(x + k, strip.height() // 2).name() for k in (-1, 0, 1)}
    assert R_WAVE in seen
    # unless the Cine dock shows them
    other = EcgStrip()
    strip.parentWidget().layout().addWidget(other)
    other.show_loop(with_waves)
    other.isVisible = lambda: True
    assert not strip.wanted
    strip.show_heart(with_waves, np.array([3.4]))
    assert strip.wanted


def test_what_a_frame_does_not_show_is_drawn_dashed():
    hidden = np.zeros(100, bool)
    assert dashed(hidden) == [(0, 99)]
    hidden[20:60] = True
    assert dashed(hidden) == [(0, 20), (29, 38), (47, 56), (60, 99)]
    hidden[:] = True
    assert dashed(hidden)[0] == (9, 18)
    assert max(last for _, last in dashed(hidden)) == 90
