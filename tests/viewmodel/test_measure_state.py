"""State of the Measure dock without a window."""

import dataclasses

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.jobs import run
from napari_motionseg.measurement import Calibration, follow_vessel_job
from napari_motionseg.measurement.centreline import vessel_cost
from napari_motionseg.motion import FlowSequence
from napari_motionseg.synthesis.vessel_phantom import vessel_phantom
from napari_motionseg.viewmodel import measure_state, vessel_question
from napari_motionseg.viewmodel.measure_state import WAITING, MeasureState
from napari_motionseg.viewmodel.vessel_notes import LoopNotes, VesselNotes


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


def test_numbers_follow_a_drag_that_is_quicker_than_measuring(asked):
    state, questions, ends = asked
    state.place(0, ends)
    state.accept(questions[0], questions[0].answer())
    exact = state.measured
    shown = []
    state.changed.connect(lambda: shown.append(state.measured))
    state.hold(True)
    (row, column), last = ends[0], ends[1]
    for step in (1, 2, 3):
        state.place(0, ((row, column + 6 * step), last))
    assert all(one.preview_of is exact for one in questions[1:])
    # the window has asked for the first of them, and keeps only the newest beside it
    state.accept(questions[1], questions[1].answer())
    assert shown[-1] is state.measured
    assert state.measured is not exact
    assert state.being_measured
    state.accept(questions[3], questions[3].answer())
    quick = state.measured
    assert quick.profile.arc_length[-1] < exact.profile.arc_length[-1] - 3
    assert state.results.number_of(quick.profile) is None, "previews are not followed"
    count = len(questions)
    state.hold(False)
    assert len(questions) == count + 1
    assert questions[-1].preview_of is None
    assert questions[-1].points == questions[3].points
    state.accept(questions[-1], questions[-1].answer())
    assert len(state.measured.profile.line) > 1.8 * len(quick.profile.line)
    assert state.results.number_of(state.measured.profile) == 1
    inner = state.measured.profile.diameters[10:-10]
    assert np.median(quick.profile.diameters) == pytest.approx(
        np.median(inner), rel=0.02
    )
    state.vessels.undo()
    assert state.points == ends, "a drag is one step"


def test_a_press_that_moves_nothing_asks_nothing(asked):
    state, questions, ends = asked
    state.place(0, ends)
    state.accept(questions[0], questions[0].answer())
    state.hold(True)
    state.hold(False)
    assert len(questions) == 1


def test_an_answer_about_other_choices_is_no_preview(asked):
    state, questions, ends = asked
    state.place(0, ends)
    state.choose(method="edges")
    state.accept(questions[0], questions[0].answer())
    assert state.measured is None
    state.accept(questions[1], questions[1].answer())
    assert state.measured.profile.method == "edges"


def test_a_drag_into_tissue_ends_in_a_sentence(asked):
    state, questions, ends = asked
    state.place(0, ends)
    state.accept(questions[0], questions[0].answer())
    state.hold(True)
    state.place(0, ((3.0, 20.0), (3.0, 60.0)))
    state.accept(questions[-1], questions[-1].answer())
    state.hold(False)
    state.accept(questions[-1], questions[-1].answer())
    assert state.measured is None
    assert state.message.startswith("Nothing along the line")


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


def test_a_shaft_has_the_blur_of_the_vessel_measured_before(asked, monkeypatch):
    state, questions, ends = asked
    blurs = []

    def calibrated(*_, blur=None):
        blurs.append(blur)
        return Calibration(0.2, 0.2, "catheter 6F", True)

    monkeypatch.setattr(measure_state, "calibration_by_catheter", calibrated)
    state.place(0, ends)
    state.calibrate_by_catheter(6)
    state.accept(questions[-1], questions[-1].answer())
    state.place(0, ())  # it was a shaft, whose blur is none of a vessel
    state.place(1, ends)
    state.accept(questions[-1], questions[-1].answer())
    vessel = state.measured.profile.fit.blur
    state.place(1, ())
    shaft = ends[::-1]
    state.place(1, shaft)
    state.calibrate_by_catheter(6)
    state.place(1, ())
    state.place(1, shaft)
    state.calibrate_by_catheter(6)
    assert blurs == [None, vessel, vessel]
    state.show_loop(state.cine)
    state.place(0, ends)
    state.calibrate_by_catheter(6)
    assert blurs[-1] is None  # nothing is known of another loop


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

    def cost(frame, probability=None):
        searched.append(1)
        return vessel_cost(frame)

    monkeypatch.setattr(vessel_question, "vessel_cost", cost)
    state.place(0, ends)
    state.place(0, (ends[0], (ends[1][0], ends[1][1] - 10)))
    found = [question.answer() for question in questions]
    assert len(searched) == 1
    assert found[1].profile.arc_length[-1] < found[0].profile.arc_length[-1]
    state.place(1, ends)
    questions[-1].answer()
    assert len(searched) == 2
    assert len(questions[-1].costs) == 1


def measured_lesion():
    phantom = vessel_phantom(radius=4.0, depth=0.5, noise=0.004, size=96)
    cine = Cine.from_array(
        np.clip([phantom.frame] * 2, 0, 1), pixel_spacing=(0.2, 0.2),
        intensity_relationship="LOG",
    )  # fmt: skip
    state, questions = MeasureState(), []
    state.asked.connect(questions.append)
    state.show_loop(cine)
    state.choose(reference_method="mean local")
    state.place(0, tuple(phantom.ends()))
    state.accept(questions[-1], questions[-1].answer())
    return state, questions


def test_markers_change_the_reference_without_a_question():
    state, questions = measured_lesion()
    before, length = state.measured, state.measured.profile.arc_length[-1]
    count = len(questions)
    state.move_markers(0.9 * length, 0.5 * length)  # in any order
    assert len(questions) == count
    assert state.markers == (0.5 * length, 0.9 * length)
    # one marker lies in the lesion now
    assert state.measured.reference[0] < before.reference[0] - 0.2
    state.move_markers(0.5 * length, 0.5 * length)
    assert state.markers == (0.5 * length, 0.9 * length)
    state.choose(method="tube")  # asked again, with the usual markers
    assert questions[-1].markers is None


def test_borders_that_meet_keep_the_lesion():
    state, _ = measured_lesion()
    before = state.measured
    state.move_borders(0, 3.01, 3.02)
    assert state.measured is before
    state.move_borders(0, 1.0, 4.0)
    assert state.measured.lesions[0].length == pytest.approx(3.0, abs=0.2)


def test_a_vessel_that_changed_meanwhile_takes_no_followed_one():
    state, _ = measured_lesion()
    cine, profile = state.cine, state.measured.profile
    still = np.zeros((1, 2, 96, 96), np.float32)
    job = follow_vessel_job(
        cine, FlowSequence(still, still, 1, "exact"), 0, profile.line
    )
    followed = run(job)
    other = dataclasses.replace(profile)
    assert state.follow(followed, other) == "the vessel has changed meanwhile"
    assert state.followed is None
    assert state.follow(followed, profile) is None
    assert "frame times are unknown" in state.numbers.notes[0]
    state.place(1, ())  # to another frame: it was followed there
    assert state.followed is followed
    state.place(0, ((40.0, 10.0), (44.0, 60.0)))
    assert state.followed is None


def answered(state, questions):
    """Answer questions until none is open."""
    done = 0
    while done < len(questions):
        done = len(questions)
        state.accept(questions[-1], questions[-1].answer())


def test_several_vessels_keep_their_numbers(asked):
    state, questions, ends = asked
    state.place(0, ends)
    answered(state, questions)
    first = state.measured
    state.vessels.add()
    assert state.vessel.number == 2
    assert state.measured is None
    assert state.message == WAITING
    state.place(1, ends)
    answered(state, questions)
    assert [(one.number, one.measured.frame) for one in state.all_measured()] == [
        (1, 0),
        (2, 1),
    ]
    state.vessels.show(1)
    answered(state, questions)
    assert state.measured.frame == first.frame
    state.vessels.remove()
    assert [one.number for one in state.all_measured()] == [2]


def test_undo_brings_points_and_numbers_back(asked):
    state, questions, ends = asked
    told = []
    state.replaced.connect(lambda: told.append(state.vessel.places))
    state.place(0, ends[:1])
    state.place(0, ends)
    answered(state, questions)
    length = state.measured.profile.arc_length[-1]
    shorter = (ends[0], tuple(state.measured.profile.line.points[80]))
    state.place(0, (ends[0], ends[1], shorter[1]))
    state.place(0, shorter)
    answered(state, questions)
    assert state.measured.profile.arc_length[-1] < 0.8 * length
    state.vessels.undo()
    state.vessels.undo()
    answered(state, questions)
    assert told[-1] == ((0, *ends[0]), (0, *ends[1]))
    assert state.measured.profile.arc_length[-1] == pytest.approx(length)
    state.vessels.undo()
    state.vessels.undo()
    assert not state.vessels.can_undo
    assert state.all_measured() == []
    state.vessels.redo()
    state.vessels.redo()
    answered(state, questions)
    assert state.measured.profile.arc_length[-1] == pytest.approx(length)


def test_undo_of_a_removed_vessel_and_of_a_calibration(asked):
    state, questions, ends = asked
    state.place(0, ends)
    answered(state, questions)
    state.calibrate(Calibration(0.4, 0.4, "ruler", True))
    answered(state, questions)
    assert state.warning
    wide = state.measured.profile.diameters.mean()
    state.vessels.remove()
    assert state.all_measured() == []
    state.vessels.undo()
    answered(state, questions)
    assert state.measured.profile.diameters.mean() == pytest.approx(wide)
    state.vessels.undo()
    answered(state, questions)
    assert state.measured.profile.diameters.mean() == pytest.approx(wide / 2)
    assert state.warning == ""


def test_all_vessels_of_notes_are_measured(asked):
    """As after a project was opened, and with another calibration."""
    state, questions, ends = asked
    notes = LoopNotes(
        (
            VesselNotes(1, tuple((0, *end) for end in ends)),
            VesselNotes(3, tuple((1, *end) for end in ends)),
            VesselNotes(4, ((1, 3.0, 20.0), (1, 3.0, 60.0))),  # no vessel there
        ),
        3,
    )
    state.show_loop(state.cine, notes)
    answered(state, questions)
    assert [one.number for one in state.all_measured()] == [1, 3]
    assert state.measured.frame == 1
    state.calibrate(Calibration(0.4, 0.4, "ruler", True))
    answered(state, questions)
    units = {one.measured.profile.calibration.basis for one in state.all_measured()}
    assert units == {"ruler"}


def test_moved_borders_are_kept_and_undone():
    state, questions = measured_lesion()
    before = state.measured.lesions[0].length
    state.move_borders(0, 1.0, 4.0)
    moved = state.vessels.notes
    state.vessels.undo()
    answered(state, questions)
    assert state.measured.lesions[0].length == pytest.approx(before)
    state.show_loop(state.cine, moved)
    answered(state, questions)
    assert state.measured.lesions[0].length == pytest.approx(3.0, abs=0.2)
