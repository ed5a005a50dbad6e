"""The closed-form head against a slow refit, and what it must never do."""

import numpy as np
import pytest

from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.segmentation.closed_form_head import (
    HeadSettings,
    StrokeSums,
    fit_head,
    lacking,
    prior_scores,
    prototype_similarity,
)

FEATURES, CLASSES = 5, 3


def pixels(count, seed):
    rng = np.random.default_rng(seed)
    features = np.concatenate(
        [np.ones((count, 1)), rng.normal(size=(count, FEATURES - 1))], 1
    )
    return features, rng.integers(0, CLASSES, count), rng.normal(size=(count, CLASSES))


def slow_lack(score, wanted, margin):
    """One pixel, in plain loops."""
    change = [0.0] * len(score)
    for other in range(len(score)):
        if other != wanted:
            lack = max(0.0, margin - (score[wanted] - score[other]))
            change[other] -= lack / 2
            change[wanted] = max(change[wanted], lack / 2)
    return change


def slow_fit(features, classes, prior, everywhere, margin, restraint):
    """Ridge regression by stacked least squares, all pixels at once."""
    rows, wanted = [], []
    painted = sorted(set(classes.tolist()))
    for number in painted:
        of = np.flatnonzero(classes == number)
        weight = np.sqrt(1 / (len(of) * len(painted)))
        for i in of:
            rows.append(weight * features[i])
            wanted.append(weight * np.array(slow_lack(prior[i], number, margin)))
    root = np.linalg.cholesky(restraint * everywhere).T
    stacked = np.concatenate([np.array(rows), root])
    right = np.concatenate([np.array(wanted), np.zeros((len(root), prior.shape[1]))])
    return np.linalg.lstsq(stacked, right, rcond=None)[0]


def sums_of(*parts, margin=1.0):
    sums = StrokeSums(FEATURES, CLASSES, margin)
    for part in parts:
        sums.add(*part)
    return sums


def test_a_stroke_added_is_a_refit_of_all():
    parts = [pixels(count, seed) for seed, count in enumerate((40, 7, 23))]
    everywhere = np.cov(np.random.default_rng(9).normal(size=(FEATURES, 50)))
    found = fit_head(sums_of(*parts), everywhere, 0.3)
    whole = [np.concatenate(part) for part in zip(*parts, strict=True)]
    np.testing.assert_allclose(
        found, slow_fit(*whole, everywhere, 1.0, 0.3), rtol=0, atol=5e-6
    )
    together = fit_head(sums_of(tuple(whole)), everywhere, 0.3)
    np.testing.assert_allclose(found, together, rtol=0, atol=1e-6)


def test_a_stroke_taken_away_leaves_no_trace():
    first, second = pixels(50, 0), pixels(20, 1)
    sums = sums_of(first, second)
    sums.remove(*second)
    everywhere = np.eye(FEATURES)
    np.testing.assert_allclose(
        fit_head(sums, everywhere, 1.0),
        fit_head(sums_of(first), everywhere, 1.0),
        rtol=0,
        atol=1e-9,
    )


def test_blocks_make_no_difference(monkeypatch):
    part = pixels(50, 3)
    whole = sums_of(part)
    monkeypatch.setattr("napari_motionseg.segmentation.closed_form_head.BLOCK", 7)
    np.testing.assert_allclose(sums_of(part).gram, whole.gram, atol=1e-12)


def test_what_the_network_knows_is_left_alone():
    features, classes, _ = pixels(60, 4)
    prior = np.where(np.arange(CLASSES) == classes[:, None], 4.0, -4.0)
    head = fit_head(sums_of((features, classes, prior)), np.eye(FEATURES), 0.1)
    assert np.abs(head).max() < 1e-9


def test_more_restraint_changes_the_picture_less():
    part = pixels(60, 5)
    everywhere = np.eye(FEATURES)
    sizes = [np.abs(fit_head(sums_of(part), everywhere, a)).sum() for a in (0.1, 1, 10)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] > 0


def test_a_class_without_paint_gains_nothing_over_those_that_lack_nothing():
    features, classes, prior = pixels(60, 6)
    classes = classes % 2
    prior[:, 2] = -4.0
    head = fit_head(sums_of((features, classes, prior)), np.eye(FEATURES), 0.1)
    assert np.abs(head[:, 2]).max() < 1e-9


def test_lacking_is_what_the_loops_say():
    _, classes, prior = pixels(30, 7)
    slow = [slow_lack(p, c, 1.5) for p, c in zip(prior, classes, strict=True)]
    np.testing.assert_allclose(lacking(prior, classes, 1.5), slow, atol=1e-12)


def test_scores_of_two_classes_differ_by_the_log_odds():
    vessel = np.array([[0.1, 0.5, 0.9]])
    scores = prior_scores(np.stack([1 - vessel, vessel]), 3)
    odds = np.log(vessel / (1 - vessel))
    np.testing.assert_allclose(scores[1] - scores[0], odds, rtol=1e-4, atol=1e-5)
    assert (scores[2] < scores[:2].min()).all()


def test_prototype_is_the_mean_of_what_is_painted():
    features = np.array([[1.0, 2.0, 0.0], [1.0, 0.0, 2.0]])
    sums = StrokeSums(3, 2, 1.0)
    sums.add(features, np.array([1, 1]), np.zeros((2, 2)))
    alike = prototype_similarity(
        sums, np.array([[1, 3.0, 3.0], [1, -1.0, -1.0], [1, 1.0, 0.0]]).T
    )
    np.testing.assert_allclose(alike, [1, 0, np.sqrt(0.5)], atol=1e-6)


def test_one_class_is_no_boundary():
    sums = StrokeSums(2, 2, 1.0)
    with pytest.raises(LabelError, match="nothing is painted"):
        prototype_similarity(sums, np.ones((2, 1)))
    sums.add(np.ones((3, 2)), np.zeros(3, int), np.zeros((3, 2)))
    with pytest.raises(LabelError, match="strokes of at least two classes"):
        fit_head(sums, np.eye(2), 1.0)


def test_what_cannot_be_is_refused():
    sums = StrokeSums(2, 2, 1.0)
    with pytest.raises(LabelError, match="classes must be 0 to 1; got 0 to 2"):
        sums.add(np.ones((2, 2)), np.array([0, 2]), np.zeros((2, 2)))
    with pytest.raises(LabelError, match="got 3, 2 and 2"):
        sums.add(np.ones((3, 2)), np.array([0, 1]), np.zeros((2, 2)))
    with pytest.raises(SettingsError, match="two classes"):
        StrokeSums(2, 1, 1.0)
    with pytest.raises(SettingsError, match="restraint must be positive"):
        HeadSettings(restraint=0)
