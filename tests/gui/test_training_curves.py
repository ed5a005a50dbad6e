"""The plots of a training show its loss, and what an embedding explains."""

from napari_motionseg.widgets.common.curve_plot import TrainingCurves


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
