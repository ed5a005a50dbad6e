"""Speeds against a loop over pixels, and in millimetres where those are known."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.motion import FlowSequence, SpeedScale, mean_speed


@pytest.fixture
def flow():
    vectors = np.random.default_rng(4).normal(size=(4, 2, 12, 14)).astype(np.float32)
    return FlowSequence(vectors, None, 2, "given")


def test_mean_speed_of_all_and_of_labels(flow):
    lengths = np.linalg.norm(flow.forward, axis=1)
    # the gap is 2 frames: the speed in px/frame is half of the length
    np.testing.assert_allclose(mean_speed(flow), lengths.mean((1, 2)) / 2, rtol=1e-5)
    labels = np.random.default_rng(5).integers(0, 3, (6, 12, 14))
    labels[2] = 0
    found = mean_speed(flow, labels)
    assert np.isnan(found[2])
    for t in (0, 1, 3):
        total = count = 0
        for r in range(12):
            for c in range(14):
                if labels[t, r, c]:
                    total += lengths[t, r, c] / 2
                    count += 1
        assert found[t] == pytest.approx(total / count, rel=1e-5)


def test_masks_must_fit(flow):
    for shape in ((6, 11, 14), (3, 12, 14)):
        with pytest.raises(MotionError, match="do not fit a flow of 4 frames"):
            mean_speed(flow, np.ones(shape, bool))


def test_speed_in_millimetres_counts_each_axis_with_its_spacing(flow):
    scale = SpeedScale(2, gap_ms=200, spacing=(0.5, 0.25))
    assert scale.known
    assert scale.unit == "mm/s"
    # 3 px across are 0.75 mm, 2 px down are 1 mm: 1.25 mm in a fifth of a second
    assert float(scale.speed(3, 2)) == pytest.approx(6.25)
    assert scale.of_motion(3, -2) == "3.6 px (+3.0 across, -2.0 down), 6 mm/s"
    x, y = flow.forward[1]
    expected = np.sqrt((x * 0.25) ** 2 + (y * 0.5) ** 2).mean() / 0.2
    assert mean_speed(flow, scale=scale)[1] == pytest.approx(expected, rel=1e-5)


def test_a_length_of_no_direction_takes_the_mean_spacing():
    assert SpeedScale(1, 100, (0.5, 0.5)).of_length(4) == "4.0 px in 100 ms, 20 mm/s"
    assert SpeedScale(1, 100, (0.6, 0.4)).of_length(4) == "4.0 px in 100 ms, 20 mm/s"


def test_what_is_unknown_is_said_and_never_guessed():
    pixels = np.zeros((4, 8, 8), np.uint8)
    bare = SpeedScale.of(Cine.from_array(pixels), 2)
    assert bare.missing == "magnification and frame times"
    assert bare.unit == "px/frame"
    assert float(bare.speed(6, 8)) == bare.speed_of(10) == 5
    assert bare.of_length(5) == "5.0 px in 2 frames"
    assert "mm" not in bare.of_motion(1, 1)
    timed = SpeedScale.of(Cine.from_array(pixels, frame_times=np.arange(4) * 50.0), 2)
    assert (timed.gap_ms, timed.missing) == (100, "magnification")
    assert timed.of_length(5) == "5.0 px in 100 ms"
    assert float(timed.speed(3, 4)) == 2.5
    spaced = SpeedScale.of(Cine.from_array(pixels, pixel_spacing=(0.3, 0.3)), 1)
    assert (spaced.missing, spaced.unit) == ("frame times", "px/frame")
    assert spaced.of_length(5) == "5.0 px a frame"
