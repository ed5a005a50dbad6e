"""Conditional propagation's network against plain NumPy, and what it can learn."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from torch import nn

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.propagation_network import (
    ConditionalPropagationNet,
    PropagationConfig,
    PropagationHead,
    PropagationNet,
    SparseMotionEncoder,
    enlarge,
)
from napari_motionseg.models.resnet_dilated import DilatedResNet, ResNetConfig
from napari_motionseg.models.unet import UNetConfig

TINY_RESNET = ResNetConfig(width=4, blocks=(1, 2, 2, 1))
TINY_UNET = UNetConfig(width=4, depth=2, embedding_dim=6)
TINY = PropagationConfig(bins=5, image_channels=6, motion_channels=4, width=4)


def settled(module, seed=0):
    """A network in eval mode whose batch norms do something of their own."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for values in (part.weight, part.bias, part.running_mean):
                values.data.uniform_(-1, 1, generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)
    return module.double().eval()


def noise(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def plain_convolution(features, layer):
    weight = layer.weight.detach().numpy()
    pad, step = layer.padding[0], layer.stride[0]
    padded = np.pad(features, ((0, 0), (pad, pad), (pad, pad)))
    maps = [
        sum(correlate2d(x, k, "valid") for x, k in zip(padded, kernels, strict=True))
        for kernels in weight
    ]
    bias = 0 if layer.bias is None else layer.bias.detach().numpy()[:, None, None]
    return np.stack(maps)[:, ::step, ::step] + bias


def plain_pooling(features, rows, columns):
    channels, height, width = features.shape
    size = (channels, math.ceil(height / rows), math.ceil(width / columns))
    pooled = np.zeros(size)
    for k, r, c in np.ndindex(size):
        cell = features[k, r * rows : (r + 1) * rows, c * columns : (c + 1) * columns]
        pooled[k, r, c] = cell.max()
    return pooled


def plain_enlargement(features, rows, columns, size):
    """Bilinear between the middles of cells, continued beyond the outer ones."""

    def between(count, factor, length):
        place = np.clip((np.arange(length) + 0.5) / factor - 0.5, 0, count - 1)
        low = np.floor(place).astype(int)
        matrix = np.zeros((length, count))
        for i, (index, share) in enumerate(zip(low, place - low, strict=True)):
            matrix[i, index] += 1 - share
            matrix[i, min(index + 1, count - 1)] += share
        return matrix

    down = between(features.shape[1], rows, size[0])
    across = between(features.shape[2], columns, size[1])
    return np.einsum("ir,krc,jc->kij", down, features, across)


def plain_blocks(features, layers):
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            features = plain_convolution(features, layer)
        elif isinstance(layer, nn.BatchNorm2d):
            mean, variance, weight, bias = (
                values.detach().numpy()[:, None, None]
                for values in (
                    layer.running_mean,
                    layer.running_var,
                    layer.weight,
                    layer.bias,
                )  # fmt: skip
            )
            features = (features - mean) / np.sqrt(variance + layer.eps)
            features = features * weight + bias
        elif isinstance(layer, nn.MaxPool2d):
            features = plain_pooling(features, layer.kernel_size, layer.kernel_size)
        else:
            features = np.maximum(features, 0)
    return features


def plain_head(head, embedding, sparse, windows):
    """The head for one picture; `windows` are what the nets ought to pool by."""
    mixed = np.concatenate(
        (
            plain_convolution(embedding, head.image),
            plain_blocks(sparse, head.motion.blocks),
        )
    )
    size, parts = mixed.shape[1:], []
    assert len(windows) == len(head.nets)
    for net, window in zip(head.nets, windows, strict=True):
        pooled = plain_pooling(mixed, window, window)
        found = plain_blocks(pooled, net.convolutions)
        parts.append(plain_enlargement(found, window, window, size))
    logits = plain_convolution(np.concatenate(parts), head.fusion)
    logits = plain_enlargement(logits, head.stride, head.stride, sparse.shape[1:])
    return logits.reshape(2, -1, *sparse.shape[1:])


@pytest.mark.parametrize(
    ("stride", "options", "windows", "size"),
    [
        (8, {}, (1, 2, 4), (75, 90)),
        (8, {"strides": (1, 2, 4, 8)}, (1, 2, 4, 8), (130, 128)),
        (1, {}, (1, 8, 16, 32), (67, 71)),
        (1, {"detail": False, "strides": (1, 2)}, (8, 16), (33, 40)),
        (4, {"strides": (2, 1)}, (1, 4, 2), (35, 41)),
        (16, {"cell": 16}, (1, 2, 4), (140, 129)),
    ],
)
def test_the_head_equals_plain_numpy(stride, options, windows, size):
    config = PropagationConfig(
        **({"bins": 5, "image_channels": 6, "motion_channels": 4, "width": 3} | options)
    )
    torch.manual_seed(0)
    head = settled(PropagationHead(5, stride, config))
    cells = [math.ceil(side / stride) for side in size]
    embedding, sparse = noise(2, 5, *cells), noise(2, 3, *size, seed=1)
    with torch.inference_mode():
        found = head(embedding, sparse).numpy()
    assert found.shape == (2, 2, 5, *size)
    for b in range(2):
        expected = plain_head(head, embedding[b].numpy(), sparse[b].numpy(), windows)
        np.testing.assert_allclose(found[b], expected, atol=1e-10)


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("size", [(1, 1), (7, 33), (64, 50)])
def test_guidance_comes_out_at_the_stride_of_the_image_encoder(stride, size):
    encoder = SparseMotionEncoder(16, stride).eval()
    features = encoder(torch.zeros(2, 3, *size))
    assert features.shape == (2, 16, *(math.ceil(side / stride) for side in size))


def test_a_larger_stride_carries_motion_farther():
    """Two convolutions of 3 x 3 see two cells to each side, of the net's stride."""
    reaches = []
    for stride in (1, 2, 4, 8):
        torch.manual_seed(0)
        net = PropagationNet(2, 3, stride).double().eval()
        features = noise(1, 2, 128, 128).requires_grad_()
        net(features)[0, :, 64, 64].sum().backward()
        touched = (features.grad[0] != 0).any(dim=0).nonzero()
        reaches.append(int((touched - 64).abs().max()))
    assert reaches == sorted(reaches)
    assert reaches[0] == 2
    assert reaches[3] >= 16


def test_enlarging_keeps_cells_where_they_are():
    coarse = torch.arange(5.0).view(1, 1, 1, 5).expand(1, 1, 4, 5)
    fine = enlarge(coarse, (3, 3), (10, 14))
    assert fine.shape == (1, 1, 10, 14)
    torch.testing.assert_close(fine[0, 0, 5, 1::3], torch.arange(5.0))  # middles
    assert enlarge(coarse, (1, 1), (4, 5)).equal(coarse)


@pytest.mark.parametrize("encoder", [TINY_UNET, TINY_RESNET])
@pytest.mark.parametrize("size", [(1, 2), (9, 8), (33, 47), (64, 64)])
def test_any_size(encoder, size):
    network = ConditionalPropagationNet(encoder, TINY)
    picture = torch.rand(2, 1, *size)
    logits = network(picture, torch.zeros(2, 3, *size))
    assert logits.shape == (2, 2, 5, *size)
    assert torch.isfinite(logits).all()
    logits.square().mean().backward()
    weights = dict(network.named_parameters())
    assert all(torch.isfinite(w.grad).all() for w in weights.values())


def test_zero_guidance_and_points_that_stand_still_differ():
    torch.manual_seed(0)
    network = settled(ConditionalPropagationNet(TINY_UNET, TINY))
    picture, sparse = noise(1, 1, 32, 32), torch.zeros(1, 3, 32, 32).double()
    without = network(picture, sparse)
    sparse[0, 2, 10, 10] = 1
    assert (network(picture, sparse) != without).any()


def test_resnet_50_has_the_weights_of_the_paper():
    """He et al.'s 25.6 million, less the classifier's 2."""
    colour = DilatedResNet(ResNetConfig(in_channels=3))
    assert sum(w.numel() for w in colour.parameters()) == 25_557_032 - 2_049_000
    assert colour.config.channels == 2048
    dilations = [
        {m.dilation[0] for m in group.modules()
         if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)}
        for group in colour.groups
    ]  # fmt: skip
    assert dilations == [{1}, {1}, {2}, {4}]


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("size", [(96, 64), (75, 101)])
def test_dilation_computes_the_same_at_more_places(stride, size):
    """The algorithme a trous: what stride 32 gives, among what stride 8 gives."""
    shape = {"width": 4, "blocks": (1, 2, 2, 2)}
    torch.manual_seed(0)
    strided = settled(DilatedResNet(ResNetConfig(output_stride=32, **shape)))
    dilated = settled(DilatedResNet(ResNetConfig(output_stride=stride, **shape)))
    dilated.load_state_dict(strided.state_dict())
    picture = noise(1, 1, *size)
    with torch.inference_mode():
        coarse, fine = strided(picture), dilated(picture)
    assert coarse.std() > 0
    step = 32 // stride
    torch.testing.assert_close(fine[..., ::step, ::step], coarse)


def test_the_prediction_follows_the_guidance():
    """A square that may go left or right: only guidance can tell, and it does."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network = ConditionalPropagationNet(TINY_UNET, TINY)
    optimizer = torch.optim.Adam(network.parameters(), 0.02)

    def batch(count):
        picture = 0.1 * torch.rand((count, 1, 32, 32), generator=generator)
        bins = torch.full((count, 2, 32, 32), 2)
        sparse = torch.zeros(count, 3, 32, 32)
        for b in range(count):
            top, left, right = (
                int(torch.randint(high, (1,), generator=generator))
                for high in (18, 18, 2)
            )
            square = (b, slice(top, top + 12), slice(left, left + 12))
            picture[square[0], 0, square[1], square[2]] += 0.8
            bins[square[0], 0, square[1], square[2]] = 4 * right
            sparse[b, :, top + 6, left + 6] = torch.tensor([8.0 * right - 4, 0, 1])
        return picture, sparse, bins

    for _ in range(40):
        picture, sparse, bins = batch(8)
        logits = network(picture, sparse)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), bins.flatten(0, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    picture, sparse, bins = batch(16)
    network.train()  # batch norm has seen too few steps for its running means
    moving = bins[:, 0] != 2
    likeliest = network(picture, sparse)[:, 0].argmax(dim=1)
    assert (likeliest == bins[:, 0])[moving].float().mean() > 0.9
    turned = sparse * torch.tensor([-1.0, 1, 1]).view(1, 3, 1, 1)
    likeliest = network(picture, turned)[:, 0].argmax(dim=1)
    assert (likeliest == 4 - bins[:, 0])[moving].float().mean() > 0.9


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bins": 1}, "bins must be an integer of at least 2; got 1"),
        ({"strides": ()}, r"strides must be one or more different integers; got \(\)"),
        ({"strides": (1, 2, 2)}, "one or more different integers"),
        ({"strides": (1, 0)}, "each of strides must be a positive integer; got 0"),
        ({"cell": 0}, "cell must be a positive integer; got 0"),
        ({"width": 1.5}, "width must be a positive integer; got 1.5"),
    ],
)
def test_shapes_of_heads_are_checked(wrong, words):
    with pytest.raises(SettingsError, match=words):
        PropagationConfig(**wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"width": 0}, "width must be a positive integer; got 0"),
        ({"blocks": (3, 4, 6)}, "blocks must be four positive integers"),
        ({"output_stride": 4}, r"output_stride must be one of \(8, 16, 32\); got 4"),
    ],
)
def test_shapes_of_resnets_are_checked(wrong, words):
    with pytest.raises(SettingsError, match=words):
        ResNetConfig(**wrong)


def test_what_does_not_belong_together_is_rejected():
    head = PropagationHead(6, 8, TINY)
    with pytest.raises(SettingsError, match=r"sparse_motion must be \(B, 3, H, W\)"):
        head(torch.zeros(1, 6, 2, 2), torch.zeros(1, 2, 16, 16))
    with pytest.raises(SettingsError, match=r"embedding must be \(1, 6, 2, 3\) for"):
        head(torch.zeros(1, 6, 2, 2), torch.zeros(1, 3, 16, 17))
    with pytest.raises(SettingsError, match="stride must be one of .* got 3"):
        PropagationHead(6, 3, TINY)
    with pytest.raises(SettingsError, match="cell must be a multiple of .* 16; got 8"):
        PropagationHead(6, 16, TINY)
    with pytest.raises(SettingsError, match=r"pictures must have shape \(B, 1, H, W\)"):
        DilatedResNet(TINY_RESNET)(torch.zeros(1, 3, 16, 16))


def test_a_single_vector_cannot_train_batch_norm():
    with pytest.raises(
        SettingsError, match="more than one picture, or pictures larger"
    ):
        PropagationHead(6, 8, TINY)(torch.zeros(1, 6, 1, 1), torch.zeros(1, 3, 8, 7))
    with pytest.raises(SettingsError, match="larger than 8 x 7"):
        DilatedResNet(TINY_RESNET)(torch.zeros(1, 1, 8, 7))
    one = PropagationHead(6, 8, TINY).eval()
    assert one(torch.zeros(1, 6, 1, 1), torch.zeros(1, 3, 8, 7)).shape[-2:] == (8, 7)
