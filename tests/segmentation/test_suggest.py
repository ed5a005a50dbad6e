"""Cleaning of masks, doubt, and the frame that is suggested."""

import numpy as np
import pytest

from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.segmentation.postprocess import postprocess_mask, uncertainty
from napari_motionseg.segmentation.suggest import suggest_frame


def loop(doubtful, frames=12):
    """A sure vessel on each frame, and on some a part that may be one."""
    probabilities = np.zeros((frames, 20, 30), np.float16)
    probabilities[:, 5:8] = 0.98
    for t in doubtful:
        probabilities[t, 12:15] = 0.5
    return probabilities


def slow_doubt(probability):
    p = probability.astype(np.float64)
    return sum(4 * v * (1 - v) for v in p.ravel()) / sum(p.ravel())


def test_the_doubtful_frame_is_suggested_in_words():
    found = suggest_frame(loop([9]), labelled=[1])
    assert found.frame == 9
    assert "times as uncertain" in found.reason
    assert "nearest labelled frame is 8 away" in found.reason
    assert found.doubts[9] == pytest.approx(slow_doubt(loop([9])[9]), rel=1e-3)
    assert np.isnan(found.doubts[1])


def test_beside_a_label_little_is_to_be_learnt():
    assert suggest_frame(loop([2, 9]), labelled=[1]).frame == 9


def test_without_labels_it_is_the_most_doubtful_one():
    found = suggest_frame(loop([4]), labelled=[])
    assert found.frame == 4
    assert "labelled" not in found.reason


def test_only_segmented_frames_are_suggested():
    done = np.zeros(12, bool)
    done[3:6] = True
    assert suggest_frame(loop([9]), [], done).frame in (3, 4, 5)
    with pytest.raises(LabelError, match="labelled already"):
        suggest_frame(loop([9]), [3, 4, 5], done)


def test_a_frame_without_vessel_is_no_riddle():
    probabilities = loop([])
    probabilities[7] = 0
    probabilities[7, 0, 0] = 0.5
    assert suggest_frame(probabilities, [0]).frame != 7


def test_specks_go_and_diagonal_vessels_stay():
    probability = np.zeros((16, 16), np.float32)
    probability[np.arange(12), np.arange(12)] = 0.9
    probability[14, 2] = 0.9
    kind = np.full((16, 16), 2, np.uint8)
    mask = postprocess_mask(probability, kind, 0.5, smallest=5)
    assert (mask > 0).sum() == 12
    assert set(np.unique(mask)) == {0, 2}
    assert (postprocess_mask(probability, kind, 0.5) > 0).sum() == 13
    assert not postprocess_mask(probability, kind, 0.95).any()


def test_uncertainty_is_largest_in_the_middle():
    np.testing.assert_allclose(uncertainty(np.array([0, 0.5, 1, 0.1])), [0, 1, 0, 0.36])


def test_what_cannot_be_is_refused():
    with pytest.raises(SettingsError, match="between 0 and 1"):
        postprocess_mask(np.zeros((2, 2)), np.zeros((2, 2), np.uint8), 1.0)
    with pytest.raises(SettingsError, match="at least 0 pixels"):
        postprocess_mask(np.zeros((2, 2)), np.zeros((2, 2), np.uint8), 0.5, -1)
