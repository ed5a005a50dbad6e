"""PWC-Net against plain NumPy, in both published key schemes."""

import numpy as np
import pytest
import torch
from helpers import plain_pwcnet as plain
from scipy.ndimage import map_coordinates

from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.models import PWCNet, load_pwcnet
from napari_motionseg.models import pwcnet as module
from napari_motionseg.models.correlation import correlation
from napari_motionseg.models.sampling import sample_along


@pytest.fixture(scope="module")
def state():
    return plain.random_weights()


@pytest.fixture(scope="module")
def pictures():
    generator = np.random.default_rng(1)
    return generator.random((2, 3, 64, 128))


@pytest.fixture(scope="module")
def expected(state, pictures):
    return plain.quarter_flow(state, *pictures)


def as_tensors(state):
    return {name: torch.from_numpy(value) for name, value in state.items()}


def loaded(tmp_path, state, wrapped=False):
    content = as_tensors(state)
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": content} if wrapped else content, path)
    return load_pwcnet(path)


def flow_of(model, pictures, **options):
    first, second = (torch.from_numpy(p[None]).float() for p in pictures)
    with torch.inference_mode():
        return model(first, second, **options)[0].numpy()


@pytest.fixture(scope="module")
def model(tmp_path_factory, state):
    return loaded(tmp_path_factory.mktemp("weights"), state)


def test_the_flow_is_that_of_plain_numpy(model, pictures, expected):
    assert np.abs(expected).max() > 1  # the comparison is about something
    found = flow_of(model, pictures, upsample=False)
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize("word", ["module", "net"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_both_key_schemes_hold_the_same_network(
    tmp_path, state, model, pictures, word, wrapped
):
    renamed = plain.reimplementation(state, word)
    other = loaded(tmp_path, renamed, wrapped)
    np.testing.assert_array_equal(flow_of(other, pictures), flow_of(model, pictures))


def test_the_parameters_are_as_many_as_published(model):
    # the published count has the 66 of deconv2, which is stored but never used
    assert sum(p.numel() for p in model.parameters()) == 9_374_340 - 66


def mistakes():
    def dx_outer(first, second, reach):
        costs = correlation(first, second, reach)
        side = 2 * reach + 1
        return costs.unflatten(1, (side, side)).transpose(1, 2).flatten(1, 2)

    def sums(first, second, reach):
        return correlation(first, second, reach) * first.shape[1]

    def no_mask(picture, flow):
        sampled, inside = sample_along(picture, flow)
        return sampled, torch.ones_like(inside)

    def not_aligned(picture, flow):
        height, width = picture.shape[-2:]
        x = torch.arange(width) + flow[:, 0]
        y = torch.arange(height)[:, None] + flow[:, 1]
        grid = torch.stack((2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1), -1)
        sampled = torch.nn.functional.grid_sample(picture, grid, align_corners=False)
        return sampled, sample_along(picture, flow)[1]

    return {
        "dx outer": ("correlation", dx_outer),
        "sum for mean": ("correlation", sums),
        "no mask": ("sample_along", no_mask),
        "corners not aligned": ("sample_along", not_aligned),
    }


@pytest.mark.parametrize("mistake", mistakes())
def test_each_known_mistake_would_be_caught(
    model, pictures, expected, monkeypatch, mistake
):
    name, wrong = mistakes()[mistake]
    monkeypatch.setattr(module, name, wrong)
    found = flow_of(model, pictures, upsample=False)
    assert np.abs(found - expected).max() > 1e-2


def test_the_order_of_channels_matters(model, pictures, expected):
    found = flow_of(model, pictures[:, ::-1].copy(), upsample=False)
    assert np.abs(found - expected).max() > 1e-2


def test_one_channel_is_the_sum_over_the_inputs(model, pictures):
    gray = pictures.mean(axis=1, keepdims=True)
    narrow = PWCNet(1).eval()
    weights = dict(model.state_dict())
    name = "features.levels.1.0.0.weight"
    weights[name] = weights[name].sum(dim=1, keepdim=True)
    narrow.load_state_dict(weights)
    replicated = np.repeat(gray, 3, axis=1)
    wide = flow_of(model, replicated)
    np.testing.assert_allclose(flow_of(narrow, gray), wide, atol=1e-3)
    np.testing.assert_allclose(flow_of(model, gray), wide, atol=1e-5)


def test_the_full_flow_is_the_quarter_one_enlarged(model, pictures):
    quarter = flow_of(model, pictures, upsample=False)
    full = flow_of(model, pictures)
    assert quarter.shape == (2, 16, 32)
    assert full.shape == (2, 64, 128)
    rows, columns = ((np.arange(n) + 0.5) / 4 - 0.5 for n in (64, 128))
    places = np.meshgrid(rows, columns, indexing="ij")
    for found, coarse in zip(full, quarter, strict=True):
        expected = map_coordinates(coarse, places, order=1, mode="nearest")
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_odd_sizes_are_resized_and_the_flow_scaled_back(model):
    generator = np.random.default_rng(2)
    first, second = generator.random((2, 1, 3, 60, 100))
    sizes = {"size": (64, 128), "mode": "bilinear", "align_corners": False}
    resize = torch.nn.functional.interpolate
    large = [resize(torch.from_numpy(p).float(), **sizes) for p in (first, second)]
    with torch.inference_mode():
        quarter = model(*large, upsample=False)
        found = model(*(torch.from_numpy(p).float() for p in (first, second)))
    expected = resize(quarter, size=(60, 100), mode="bilinear", align_corners=False)
    expected = expected * torch.tensor([100 / 128, 60 / 64])[:, None, None]
    torch.testing.assert_close(found, expected)


def test_normalized_features_ignore_brightness_and_contrast():
    torch.manual_seed(0)
    model = PWCNet(1, normalized=True).eval()
    features = torch.randn(2, 8, 6, 7)
    normal = module.normalize(features)
    torch.testing.assert_close(normal.square().mean(dim=1), torch.ones(2, 6, 7))
    torch.testing.assert_close(module.normalize(3 * features + 5), normal)
    flat = module.normalize(torch.ones(1, 8, 4, 4))
    assert not flat.any()
    costs = correlation(normal, normal, 4)[:, 40]
    torch.testing.assert_close(costs, torch.ones_like(costs))
    levels = model.pyramid(torch.rand(1, 1, 64, 64))
    assert [level.shape[1] for level in levels] == [16, 32, 64, 96, 128, 196]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ((1, 3, 64, 64), (1, 3, 64, 128), "same shape"),
        ((3, 64, 64), (3, 64, 64), "same shape"),
        ((1, 2, 64, 64), (1, 2, 64, 64), "1 or 3 channels for this network; got 2"),
    ],
)
def test_pictures_that_do_not_fit(model, first, second, words):
    with pytest.raises(SettingsError, match=words):
        model(torch.zeros(first), torch.zeros(second))


def test_channels_that_cannot_be():
    with pytest.raises(SettingsError, match="in_channels must be 1 or 3; got 2"):
        PWCNet(2)


def test_damaged_and_foreign_weights(tmp_path, state):
    path = tmp_path / "weights.pth"
    with pytest.raises(CheckpointError, match="no such file"):
        load_pwcnet(path)
    torch.save(as_tensors(state), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"weights\.pth"):
        load_pwcnet(path)
    for change, words in (
        ({"conv3a.0.weight": None}, "missing"),
        ({"conv3a.0.weight": np.zeros((1, 2, 3, 3), np.float32)}, "must have shape"),
        (
            {"fc.weight": np.zeros(3, np.float32)},
            "'fc.weight' does not belong to PWC-Net",
        ),
    ):
        changed = {k: v for k, v in {**state, **change}.items() if v is not None}
        torch.save(as_tensors(changed), path)
        with pytest.raises(CheckpointError, match=words):
            load_pwcnet(path)
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match="does not hold a state dict"):
        load_pwcnet(path)


class Evil:
    def __reduce__(self):
        return print, ("code ran",)


def test_a_pickle_with_code_is_refused(tmp_path, capsys):
    path = tmp_path / "evil.pth"
    torch.save({"conv1a.0.weight": Evil()}, path)
    with pytest.raises(CheckpointError, match="more than weights"):
        load_pwcnet(path)
    assert "code ran" not in capsys.readouterr().out


def test_the_shipped_weights_see_a_moved_picture():
    """Coarse, because a small network trained on angiograms meets smooth noise here."""
    model = load_pwcnet()
    assert not model.training
    assert model.in_channels == 1
    first = torch.rand(1, 1, 64, 64)
    flow = model(first, first)
    assert flow.shape == (1, 2, 64, 64)
    assert torch.isfinite(flow).all()
