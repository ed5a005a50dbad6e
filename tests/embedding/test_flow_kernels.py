import math

import numpy as np
import pytest
import torch

from napari_motionseg.embedding.flow_kernels import AbsoluteKernel, RelativeKernel
from napari_motionseg.embedding.similarity import flow_similarity
from napari_motionseg.errors import SettingsError
from napari_motionseg.objectives.cross_pixel import flow_kernel


@pytest.fixture
def flow():
    return np.random.default_rng(1).normal(0, 3, (2, 5, 7)).astype(np.float32)


def test_the_absolute_kernel_is_the_objective_s(flow):
    """A row of the objective's matrix is the map of its pixel."""
    points = torch.from_numpy(flow.reshape(2, -1).T.copy())[None]
    matrix = flow_kernel(points, 0.3)[0].numpy()
    found = flow_similarity(flow, (3, 2), AbsoluteKernel(sigma=0.3))
    np.testing.assert_allclose(found.reshape(-1), matrix[3 * 7 + 2], atol=1e-5)


def test_the_absolute_kernel_counts_a_difference_alike_both_ways(flow):
    kernel = AbsoluteKernel()
    there, back = kernel(flow[:, :1], flow), kernel(flow, flow[:, :1])
    np.testing.assert_array_equal(there, back)
    assert kernel(flow, flow).min() == 1


def test_the_relative_kernel_forgives_a_fast_anchor_more():
    def alike(speed):
        first = np.array([speed, 0], np.float32)[:, None, None]
        second = np.array([speed + 1, 0], np.float32)[:, None, None]
        return float(RelativeKernel()(first, second)[0, 0])

    assert alike(10) > alike(1) > alike(0)
    assert alike(0) == pytest.approx(math.exp(-2), abs=1e-6)


@pytest.mark.parametrize(
    ("kernel", "settings", "words"),
    [
        (RelativeKernel, {"sigma": 0}, "sigma must be positive; got 0"),
        (RelativeKernel, {"epsilon": -1}, "epsilon must be positive; got -1"),
        (AbsoluteKernel, {"bound": 0}, "bound must be positive; got 0"),
    ],
)
def test_settings_that_are_refused(kernel, settings, words):
    with pytest.raises(SettingsError, match=words):
        kernel(**settings)
