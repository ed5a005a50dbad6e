import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import (
    UNet,
    UNetConfig,
)
from napari_motionseg.models.hypercolumn import SparseHypercolumn, hypercolumns

SIZE = (12, 20)
CHANNELS = (3, 5, 2)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pyramid(dtype=torch.float64):
    """Features of three depths of a picture of 12 x 20."""
    sides = [SIZE, (6, 10), (3, 5)]
    return [
        torch.randn((2, channels, *side), generator=generator(channels), dtype=dtype)
        for channels, side in zip(CHANNELS, sides, strict=True)
    ]


def every_pixel(size):
    rows, columns = torch.meshgrid(*(torch.arange(s) for s in size), indexing="ij")
    return torch.stack((rows, columns), dim=-1).reshape(1, -1, 2).expand(2, -1, -1)


def points_between_pixels(count=17):
    extent = torch.tensor(SIZE, dtype=torch.float64)
    inside = torch.rand((2, count, 2), generator=generator(), dtype=torch.float64)
    return inside * extent - 0.5


def test_interpolation_is_scipys():
    features, points = pyramid(), points_between_pixels()
    found = hypercolumns(features, points, SIZE).numpy()
    assert found.shape == (2, sum(CHANNELS), 17)
    channel = 0
    for level in features:
        scale = level.shape[-1] / SIZE[1]
        for c in range(level.shape[1]):
            for b in range(2):
                places = (points[b].numpy().T + 0.5) * scale - 0.5
                expected = map_coordinates(
                    level[b, c].numpy(), places, order=1, mode="nearest"
                )
                np.testing.assert_allclose(found[b, channel], expected, atol=1e-12)
            channel += 1


def test_at_centres_of_pixels_stands_what_the_finest_depth_holds():
    features = pyramid()[:1]
    found = hypercolumns(features, every_pixel(SIZE), SIZE)
    torch.testing.assert_close(found, features[0].flatten(2))


def test_a_slope_is_a_slope_at_every_depth():
    """Block means of a linear picture, interpolated between their centres."""
    picture = torch.arange(24.0).expand(1, 1, 16, 24)
    levels = [torch.nn.functional.avg_pool2d(picture, 2**i) for i in range(3)]
    column = torch.linspace(2, 21, 30)
    points = torch.stack((torch.full_like(column, 7.3), column), dim=-1)[None]
    found = hypercolumns(levels, points, (16, 24))[0]
    torch.testing.assert_close(found, column.expand(3, -1))


def test_dense_is_sparse_at_every_pixel():
    head = SparseHypercolumn(CHANNELS, embedding_dim=4, hidden=6).double()
    features = pyramid()
    for training in (True, False):  # batch norm of a batch, then what it remembers
        head.train(training)
        dense = head.dense(features, SIZE)
        assert dense.shape == (2, 4, *SIZE)
        sparse = head(features, every_pixel(SIZE), SIZE)
        torch.testing.assert_close(dense.flatten(2).mT, sparse)


def test_equals_a_perceptron_in_numpy():
    head = SparseHypercolumn(CHANNELS, embedding_dim=4, hidden=6).double()
    features, points = pyramid(), points_between_pixels()
    found = head(features, points, SIZE).detach().numpy()
    columns = hypercolumns(features, points, SIZE).numpy()
    first, last = head.first.weight.detach().numpy(), head.last.weight.detach().numpy()
    hidden = np.einsum("hc,bcn->bhn", first[..., 0], columns)
    mean = hidden.mean(axis=(0, 2), keepdims=True)
    deviation = np.sqrt(hidden.var(axis=(0, 2), keepdims=True) + head.norm.eps)
    active = np.maximum((hidden - mean) / deviation, 0)
    expected = np.einsum("dh,bhn->bnd", last[..., 0], active)
    expected = expected + head.last.bias.detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_gradient_of_features():
    head = SparseHypercolumn(CHANNELS, embedding_dim=2, hidden=3).double().eval()
    features = [level[..., :2, :2].clone().requires_grad_() for level in pyramid()]
    points = points_between_pixels(3) / 10

    def embed(*levels):
        return head(levels, points, (2, 2))

    assert torch.autograd.gradcheck(embed, tuple(features))


def test_it_sits_on_the_encoder_of_a_u_net():
    """Odd size: the features cover the frame continued to whole blocks."""
    torch.manual_seed(0)
    config = UNetConfig(width=4, depth=2, embedding_dim=6)
    net = UNet(config)
    frame = torch.rand((2, 1, 13, 18), generator=generator())
    features = net.encoder_features(frame)
    assert [tuple(f.shape) for f in features] == [
        (2, 4, 16, 20),
        (2, 8, 8, 10),
        (2, 16, 4, 5),
    ]
    head = SparseHypercolumn([4, 8, 16])
    embedding = head(features, every_pixel((13, 18)), (16, 20))
    assert embedding.shape == (2, 13 * 18, 16)
    embedding.square().sum().backward()
    assert all(block[0].weight.grad.abs().sum() > 0 for block in net.down)


def test_the_u_net_goes_through_its_encoder_features():
    torch.manual_seed(0)
    net = UNet(UNetConfig(width=4, depth=2, embedding_dim=6)).eval()
    frame = torch.rand((1, 1, 13, 18), generator=generator())
    first, middle, deep = net.encoder_features(frame)
    features = net.up[1](net.up[0](deep, middle), first)
    torch.testing.assert_close(net(frame), net.last(features)[..., :13, :18])


def test_bf16_features_keep_float32_places():
    features = [level.bfloat16() for level in pyramid(torch.float32)]
    wide = [torch.arange(1000.0).bfloat16().expand(2, 1, 4, 1000)]
    points = torch.tensor([[[1.0, 701.25]]]).expand(2, -1, -1)
    column = hypercolumns(wide, points, (4, 1000))
    assert column.dtype == torch.float32
    expected = wide[0][0, 0, 0, 701:703].float() @ torch.tensor([0.75, 0.25])
    torch.testing.assert_close(column[0, 0, 0], expected, rtol=1e-4, atol=0)
    head = SparseHypercolumn(CHANNELS)
    with torch.autocast("cpu", torch.bfloat16):
        assert head(features, every_pixel(SIZE), SIZE).isfinite().all()
        assert head.dense(features, SIZE).isfinite().all()


@pytest.mark.parametrize("count", [1, 2])
def test_few_points(count):
    head = SparseHypercolumn(CHANNELS).double().eval()
    points = points_between_pixels(count)
    assert head(pyramid(), points, SIZE).shape == (2, count, 16)


def test_points_beyond_the_edge_get_its_value():
    features = pyramid()
    far = torch.tensor([[[-50.0, 99.0]]], dtype=torch.float64).expand(2, -1, -1)
    corners = torch.cat([level[:, :, :1, -1] for level in features], dim=1)
    torch.testing.assert_close(hypercolumns(features, far, SIZE), corners)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": []}, "at least one depth .*got"),
        ({"features": [torch.zeros(2, 3, 4)]}, r"of shape \(B, C, h, w\)"),
        ({"features": pyramid()[:2]}, r"must have \(3, 5, 2\) channels"),
        ({"points": torch.zeros(1, 4, 2)}, r"points must be \(2, N, 2\)"),
        ({"points": torch.zeros(2, 4, 3)}, r"got \(2, 4, 3\)"),
        ({"size": (0, 20)}, r"positive height and width; got \(0, 20\)"),
    ],
)
def test_rejected_input(change, words):
    head = SparseHypercolumn(CHANNELS).double()
    given = {"features": pyramid(), "points": points_between_pixels(), "size": SIZE}
    with pytest.raises(SettingsError, match=words):
        head(**(given | change))


def test_one_point_cannot_be_trained_on():
    head = SparseHypercolumn(CHANNELS).double()
    alone = [level[:1] for level in pyramid()]
    with pytest.raises(SettingsError, match="at least 2 points"):
        head(alone, points_between_pixels(1)[:1], SIZE)


@pytest.mark.parametrize(
    ("channels", "options"),
    [([], {}), ([3, 0], {}), ([3], {"hidden": 0}), ([3], {"embedding_dim": -1})],
)
def test_widths_are_checked(channels, options):
    with pytest.raises(SettingsError, match="channels must name at least one depth"):
        SparseHypercolumn(channels, **options)


def test_a_hypercolumn_has_no_octaves():
    with pytest.raises(SettingsError, match="octaves must be 1"):
        UNetConfig(head="hypercolumn", octaves=2)
