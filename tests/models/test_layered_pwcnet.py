"""The network of two layers gives the mixture of both, for any size."""

import copy

import numpy as np
import pytest
import torch

from napari_motionseg.models import LayeredPWCNet, layered_pwcnet


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return LayeredPWCNet().eval()


def test_the_flow_is_the_mixture_of_two(network):
    pictures = torch.rand(2, 1, 64, 128)
    with torch.inference_mode():
        pyramids = network.pyramid(pictures), network.pyramid(pictures.flip(0))
        seen = network.see(*pyramids)
    assert [flow.shape[-1] for flow in seen.levels] == [2, 4, 8, 16, 32]
    vessel, background = seen.layers()
    alpha = seen.logits.sigmoid()
    wanted = alpha * vessel + (1 - alpha) * background
    np.testing.assert_allclose(seen.flow(), wanted, atol=1e-4)


def test_softer_shapes_are_registered_than_are_mixed(network, monkeypatch):
    pictures = torch.rand(2, 1, 64, 64)
    registered = []
    real = layered_pwcnet.register

    def watched(*arguments):
        registered.extend(arguments[:2])
        return real(*arguments)

    monkeypatch.setattr(layered_pwcnet, "register", watched)
    with torch.inference_mode():
        pyramids = network.pyramid(pictures), network.pyramid(pictures.flip(0))
        network.decode_both(*pyramids)
        seen = network.see(*pyramids), network.see(*reversed(pyramids))
    for shape, one in zip(registered, seen, strict=True):
        np.testing.assert_allclose(shape, torch.sigmoid(one.logits / 2), atol=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (70, 101)])
def test_any_size_gives_its_own(network, size):
    with torch.inference_mode():
        flow = network(torch.rand(1, 1, *size), torch.rand(1, 1, *size))
    assert flow.shape == (1, 2, *size)
    assert bool(flow.isfinite().all())


def test_both_ways_at_once_are_each_way(network):
    pictures = torch.rand(2, 1, 64, 128)
    with torch.inference_mode():
        ours, theirs = network.pyramid(pictures), network.pyramid(pictures.flip(0))
        there, back = network.decode_both(ours, theirs)
        np.testing.assert_allclose(there, network.decode(ours, theirs), atol=1e-4)
        np.testing.assert_allclose(back, network.decode(theirs, ours), atol=1e-4)


def test_the_background_agrees_with_itself_there_and_back(network):
    """Where no vessel lies, both ways are one field with two signs."""
    pictures = torch.rand(2, 1, 64, 128)
    shapeless = copy.deepcopy(network)
    torch.nn.init.constant_(shapeless.shape.at_whole[1].bias, -30.0)
    with torch.inference_mode():
        pyramids = shapeless.pyramid(pictures), shapeless.pyramid(pictures.flip(0))
        there, back = shapeless.decode_both(*pyramids)
    assert float(there.abs().max()) > 0
    np.testing.assert_allclose(there, -back, atol=1e-5)
