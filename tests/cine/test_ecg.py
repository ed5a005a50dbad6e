"""Signals over the frames of a loop, and the heart rate."""

import numpy as np
import pytest

from napari_motionseg.cine.ecg import SignalTrace, heart_rate, trace_over_frames

TIMES = np.arange(10) * 40.0


def test_samples_lie_at_the_frames_of_their_times():
    beats = np.array([0, 0, 5, 0, 0, 0, 0, 0])
    moments = np.array([-40.0, 0, 20, 40, 80, 200, 360, 400])
    found = trace_over_frames({"a": SignalTrace(beats, moments, "ECG")}, 10, TIMES)
    np.testing.assert_allclose(found.frames, [-1, 0, 0.5, 1, 2, 5, 9, 10])
    np.testing.assert_allclose(found.values, beats / 5)
    assert found.timed


def test_uneven_frames_count():
    times = np.array([0.0, 100, 150])
    trace = SignalTrace(np.arange(4), np.array([0.0, 50, 125, 200]))
    found = trace_over_frames({"a": trace}, 3, times)
    np.testing.assert_allclose(found.frames, [0, 0.5, 1.5, 3])


@pytest.mark.parametrize("times", [None, TIMES])
def test_without_times_samples_lie_evenly_over_the_loop(times):
    found = trace_over_frames({"a": SignalTrace(np.arange(19))}, 10, times)
    np.testing.assert_allclose(found.frames, np.arange(19) / 2)
    assert not found.timed


def test_an_ecg_goes_before_other_signals_and_flat_leads_are_left_out():
    pressure = SignalTrace(np.arange(5), None, "PRESSURE")
    unnamed = SignalTrace(np.arange(5)[::-1])
    leads = SignalTrace(np.stack([np.ones(5), np.arange(5) % 2], 1), None, "ECG")
    found = trace_over_frames({"p": pressure, "u": unnamed, "e": leads}, 5, None)
    np.testing.assert_array_equal(found.values, [0, 1, 0, 1, 0])
    found = trace_over_frames({"p": pressure, "u": unnamed}, 5, None)
    np.testing.assert_array_equal(found.values, [1, 0.75, 0.5, 0.25, 0])
    assert trace_over_frames({"p": pressure}, 5, None) is None


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(0),
        np.zeros((0, 2)),
        np.full(5, 3),
        np.array([0, np.nan, 1]),
        np.array([0, np.inf]),
        np.array([-1.7e308, 1.7e308]),
        np.array([7]),
    ],
)
def test_what_cannot_be_drawn_is_no_trace(samples):
    assert trace_over_frames({"a": SignalTrace(samples)}, 10, TIMES) is None


def test_the_heart_rate_comes_from_r_waves_then_from_the_header():
    assert heart_rate((0, 5, 10), np.arange(12) * 160.0, {"HeartRate": 90}) == (
        75.0, "from 3 R waves",
    )  # fmt: skip
    assert heart_rate((3,), TIMES, {"HeartRate": 90}) == (90.0, "HeartRate")
    assert heart_rate((0, 5), None, {"NominalInterval": 1000.0}) == (
        60.0, "NominalInterval",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("waves", "technical"),
    [
        ((), {}),
        ((0, 1), {}),  # 1500 beats a minute
        ((0, 99), {}),
        ((), {"HeartRate": 0}),
        ((), {"HeartRate": -70}),
        ((), {"HeartRate": "seventy"}),
        ((), {"HeartRate": [60, 70]}),
        ((), {"HeartRate": True}),
        ((), {"NominalInterval": 1}),
    ],
)
def test_no_heart_beats_so(waves, technical):
    assert heart_rate(waves, TIMES, technical) is None
