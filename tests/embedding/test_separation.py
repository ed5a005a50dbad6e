import numpy as np
import pytest

from napari_motionseg.embedding.separation import separation
from napari_motionseg.errors import LabelError


@pytest.fixture
def similarity():
    coarse = np.random.default_rng(0).integers(-5, 6, (9, 11)) / 5
    return coarse.astype(np.float32)


@pytest.fixture
def inside():
    return np.random.default_rng(1).random((9, 11)) < 0.3


def test_area_is_the_share_of_pairs_in_order(similarity, inside):
    """Ties, of which a coarse map has many, count half."""
    first, second = similarity[inside], similarity[~inside]
    won = sum((a > b) + 0.5 * (a == b) for a in first for b in second)
    found = separation(similarity, inside)
    assert found.auc == pytest.approx(won / (first.size * second.size))
    assert found.inside.sum() == pytest.approx(1)
    assert found.outside.sum() == pytest.approx(1)


def test_order_is_all_that_counts(similarity, inside):
    found = separation(similarity, inside).auc
    assert separation(similarity**3, inside).auc == pytest.approx(found)
    assert separation(-similarity, inside).auc == pytest.approx(1 - found)
    assert separation(inside * 2.0 - 1, inside).auc == 1


def test_unknown_pixels_are_left_out(similarity, inside):
    outside = ~inside
    outside[0] = False
    cut = similarity.copy()
    cut[0] = np.nan
    by_hand = separation(similarity[1:], inside[1:]).auc
    assert separation(cut, inside).auc == pytest.approx(by_hand)
    some = separation(similarity, inside & (np.arange(9) > 0)[:, None], outside)
    assert some.auc == pytest.approx(by_hand)


def test_nothing_painted_is_refused(similarity, inside):
    with pytest.raises(LabelError, match="no pixel on the label on this frame"):
        separation(similarity, np.zeros_like(inside))
    with pytest.raises(LabelError, match="no pixel off the label"):
        separation(similarity, np.ones_like(inside))
    with pytest.raises(LabelError, match="the same shape"):
        separation(similarity, inside[:4])
