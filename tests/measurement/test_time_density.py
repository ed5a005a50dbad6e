"""Curves of contrast in regions, of loops whose darkness is known."""

import csv
import math

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.measurement.time_density import time_density, write_time_density

TIMES = np.arange(20) * 100.0


@pytest.fixture(scope="module")
def bolus():
    """Return a loop in which contrast comes and goes in the left half alone."""
    dark = 0.3 * np.interp(TIMES, [400, 800, 1200, 1600], [0, 1, 1, 0])
    frames = np.full((20, 16, 16), 0.7, np.float32)
    frames[:, :, :8] -= dark[:, None, None].astype(np.float32)
    cine = Cine.from_array(
        frames, frame_times=TIMES, intensity_relationship="LOG", name="bolus"
    )
    return cine, dark


def halves():
    left = np.zeros((16, 16), bool)
    left[:, 2:6] = True
    return {"left": left, "right": ~left & (np.arange(16) > 8)}


def test_a_region_has_the_darkness_that_passes_through_it(bolus):
    cine, dark = bolus
    left, right = time_density(cine, halves())
    np.testing.assert_allclose(left.darkness, dark, atol=1e-4)
    np.testing.assert_allclose(right.darkness, 0, atol=1e-6)
    assert left.arrival_ms == pytest.approx(600, abs=1)
    assert left.wash_out_ms == pytest.approx(1400, abs=1)
    assert 8 <= left.peak_frame <= 12
    assert np.isnan(right.arrival_ms)
    row = left.as_dict()
    assert (row["pixels"], row["arrival_ms"]) == (64, pytest.approx(600, abs=1))
    assert right.as_dict()["arrival_ms"] is None


def test_without_times_there_is_a_curve_and_no_arrival(bolus):
    _, dark = bolus
    frames = np.repeat((0.7 - dark)[:, None, None], 4, axis=1).repeat(4, axis=2)
    cine = Cine.from_array(frames.astype(np.float32), intensity_relationship="LOG")
    (one,) = time_density(cine, {"all": np.ones((4, 4), bool)})
    assert np.isnan([one.arrival_ms, one.peak_ms, one.wash_out_ms]).all()
    np.testing.assert_allclose(one.darkness, dark, atol=1e-4)


def test_the_table_has_a_column_for_each_region(bolus, tmp_path):
    cine, dark = bolus
    path = tmp_path / "curves.csv"
    write_time_density(path, cine, time_density(cine, halves()))
    head, *rows = csv.reader(path.read_text().splitlines())
    assert head == ["frame", "time (ms)", "left: darkness", "right: darkness"]
    assert len(rows) == 20
    assert [float(one) for one in rows[10]][:2] == [10, 1000]
    assert float(rows[10][2]) == pytest.approx(dark[10], abs=1e-4)


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ({}, "draw one"),
        ({"a": np.ones((4, 4), bool)}, r"a must have the frames' shape \(16, 16\)"),
        ({"b": np.zeros((16, 16), bool)}, "with 0 pixels"),
    ],
)
def test_what_is_no_region(bolus, regions, words):
    with pytest.raises(MeasurementError, match=words):
        time_density(bolus[0], regions)


@pytest.mark.parametrize("relationship", ["LOG", "LIN"])
def test_the_curve_equals_a_mean_taken_pixel_by_pixel(relationship):
    rng = np.random.default_rng(0)
    stored = rng.integers(200, 4000, (4, 6, 7)).astype(np.uint16)
    cine = Cine.from_array(
        stored, frame_times=np.arange(4) * 50.0, bits_stored=12,
        intensity_relationship=relationship,
    )  # fmt: skip
    region = rng.random((6, 7)) > 0.5
    dark = []
    for t in range(4):
        frame = cine.normalized(t)
        inside = [float(frame[place]) for place in map(tuple, np.argwhere(region))]
        if relationship == "LIN":
            inside = [math.log(value) for value in inside]
        dark.append(-sum(inside) / len(inside))
    (one,) = time_density(cine, {"all": region})
    np.testing.assert_allclose(one.darkness, np.array(dark) - min(dark), atol=1e-5)
    assert one.peak_frame == int(np.argmax(dark))
    assert one.pixels == int(region.sum())
