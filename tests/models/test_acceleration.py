"""Fast paths against the slow obvious versions: same numbers, any size."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from napari_motionseg.models import PWCNet
from napari_motionseg.models.acceleration import (
    DenseDecoder,
    DirectConvolution,
    FoldedConvolution,
    TiledConvolution,
    accelerate,
    gains,
)
from napari_motionseg.models.correlation import (
    correlation,
    shifted_products,
    tiled_products,
)
from napari_motionseg.models.layered_pwcnet import LayeredPWCNet
from napari_motionseg.models.pwcnet import FlowDecoder, convolution
from napari_motionseg.models.winograd import (
    POINTS,
    Tiling,
    Workspace,
    choose_tiling,
    from_tiles,
    kernel_tiles,
    to_tiles,
    transforms,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("m", POINTS)
def test_the_transforms_convolve_a_line(m):
    """In one dimension: m outputs of a valid correlation with three taps."""
    parts = transforms(m)
    line, taps = torch.randn(m + 2).double(), torch.randn(3).double()
    products = (parts.kernels @ taps) * (parts.inputs.double() @ line)
    expected = np.correlate(line.numpy(), taps.numpy(), mode="valid")
    np.testing.assert_allclose(parts.outputs.double() @ products, expected, atol=1e-5)


@pytest.mark.parametrize("m", POINTS)
@pytest.mark.parametrize("dilation", [1, 2, 3, 16])
@pytest.mark.parametrize("size", [(16, 16), (13, 21), (1, 40), (3, 2)])
def test_tiles_convolve_as_torch_does(m, dilation, size):
    picture, weight = torch.randn(*size, 5), torch.randn(7, 5, 3, 3)
    tiling, space = Tiling(*size, dilation, m), Workspace()
    tiles = torch.empty(tiling.side**2, tiling.count, 5)
    to_tiles(picture, tiling, tiles, space)
    found = from_tiles(torch.bmm(tiles, kernel_tiles(weight, m)), tiling, space)
    planar = picture.permute(2, 0, 1)[None].double()
    expected = functional.conv2d(
        planar, weight.double(), padding=dilation, dilation=dilation
    )
    torch.testing.assert_close(
        found.permute(2, 0, 1)[None].double(), expected, atol=1e-3, rtol=1e-4
    )


def test_blocks_hold_every_tile_once(monkeypatch):
    monkeypatch.setattr("napari_motionseg.models.winograd.BLOCK_FLOATS", 20_000)
    for dilation in (1, 2):
        tiling = Tiling(70, 50, dilation, 8)
        blocks = list(tiling.blocks(16))
        numbers = [n for *_, tiles in blocks for n in range(tiles.start, tiles.stop)]
        assert numbers == list(range(tiling.count))
        assert len(blocks) > dilation


def test_pictures_too_small_for_tiles_go_without():
    assert choose_tiling(4, 4) is None
    assert choose_tiling(128, 128).m == 8
    assert choose_tiling(32, 32).m == 4


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("size", [(64, 40), (6, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("activation", [nn.LeakyReLU(0.1), nn.ReLU()])
def test_a_tiled_layer_is_the_layer(batch, size, dilation, activation):
    layer = nn.Sequential(convolution(48, 24, dilation=dilation)[0], activation)
    fast = accelerate(nn.Sequential(layer))
    assert isinstance(fast[0], TiledConvolution)
    x = torch.randn(batch, 48, *size)
    with torch.inference_mode():
        torch.testing.assert_close(fast(x), layer(x), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(9, 2, 3, padding=1),
        nn.Conv2d(9, 2, 3, padding=1, bias=False),
        nn.Conv2d(9, 3, 1),
        nn.ConvTranspose2d(9, 2, 4, 2, 1),
    ],
)
def test_few_outputs_folded(layer):
    x = torch.randn(2, 9, 11, 14)
    with torch.inference_mode():
        torch.testing.assert_close(
            FoldedConvolution(layer)(x), layer(x), atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("size", [(40, 33), (4, 4)])
def test_a_dense_decoder_is_the_decoder(batch, size):
    decoder = FlowDecoder(53, passes_on=True).eval()
    fast = accelerate(nn.ModuleList([decoder]))[0]
    x = torch.randn(batch, 53, *size)
    with torch.inference_mode():
        for found, expected in zip(fast(x), decoder(x), strict=True):
            torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)


def test_tiles_of_features_are_used_again_only_while_they_are_there(monkeypatch):
    decoder = FlowDecoder(53, passes_on=False).eval()
    made = []
    fast = accelerate(nn.ModuleList([decoder]))[0]
    space = fast._space
    layer = convolution(fast.channels, 32)
    next_one = TiledConvolution(layer[0], 0.1, space)
    name = "napari_motionseg.models.acceleration.to_tiles"
    monkeypatch.setattr(name, lambda *a: (made.append(1), to_tiles(*a)))
    with torch.inference_mode():
        first = fast(torch.randn(1, 53, 40, 40))[1]
        made.clear()
        torch.testing.assert_close(next_one(first), layer(first), atol=1e-3, rtol=1e-3)
        assert not made
        fast(torch.randn(1, 53, 40, 40))
        made.clear()
        torch.testing.assert_close(next_one(first), layer(first), atol=1e-3, rtol=1e-3)
        assert made


@pytest.mark.parametrize("reach", [1, 4])
@pytest.mark.parametrize("size", [(8, 8), (7, 19), (1, 1), (33, 16)])
def test_both_correlations_are_the_mean_of_products(reach, size):
    first, second = torch.randn(2, 2, 6, *size).double()
    found = tiled_products(first, second, reach)
    torch.testing.assert_close(found, shifted_products(first, second, reach))
    y, x = size[0] // 2, size[1] // 2
    middle = (2 * reach + 1) ** 2 // 2
    expected = (first[1, :, y, x] * second[1, :, y, x]).mean()
    torch.testing.assert_close(found[1, middle, y, x], expected)


def test_correlation_can_be_differentiated():
    first, second = torch.randn(2, 1, 3, 5, 6, requires_grad=True).double()
    assert torch.autograd.gradcheck(lambda a, b: correlation(a, b, 1), (first, second))


@pytest.mark.parametrize("normalized", [True, False])
def test_an_accelerated_network_gives_the_same_flow(normalized):
    model = PWCNet(1, normalized=normalized).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fast = accelerate(model)
    first, second = torch.rand(2, 1, 1, 192, 128)
    with torch.inference_mode():
        expected = model(first, second)
        assert (fast(first, second) - expected).abs().max() < 1e-3
        pair = fast(torch.cat((first, second)), torch.cat((second, first)))
        assert (pair[:1] - expected).abs().max() < 1e-3
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    kinds = {type(module) for module in fast.modules()}
    assert {DenseDecoder, TiledConvolution, FoldedConvolution} <= kinds
    assert not any(isinstance(module, nn.Conv2d) for module in fast.modules())


def test_only_networks_with_dense_decoders_gain_and_only_in_float32():
    assert gains(PWCNet(1), torch.float32)
    assert not gains(PWCNet(1), torch.bfloat16)
    assert not gains(LayeredPWCNet(), torch.float32)
    assert not gains(nn.Conv2d(64, 64, 3), torch.float32)


def test_layers_that_are_not_known_are_kept():
    model = nn.Sequential(
        nn.Conv2d(3, 9, 3, padding=1, padding_mode="reflect"),
        nn.Sequential(nn.Conv2d(9, 64, 3, stride=2), nn.ReLU()),
        nn.Conv2d(64, 32, 3, padding=1, groups=2),
        nn.BatchNorm2d(32),
    ).eval()
    fast = accelerate(model)
    x = torch.randn(1, 3, 33, 31)
    with torch.inference_mode():
        torch.testing.assert_close(fast(x), model(x))
    assert isinstance(fast[0], nn.Conv2d)
    assert isinstance(fast[2], DirectConvolution)
