import dataclasses

import numpy as np
import pytest

from napari_motionseg.cine import Cine, Subtraction
from napari_motionseg.errors import SettingsError
from napari_motionseg.subtraction import subtracted, subtraction_of

PIXELS = np.random.default_rng(0).integers(1, 256, (6, 5, 7), dtype=np.uint8)


def loop(*items, relationship="LIN"):
    cine = Cine.from_array(PIXELS, intensity_relationship=relationship)
    return dataclasses.replace(cine, subtraction=items)


def test_average_mask_in_the_logarithm():
    cine = loop(Subtraction("AVG_SUB", (0, 2), (1, 4)))
    density = np.log(PIXELS / 255)
    expected = density - density[[0, 2]].mean(axis=0)
    expected[[0, 5]] = 0
    np.testing.assert_allclose(subtracted(cine)[:], expected, atol=1e-5)


def test_logarithmic_pixels_are_subtracted_as_they_are():
    cine = loop(Subtraction("AVG_SUB", (0,)), relationship="LOG")
    expected = (PIXELS - PIXELS[0].astype(float)) / 255
    np.testing.assert_allclose(subtracted(cine)[:], expected, atol=1e-6)


@pytest.mark.parametrize(("operation", "step"), [("TID", -2), ("REV_TID", 2)])
def test_time_interval_differencing(operation, step):
    cine = loop(Subtraction(operation, tid_offset=2), relationship="LOG")
    result = subtracted(cine)[:]
    for t in range(6):
        other = t + step if 0 <= t + step < 6 else t
        expected = (PIXELS[t].astype(float) - PIXELS[other]) / 255
        np.testing.assert_allclose(result[t], expected, atol=1e-6)


def test_a_loop_minus_itself_is_nothing():
    cine = loop(Subtraction("AVG_SUB", (3,)))
    assert not subtracted(cine)[3].any()


def test_nothing_to_subtract():
    for cine in (loop(), loop(Subtraction("NONE")), loop(Subtraction("AVG_SUB"))):
        assert subtraction_of(cine) is None
        with pytest.raises(SettingsError, match="no mask frames to subtract"):
            subtracted(cine)
