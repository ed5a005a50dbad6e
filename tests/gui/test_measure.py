"""The Measure dock: click two points, read the numbers of a known vessel."""

import dataclasses

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog

from napari_motionseg.cine import Cine
from napari_motionseg.contributions import cine_layer
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom
from napari_motionseg.widgets.measure.dock import MeasureDock
from napari_motionseg.widgets.measure.vessel_layers import LINE, POINTS

SPACING = 0.2
LONG = 20_000


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
    """Count the paths of the centreline's layer."""
    layer = layer_named(viewer, LINE)
    return 0 if layer is None else len(layer.data)


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
    line = layer_named(viewer, LINE)
    assert len(line.data) == 2  # the vessel, and its lesion in red
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
    assert lines(viewer) == 0
    assert not measuring.save_button.isEnabled()
    viewer.dims.set_current_step(0, 0)
    wait_for_numbers(qtbot, measuring)


def test_where_there_is_no_vessel_it_says_so(viewer, measuring, qtbot):
    click(viewer, [(5.0, 30.0), (5.0, 70.0)])
    qtbot.waitUntil(lambda: "darker" in measuring.message.text(), timeout=LONG)
    assert measuring.values["Length"].text() == "-"
    assert lines(viewer) == 0


def test_other_methods_and_a_catheter(viewer, measuring, phantom, qtbot):
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    measuring.reference.setCurrentText("mean local")
    qtbot.waitUntil(
        lambda: "mean local" in measuring.values["Reference"].text(), timeout=LONG
    )
    measuring.french.setValue(12)  # 4 mm for a tube of about 9 px
    measuring.catheter_button.click()
    qtbot.waitUntil(
        lambda: measuring.state.measured.profile.calibration.basis == "catheter 12F",
        timeout=LONG,
    )
    assert "catheter 12F" in measuring.values["A pixel"].text()
    assert "calibrations differ" in measuring.warning.text()
    measuring.header_button.click()
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
    measuring.save_button.click()
    assert (target / "profile.csv").exists()
    (target / "notes.txt").write_text("mine")
    measuring.save_button.click()
    assert (target / "notes.txt").read_text() == "mine"
    assert "did not write" in measuring.message.text()


def test_layers_that_go(viewer, measuring, phantom, qtbot):
    click(viewer, phantom.ends())
    wait_for_numbers(qtbot, measuring)
    viewer.layers.remove(layer_named(viewer, POINTS))
    assert measuring.state.measured is None
    assert lines(viewer) == 0
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
