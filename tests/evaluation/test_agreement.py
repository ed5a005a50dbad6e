"""Judging: the metrics of each frame, and only what changed anew."""

import numpy as np
import pytest

from napari_motionseg.errors import SettingsError
from napari_motionseg.evaluation import agreement as judging
from napari_motionseg.evaluation.agreement import AgreementCache
from napari_motionseg.segmentation import evaluate


@pytest.fixture
def pair():
    draw = np.random.default_rng(0)
    truth = (draw.random((5, 21, 17)) > 0.8).astype(np.uint8)
    truth[2] = 0
    masks = truth.copy()
    masks[:, ::3] = 0
    masks[2, 4, 4] = 1
    return masks, truth


def test_it_is_what_evaluation_says_of_frames_with_a_reference(pair):
    masks, truth = pair
    found = AgreementCache().compare(masks, truth, spacing=(0.5, 0.25))
    frames = [0, 1, 3, 4]
    wanted = evaluate(
        masks, truth, valid=np.isin(range(5), frames), spacing=(0.5, 0.25)
    )
    np.testing.assert_allclose(found.dice[frames], wanted.dice)
    np.testing.assert_allclose(found.cldice[frames], wanted.cldice)
    np.testing.assert_allclose(found.hd95[frames], wanted.hd95)
    assert np.isnan(found.dice[2])
    assert found.complete
    assert found.unit == "mm"
    assert found.mean() == pytest.approx(wanted.mean())


def test_a_frame_that_did_not_change_is_not_compared_again(pair, monkeypatch):
    masks, truth = pair
    counted = []
    monkeypatch.setattr(
        judging, "dice", lambda *a: counted.append(1) or judging.cldice(*a)
    )
    judge = AgreementCache()
    judge.compare(masks, truth)
    assert len(counted) == 4
    masks[3, 5, 5] ^= 1
    judge.compare(masks, truth)
    assert len(counted) == 5


def test_the_shown_frame_comes_first_and_the_rest_later(pair):
    masks, truth = pair
    judge = AgreementCache()
    part = judge.compare(masks, truth, first=3, at_most=1)
    assert np.flatnonzero(np.isfinite(part.dice)).tolist() == [3]
    assert not part.complete
    while not part.complete:
        part = judge.compare(masks, truth, first=3, at_most=1)
    np.testing.assert_array_equal(
        part.dice, AgreementCache().compare(masks, truth).dice
    )


def test_one_class_of_several(pair):
    masks, truth = (array * 2 for array in pair)
    assert AgreementCache().compare(masks, truth, label=1).compared.sum() == 0
    assert AgreementCache().compare(masks, truth, label=1).mean() == {}
    whole = AgreementCache().compare(masks, truth)
    np.testing.assert_array_equal(
        AgreementCache().compare(masks, truth, label=2).dice, whole.dice
    )


def test_another_shape_is_refused(pair):
    masks, truth = pair
    with pytest.raises(SettingsError, match="choose a reference made for this loop"):
        AgreementCache().compare(masks, truth[:4])
