"""The plots of a training show its loss, and what an embedding explains."""

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QComboBox, QFormLayout, QScrollArea, QVBoxLayout, QWidget

from napari_motionseg.widgets.common.curve_plot import TrainingCurves
from napari_motionseg.widgets.common.fold import Fold
from napari_motionseg.widgets.common.plain_labels import WrappedLabel


def test_what_is_explained_is_plotted_where_it_is_measured(qtbot):
    curves = TrainingCurves()
    qtbot.addWidget(curves)
    assert curves.isHidden()
    curves.add(1, {"loss": 2.0})
    curves.draw()
    assert not curves.isHidden()
    assert curves.explained.isHidden()
    measured = {"held_out_explained": 0.25, "shuffled_explained": -40.0}
    curves.add(2, {"loss": 1.0} | measured)
    curves.add(3, {"loss": 1.0})
    curves.draw()
    assert not curves.explained.isHidden()
    motion, shuffled = (curve.getData() for curve in curves.explained._curves.values())
    assert [list(values) for values in motion] == [[2], [0.25]]
    assert [list(values) for values in shuffled] == [
        [2],
        [-0.5],
    ]  # the edge of the plot
    curves.clear()
    assert curves.isHidden()
    assert curves.explained.points == {}


def test_a_text_shown_below_a_plot_has_all_its_lines(qtbot):
    fold = Fold("Advanced")
    form = QFormLayout()
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    fold.add_form(form)
    for name in "abcde":
        form.addRow(name, QComboBox())
    curves = TrainingCurves()
    form.addRow(curves)
    form.addRow("Device", QComboBox())
    warning = WrappedLabel("soon")
    form.addRow(warning)
    warning.hide()
    room = QWidget()
    column = QVBoxLayout(room)
    column.setAlignment(Qt.AlignmentFlag.AlignTop)
    column.addWidget(fold)
    area = QScrollArea()
    area.setWidget(room)
    area.setWidgetResizable(True)
    area.resize(320, 200)
    qtbot.addWidget(area)
    with qtbot.waitExposed(area):
        area.show()
    fold.open()
    QTest.qWait(200)
    for step in range(1, 6):
        curves.add(step, {"loss": 1 / step})
    curves.draw()
    QTest.qWait(200)
    warning.setText(
        "The connection to gpu-host:8786 is not encrypted: others in the network can "
        "see the pictures."
    )
    warning.show()
    QTest.qWait(300)  # the form is laid out several times
    assert warning.height() >= warning.heightForWidth(warning.width()) > 30
