"""Scores by products of matrices, and their probabilities."""

import pytest
import torch

from napari_motionseg.models.class_scores import class_probabilities, pointwise


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
