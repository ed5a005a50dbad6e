"""The parts of the network, put together again, are the network."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from exact_pairs import exact_pairs
from flow_oracles import ORACLES, along_branches, layers, oracle_flows
from synthetic_pairs import Chunk

from napari_motionseg.models import LayeredPWCNet


@pytest.fixture(scope="module")
def pair():
    return next(exact_pairs(Chunk("package", 2, 1, 64)))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return LayeredPWCNet().eval()


def test_the_mixture_of_the_parts_is_the_network(pair, model):
    found = layers(model, pair.first, pair.second)
    pictures = (torch.from_numpy(p)[None, None] for p in (pair.first, pair.second))
    with torch.inference_mode():
        whole = model(*pictures)
    torch.testing.assert_close(found.mixture(found.vessel), whole)


def test_each_oracle_gives_flow(pair, model):
    found = layers(model, pair.first, pair.second)
    flows = oracle_flows(model, pair, found)
    assert set(flows) == set(ORACLES)
    for flow in flows.values():
        assert flow.shape == (2, 64, 64)
        assert np.isfinite(flow).all()


def test_the_mean_along_a_branch_knows_no_other_branch(pair):
    shape = (2, 6)
    rows = np.indices(shape)[0]
    flow = np.stack((np.where(rows, 5.0, 1.0), np.zeros(shape)))
    mask = np.ones(shape, bool)
    mask[0, 5] = False
    path = np.tile(np.arange(6) * 10.0, (2, 1))
    own = replace(pair, mask=mask, branch=rows, path=path)
    np.testing.assert_allclose(along_branches(flow, own), flow)
    flow[0, 1, 0] = 11  # a mistake in one place is spread over the branch
    mended = along_branches(flow, own)
    assert 5 < mended[0, 1, 0] < 11
    np.testing.assert_allclose(mended[0, 0], 1)
