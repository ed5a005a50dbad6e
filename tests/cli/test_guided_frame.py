"""The frame of clicks comes with its field of view."""

import numpy as np
import pytest

from napari_motionseg.cine import Cine
from napari_motionseg.cli import guided_frame
from napari_motionseg.errors import SettingsError


@pytest.fixture
def loop(monkeypatch):
    frames = np.full((2, 128, 128), 30000, np.uint16)
    frames += np.random.default_rng(0).integers(0, 9000, frames.shape, np.uint16)
    frames[:, :, :20] = 0
    cine = Cine.from_array(frames)
    monkeypatch.setattr("napari_motionseg.io.read_cine", lambda path: cine)
    return cine


def test_the_field_of_view_is_found_unless_it_is_not_wanted(loop):
    _, picture, field = guided_frame.read_frame("loop", 1, False)
    np.testing.assert_array_equal(picture, loop.normalized(1))
    assert not field[60, 5]
    assert field[60, 60]
    assert guided_frame.read_frame("loop", 1, True)[2] is None


def test_a_frame_that_is_not_there_is_refused(loop):
    with pytest.raises(SettingsError, match="from 0 to 1 for loop; got 2"):
        guided_frame.read_frame("loop", 2, False)
