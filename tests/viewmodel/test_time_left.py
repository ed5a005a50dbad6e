import pytest

from napari_motionseg.jobs import Progress
from napari_motionseg.viewmodel import time_left
from napari_motionseg.viewmodel.time_left import TimeLeft, duration


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands where the test puts it."""
    now = [1000.0]
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now[0])
    return now


def test_time_left_counts_from_the_first_step(clock):
    left = TimeLeft()
    clock[0] += 100  # the process starts
    left.step(Progress(1, 10))
    assert left.seconds is None
    for _ in range(2):
        clock[0] += 2
        left.step(Progress(left_steps(clock), 10))
    assert left.seconds == pytest.approx(7 * 2)  # not 7 * 34
    assert left.passed == 104


def left_steps(clock):
    return 1 + round((clock[0] - 1100) / 2)


def test_steps_that_were_done_before_say_nothing(clock):
    left = TimeLeft()
    left.step(Progress(30, 45))  # kept from an earlier run
    for step in (31, 32):
        clock[0] += 3
        left.step(Progress(step, 45))
    assert left.seconds == pytest.approx(13 * 3)


@pytest.mark.parametrize("again", [Progress(1, 8), Progress(1, 20)])
def test_another_part_of_a_job_is_measured_anew(clock, again):
    left = TimeLeft()
    for step in range(1, 5):
        clock[0] += 1
        left.step(Progress(step, 8))
    assert left.seconds == pytest.approx(4)
    left.step(again)
    assert left.seconds is None


def test_durations_in_words():
    assert duration(0.4) == "0 s"
    assert duration(89) == "89 s"
    assert duration(300) == "5 min"
