import gc

import pytest

from napari_motionseg.jobs import Progress
from napari_motionseg.viewmodel.frame_marks import FrameMarks


class Layer:
    """Stands for a layer of napari."""


@pytest.fixture
def layer():
    return Layer()


@pytest.fixture
def marks():
    return FrameMarks()


def states(marks):
    return [marks.state(t) for t in range(marks.count)]


def test_frames_that_are_not_done_differ_from_those_that_are(marks, layer):
    told = []
    marks.changed.connect(lambda: told.append(marks.words()))
    marks.begin(layer, 4, "Segmenting x", done=[3], current=1)
    assert states(marks) == ["waiting", "running", "waiting", "done"]
    marks.advance(Progress(1, 3, frames=(1,), next_frame=2))
    assert states(marks) == ["waiting", "done", "running", "done"]
    marks.expect(0)
    assert states(marks) == ["running", "done", "waiting", "done"]
    assert told[-1] == "Segmenting x: 2 of 4 frames done"
    marks.expect(1)  # done already
    assert marks.current == 0


def test_what_was_kept_stays_marked_until_all_is_done(marks, layer):
    marks.begin(layer, 3, "Flow")
    marks.advance(Progress(1, 3, frames=(0, 1)))
    marks.end(keep=True)
    assert states(marks) == ["done", "done", "waiting"]
    marks.begin(layer, 3, "Flow", done=marks.done)
    marks.advance(Progress(3, 3, frames=(2,)))
    marks.end(keep=True)
    assert states(marks) == ["", "", ""]  # where all are done, no mark is needed
    assert marks.words() == ""


def test_what_is_lost_is_not_marked(marks, layer):
    marks.begin(layer, 3, "Flow")
    marks.advance(Progress(1, 3, frames=(0,)))
    marks.end(keep=False)
    assert states(marks) == ["", "", ""]


def test_labelled_frames_are_marked_beside(marks, layer):
    assert marks.look_at(layer, 3)
    marks.set_labelled([1])
    assert marks.words() == "1 labelled frame"
    marks.begin(layer, 3, "Segmenting x")
    marks.advance(Progress(1, 3, frames=(0,)))
    marks.set_labelled([1, 2])
    assert marks.words() == "Segmenting x: 1 of 3 frames done; 2 labelled frames"
    assert marks.labelled == {1, 2}


def test_a_loop_that_is_only_looked_at_does_not_take_the_marks_of_a_job(marks, layer):
    other = Layer()
    marks.begin(layer, 3, "Flow")
    assert not marks.look_at(other, 5)
    assert (marks.loop, marks.count) == (layer, 3)
    marks.end(keep=True)
    assert marks.look_at(other, 5)
    assert (marks.loop, marks.count, marks.labelled) == (other, 5, frozenset())


def test_marks_keep_no_layer_alive(marks):
    marks.look_at(Layer(), 3)
    gc.collect()
    assert marks.loop is None


def test_steps_outside_of_a_run_or_loop_mark_nothing(marks, layer):
    marks.advance(Progress(1, 2, frames=(0,)))
    assert marks.done == set()
    marks.begin(layer, 2, "Flow")
    marks.advance(Progress(1, 2, frames=(7,)))
    assert marks.done == set()
