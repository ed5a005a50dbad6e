"""End diastoles from motion beside the R waves of a file."""

import numpy as np
import pytest

from napari_motionseg.measurement.r_wave_check import check_by_r_waves

TIMES = np.arange(40) * 66.7


def test_offsets_are_those_of_the_nearest_end_diastole():
    waves = (5, 17, 29)
    found = TIMES[list(waves)] + (20.0, -30.0, 150.0)
    check = check_by_r_waves(found, waves, TIMES)
    np.testing.assert_allclose(check.offsets_ms, (20, -30, 150))
    assert (check.found, check.offset_ms, check.agrees) == (2, 20, True)
    assert check.sentence().startswith(
        "2 of 3 R waves of the file have an end diastole"
    )
    assert check.sentence().endswith("(median +20 ms)")


def test_a_beat_that_is_half_a_beat_off_is_not_trusted():
    waves = (6, 18, 30)
    check = check_by_r_waves(TIMES[[12, 24, 36]], waves, TIMES)
    assert (check.found, check.agrees) == (0, False)
    assert check.sentence().endswith("do not trust the phase of the heart")


def test_one_frame_of_rounding_is_near_enough():
    check = check_by_r_waves(TIMES[[11]], (10,), TIMES)
    assert check.found == 1


@pytest.mark.parametrize(("found", "waves"), [([], (9,)), ([300.0], (0, 1, 38, 99))])
def test_without_a_wave_in_the_loop_there_is_no_check(found, waves):
    assert check_by_r_waves(np.array(found), waves, TIMES) is None


def test_random_beats_against_a_search_one_by_one():
    draws = np.random.default_rng(0)
    for _ in range(20):
        found = np.sort(draws.uniform(0, TIMES[-1], 4))
        waves = sorted(draws.choice(np.arange(2, 36), 3, replace=False).tolist())
        check = check_by_r_waves(found, waves, TIMES)
        near = 0
        for wave, offset in zip(waves, check.offsets_ms, strict=True):
            nearest = min((one - TIMES[wave] for one in found), key=abs)
            assert offset == nearest
            near += abs(nearest) <= 1.001 * 66.7
        assert check.found == near
