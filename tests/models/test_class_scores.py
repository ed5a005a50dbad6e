"""Scores by products of matrices, and their probabilities."""

import pytest
import torch

from napari_motionseg.models.class_scores import (
    class_probabilities,
    doubled,
    joined_layers,
    linear_scores,
    pointwise,
)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("channels_last", [True, False])
def test_equals_the_convolution_with_its_gradient(bias, channels_last):
    layer = torch.nn.Conv2d(5, 3, 1, bias=bias)
    features = torch.randn(2, 5, 6, 7, requires_grad=True)
    order = torch.channels_last if channels_last else torch.contiguous_format
    given = features.contiguous(memory_format=order)
    torch.testing.assert_close(pointwise(layer, given), layer(given))
    found = torch.autograd.grad(pointwise(layer, given).square().sum(), features)
    wanted = torch.autograd.grad(layer(given).square().sum(), features)
    torch.testing.assert_close(found, wanted)


def test_one_channel_is_the_foreground_and_more_are_classes():
    one = class_probabilities(torch.tensor([-1.0, 2.0]).view(1, 1, 1, 2).bfloat16())
    assert one.dtype == torch.float32
    torch.testing.assert_close(one[0, 1, 0], torch.sigmoid(torch.tensor([-1.0, 2.0])))
    many = class_probabilities(torch.randn(2, 3, 4, 5))
    torch.testing.assert_close(many.sum(dim=1), torch.ones(2, 4, 5))


@pytest.mark.parametrize("biased", [(True, True), (False, True), (True, False)])
def test_two_layers_in_one_have_the_scores_and_gradients_of_both(biased):
    last = torch.nn.Conv2d(4, 6, 1, bias=biased[0])
    head = torch.nn.Conv2d(6, 3, 1, bias=biased[1])
    features = torch.randn(2, 4, 5, 6)
    found = linear_scores(features, *joined_layers(last, head))
    wanted = head(last(features))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    weights = [*last.parameters(), *head.parameters()]
    found = torch.autograd.grad(found.square().sum(), weights)
    wanted = torch.autograd.grad(wanted.square().sum(), weights)
    torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (5, 8)])
def test_doubling_equals_the_transposed_convolution(bias, size):
    layer = torch.nn.ConvTranspose2d(6, 3, 2, 2, bias=bias)
    deep = torch.randn(2, 6, *size, requires_grad=True)
    found, wanted = doubled(layer, deep), layer(deep)
    torch.testing.assert_close(found, wanted)
    inputs = [deep, *layer.parameters()]
    found = torch.autograd.grad(found.square().sum(), inputs)
    wanted = torch.autograd.grad(wanted.square().sum(), inputs)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
