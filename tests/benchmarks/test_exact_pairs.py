"""Exact pairs are the pairs of the benchmark, with a truth that fits their flow."""

import numpy as np
import pytest
import torch
from exact_pairs import continued, difference, exact_pairs, landed
from synthetic_pairs import Chunk


@pytest.fixture(scope="module")
def chunk():
    return Chunk("package", 2, 2, 96)


@pytest.fixture(scope="module")
def made(chunk):
    return list(exact_pairs(chunk))[:2]


def test_pairs_are_those_that_methods_are_compared_on(chunk, made):
    for pair, (first, second, flow, mask) in zip(
        made, zip(*chunk.pairs(), strict=True), strict=True
    ):
        np.testing.assert_array_equal(pair.first, first)
        np.testing.assert_array_equal(pair.second, second)
        np.testing.assert_array_equal(pair.flow, flow)
        np.testing.assert_array_equal(pair.mask, mask)


def test_the_truth_fits_the_flow(made):
    (pair, _) = made
    assert pair.mask.sum() > 100
    assert np.abs(pair.quiet[0] - pair.first).mean() < 0.05
    assert (pair.beside >= pair.crossing)[pair.mask].all()
    x, y = landed(torch.from_numpy(pair.flow)).numpy()
    left = (x < 0) | (y < 0) | (x > 95) | (y > 95)
    assert pair.gone[left & pair.mask].all()
    assert (pair.diameter[pair.mask] > 0).all()
    assert np.median(pair.contrast[pair.mask]) > 1
    np.testing.assert_allclose(np.linalg.norm(pair.along, axis=0), 1, atol=1e-5)


def test_the_difference_to_motions_is_the_largest_in_x_or_y():
    flow = torch.tensor([3.0, 0.0]).view(2, 1, 1).expand(2, 1, 2)
    least = torch.tensor([[2.0, torch.inf], [-4.0, torch.inf]])
    most = torch.tensor([[4.0, -torch.inf], [1.0, -torch.inf]])
    extent = torch.stack((least, most))[:, :, None]
    assert difference(flow, extent).tolist() == [[4.0, 0.0]]


def test_flow_is_continued_from_the_nearest_pixel():
    flow = np.zeros((2, 1, 5))
    flow[0, 0] = (7, 0, 0, 0, 9)
    mask = np.array([[True, False, False, False, True]])
    assert continued(flow, mask)[0, 0, [0, 1, 3, 4]].tolist() == [7, 7, 9, 9]
    assert not continued(flow, np.zeros_like(mask)).any()
