"""State of the Measure dock without a window."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement import Calibration
from napari_motionseg.measurement.centreline import vessel_cost
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom
from napari_motionseg.viewmodel import measure_state
from napari_motionseg.viewmodel.measure_state import WAITING, MeasureState


@pytest.fixture
def asked():
    """Return a state on a phantom, and the questions that it asks."""
    phantom = vessel_phantom(radius=4.0, noise=0.004, size=96)
    cine = Cine.from_array(
        np.clip([phantom.frame] * 2, 0, 1), pixel_spacing=(0.2, 0.2),
        intensity_relationship="LOG",
    )  # fmt: skip
    state, questions = MeasureState(), []
    state.asked.connect(questions.append)
    state.show_loop(cine)
    return state, questions, tuple(phantom.ends())


def test_two_points_ask_once(asked):
    state, questions, ends = asked
    state.place(0, ends[:1])
    assert (questions, state.message) == ([], WAITING)
    state.place(0, ends)
    state.place(0, ends)
    assert len(questions) == 1
    state.accept(questions[0], questions[0].answer())
    assert state.measured.frame == 0
    assert state.message == ""


def test_an_answer_that_comes_too_late_is_dropped(asked):
    state, questions, ends = asked
    state.place(0, ends)
    state.place(1, ends)
    state.accept(questions[0], questions[0].answer())
    assert state.measured is None
    state.accept(questions[1], questions[1].answer())
    assert state.measured.frame == 1


def test_errors_become_a_sentence(asked):
    state, questions, ends = asked
    state.place(0, ((3.0, 20.0), (3.0, 60.0)))
    state.accept(questions[0], questions[0].answer())
    assert state.measured is None
    assert state.message.startswith("Nothing along the line")
    assert state.message.endswith(".")


def test_a_catheter_needs_two_points(asked):
    state, questions, ends = asked
    with pytest.raises(MeasurementError, match="two points on the shaft"):
        state.calibrate_by_catheter(6)
    state.place(0, ends)
    state.calibrate_by_catheter(6)
    assert state.calibration.column_mm == pytest.approx(0.25, rel=0.02)
    assert "differ by 25%" in state.warning
    state.calibrate_by_header()
    assert state.warning == ""
    assert state.calibration.column_mm == 0.2


def test_another_loop_begins_anew(asked):
    state, questions, ends = asked
    state.place(0, ends)
    state.accept(questions[0], questions[0].answer())
    state.show_loop(None)
    assert state.cine is None
    assert state.measured is None
    state.place(0, ends)
    state.choose(method="edges")
    state.calibrate(Calibration())
    assert len(questions) == 1


def test_a_dragged_point_needs_no_second_search_for_vessels(asked, monkeypatch):
    state, questions, ends = asked
    searched = []

    def cost(frame):
        searched.append(1)
        return vessel_cost(frame)

    monkeypatch.setattr(measure_state, "vessel_cost", cost)
    state.place(0, ends)
    state.place(0, (ends[0], (ends[1][0], ends[1][1] - 10)))
    found = [question.answer() for question in questions]
    assert len(searched) == 1
    assert found[1].profile.arc_length[-1] < found[0].profile.arc_length[-1]
    state.place(1, ends)
    questions[-1].answer()
    assert len(searched) == 2
    assert len(questions[-1].costs) == 1
