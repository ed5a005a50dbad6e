"""A linear probe finds what frozen features tell, and nothing more."""

import numpy as np
import pytest
from helpers.reference_loops import moving_bar

from napari_motionseg.errors import LabelError
from napari_motionseg.evaluation.linear_probe import (
    LinearProbe,
    best_threshold,
    fit_probe,
)
from napari_motionseg.evaluation.starts import Start
from napari_motionseg.io import Labels
from napari_motionseg.jobs import run
from napari_motionseg.models import UNetConfig

TINY = UNetConfig(width=4, depth=2, embedding_dim=6)


def test_equals_a_balanced_ridge_regression():
    rng = np.random.default_rng(0)
    vessel = rng.random(400) < 0.1
    features = rng.normal(size=(400, 5)) * [1, 30, 0.2, 1, 1] + 7
    features[:, 1] += 20 * vessel
    probe = fit_probe(features, vessel)
    # every pixel by its weight, with the offset as one more unknown without penalty
    weight = np.where(vessel, 0.5 / vessel.sum(), 0.5 / (~vessel).sum())
    scaled = (features - features.mean(0)) / features.std(0)
    design = np.column_stack((scaled, np.ones(400)))
    normal = (design * weight[:, None]).T @ design
    normal[np.arange(5), np.arange(5)] += 0.01
    target = np.where(vessel, 1.0, -1.0)
    slow = np.linalg.solve(normal, (design * weight[:, None]).T @ target)
    np.testing.assert_allclose(probe.weights, slow[:5] / features.std(0), rtol=1e-9)


def test_features_that_never_vary_have_no_weight():
    features = np.column_stack((np.ones(8), np.arange(8.0)))
    probe = fit_probe(features, np.arange(8) > 5)
    assert probe.weights[0] == 0
    assert np.isfinite(probe(features)).all()
    threshold = best_threshold(probe(features), np.arange(8) > 5)
    assert (probe(features) >= threshold).tolist() == (np.arange(8) > 5).tolist()


def test_a_bar_is_found_in_random_features():
    loop = moving_bar("p1_a")
    probe = LinearProbe(Start("scratch"), TINY, "cpu")
    fitted = run(probe.fit_job([(loop.cine, loop.labels([0]))], 0))
    frame, truth = loop.cine.normalized(3), loop.masks[3]
    scores = fitted.scores(frame)
    assert scores.shape == truth.shape
    assert scores[truth].mean() > scores[~truth].mean() + scores.std()
    again = run(probe.fit_job([(loop.cine, loop.labels([0]))], 0))
    assert np.array_equal(fitted.predict(frame), again.predict(frame))


def test_one_class_alone_is_refused():
    loop = moving_bar("p1_a")
    labels = Labels(np.zeros(loop.masks.shape, np.uint8), np.arange(4) == 1, "dense")
    probe = LinearProbe(Start("scratch"), TINY, "cpu")
    with pytest.raises(LabelError, match="got 0 and 2304"):
        run(probe.fit_job([(loop.cine, labels)], 0))
