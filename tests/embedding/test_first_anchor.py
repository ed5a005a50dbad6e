"""The first anchor stands on a vessel, by a network or by the picture alone."""

import numpy as np
import pytest

from napari_motionseg.embedding.first_anchor import vessel_pixel
from napari_motionseg.errors import SettingsError


def test_without_a_network_it_is_on_a_vessel(synthetic):
    for t in np.flatnonzero(synthetic.masks.sum(axis=(1, 2)) > 100):
        row, column = vessel_pixel(synthetic.cine.normalized(int(t)))
        near = synthetic.masks[t, row - 1 : row + 2, column - 1 : column + 2]
        assert near.any(), f"frame {t}: ({row}, {column}) is off the vessel"


def test_a_network_s_answer_counts_more_than_the_picture():
    frame = np.full((60, 80), 0.8, np.float32)
    frame[:, 20:24] = 0.2  # a dark tube
    probability = np.zeros_like(frame)
    probability[30:37, 50:70] = 1  # what the network takes for a vessel
    row, column = vessel_pixel(frame, probability)
    assert row == 33, "the middle of it, though all of it is certain"
    assert 50 < column < 69
    assert vessel_pixel(frame)[1] in range(20, 24)
    undecided = np.full_like(frame, 0.5)
    assert vessel_pixel(frame, undecided) == vessel_pixel(frame)


def test_the_middle_where_there_is_nothing():
    assert vessel_pixel(np.full((40, 50), 0.5, np.float32)) == (20, 25)


def test_the_edge_of_a_picture_is_no_vessel():
    frame = np.full((64, 64), 0.7, np.float32)
    frame[:, :1] = 0  # a dark line of the collimator
    frame[20:44, 30:34] = 0.5
    assert vessel_pixel(frame)[1] in range(30, 34)
    probability = np.zeros_like(frame)
    probability[:, 0] = 1
    probability[30:34, 40:44] = 0.4
    row, column = vessel_pixel(frame, probability)
    assert (30 <= row < 34, 40 <= column < 44) == (True, True)


def test_other_shapes_are_refused():
    with pytest.raises(SettingsError, match=r"frame must be \(H, W\)"):
        vessel_pixel(np.zeros((2, 8, 8), np.float32))
    with pytest.raises(SettingsError, match="the frame's shape"):
        vessel_pixel(np.zeros((8, 8), np.float32), np.zeros((8, 9), np.float32))
