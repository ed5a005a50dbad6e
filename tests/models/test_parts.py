"""Correlation, sampling, U-Net, checkpoints, devices."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.models import (
    ModelCard,
    PWCNet,
    SegmentationNet,
    UNet,
    UNetConfig,
    load_model,
    load_pwcnet,
    read_card,
    resolve_device,
    save_model,
)
from napari_motionseg.models.checkpoints import shipped_weights
from napari_motionseg.models.correlation import correlation
from napari_motionseg.models.precision import has_bf16, resolve_precision
from napari_motionseg.models.sampling import sample_along
from napari_motionseg.models.unet import BilinearStep, flat_field

SMALL = UNetConfig(width=4, depth=2, embedding_dim=6)
CARD = ModelCard("embedding", "UNet", dataclasses.asdict(SMALL), {"seed": 3})


def test_correlation_is_the_mean_of_products():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 2, 5, 6, 7))
    found = correlation(torch.from_numpy(first), torch.from_numpy(second), 2).numpy()
    for b, place, row, column in np.ndindex(2, 25, 6, 7):
        dy, dx = place // 5 - 2, place % 5 - 2
        y, x = row + dy, column + dx
        expected = 0.0
        if 0 <= y < 6 and 0 <= x < 7:
            expected = (first[b, :, row, column] * second[b, :, y, x]).mean()
        assert found[b, place, row, column] == pytest.approx(expected)


def test_sampling_is_scipys():
    generator = np.random.default_rng(0)
    picture = generator.random((1, 2, 9, 11))
    flow = generator.uniform(-4, 4, (1, 2, 9, 11))
    found, inside = sample_along(torch.from_numpy(picture), torch.from_numpy(flow))
    rows, columns = np.mgrid[:9, :11]
    places = np.stack((rows + flow[0, 1], columns + flow[0, 0]))
    for channel in range(2):
        expected = map_coordinates(
            np.pad(picture[0, channel], 6), places + 6, order=1, mode="constant"
        )
        np.testing.assert_allclose(found[0, channel], expected, atol=1e-12)
    truth = (places >= 0).all(0) & (places[0] <= 8) & (places[1] <= 10)
    np.testing.assert_array_equal(inside[0, 0].numpy(), truth)


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (16, 16), (33, 20)])
def test_any_size_has_an_embedding_of_its_size(size):
    model = UNet(SMALL).eval()
    with torch.inference_mode():
        assert model(torch.rand(2, 1, *size)).shape == (2, 6, *size)


def test_the_papers_network():
    """Ronneberger's channels, with batch norm, and 64 dimensions at the end."""
    model = UNet(UNetConfig(width=64))
    expected, before = 0, 1
    widths = [64, 128, 256, 512, 1024]
    for width in widths:
        expected += 9 * before * width + 9 * width * width + 4 * width
        before = width
    for deep, flat in zip(widths[:0:-1], widths[-2::-1], strict=True):
        expected += 4 * deep * flat + flat
        expected += 9 * 2 * flat * flat + 9 * flat * flat + 4 * flat
    expected += 64 * 64 + 64
    assert sum(p.numel() for p in model.parameters()) == expected
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in model.modules())


def test_a_frame_is_embedded_wherever_it_begins():
    """Far from the edge, a shift by a multiple of 2^depth shifts the embedding."""
    model = UNet(SMALL).eval()
    frame = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        whole = model(frame)
        part = model(frame[..., 8:, 8:])
    torch.testing.assert_close(whole[..., 28:36, 28:36], part[..., 20:28, 20:28])


def _period_of_two(embedding):
    """Return how far the four phases of 2 x 2 pixels are apart, over all channels."""
    inner = embedding[0, :, 8:-8, 8:-8]
    phases = torch.stack(
        [inner[:, r::2, c::2].mean((1, 2)) for r in (0, 1) for c in (0, 1)]
    )
    return float((phases - phases.mean(0)).abs().max())


def test_bilinear_enlarging_leaves_no_checkerboard():
    """An even frame has an even embedding; the learnt step's has a period of two."""
    even = torch.full((1, 1, 64, 64), 0.5)
    found = {}
    for enlarging in ("learnt", "bilinear"):
        torch.manual_seed(0)
        config = UNetConfig(width=4, depth=2, embedding_dim=6, enlarging=enlarging)
        with torch.inference_mode():
            found[enlarging] = _period_of_two(UNet(config).eval()(even))
    assert found["bilinear"] < 1e-6
    assert found["learnt"] > 1e-4


def test_a_bilinear_step_is_a_mixture_of_an_enlarged_picture():
    """The order of the two does not matter; the cheaper one is taken."""
    step, deep = BilinearStep(3, 5).double(), torch.rand(2, 3, 4, 6).double()
    enlarged = torch.nn.functional.interpolate(deep, scale_factor=2, mode="bilinear")
    wanted = torch.nn.functional.conv2d(enlarged, step.weight, step.bias)
    torch.testing.assert_close(step(deep), wanted)


def _halved(picture):
    """Return the means of 2 x 2 pixels, at an odd edge of those there are."""
    rows, columns = picture.shape
    return np.array(
        [
            [picture[r : r + 2, c : c + 2].mean() for c in range(0, columns, 2)]
            for r in range(0, rows, 2)
        ],
        picture.dtype,
    )


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (1, 1), (2, 3)])
def test_octaves_are_the_mean_of_what_one_size_says_of_a_frame_and_its_half(size):
    torch.manual_seed(1)
    config = UNetConfig(width=4, depth=2, embedding_dim=6, flat_field=True)
    both = UNet(dataclasses.replace(config, octaves=2)).eval()
    one = UNet(config).eval()
    one.load_state_dict(both.state_dict())
    frame = np.random.default_rng(0).random(size, np.float32)
    with torch.inference_mode():
        found = both(torch.from_numpy(frame)[None, None])
        whole = one(torch.from_numpy(frame)[None, None])
        half = one(torch.from_numpy(_halved(frame))[None, None])
    larger = torch.nn.functional.interpolate(half, scale_factor=2, mode="bilinear")
    wanted = (whole + larger[..., : size[0], : size[1]]) / 2
    torch.testing.assert_close(found, wanted)
    with torch.inference_mode():
        alone = both.at_one_size(torch.from_numpy(frame)[None, None])
    torch.testing.assert_close(alone, whole)


def test_a_hypercolumn_has_no_octaves():
    with pytest.raises(SettingsError, match="octaves must be 1"):
        UNetConfig(head="hypercolumn", octaves=2)


def test_checkpoints_from_before_there_was_a_choice_stay_what_they_were():
    config = dataclasses.asdict(SMALL)
    del config["enlarging"]
    del config["octaves"]
    assert UNetConfig(**config) == SMALL


def test_flat_field_takes_a_slow_background_away():
    rows, columns = np.mgrid[:96, :96] / 96
    vessel = np.where(np.abs(rows - columns) < 0.02, 0.8, 1.0)
    background = 0.3 + 0.4 * rows * (1 - columns)
    plain, shaded = (
        flat_field(torch.from_numpy((vessel * b)[None, None]).float())[0, 0]
        for b in (0.5 * np.ones_like(rows), background)
    )
    inner = (slice(16, -16), slice(16, -16))
    contrast = plain[inner].amax() - plain[inner].amin()
    assert (plain - shaded)[inner].abs().max() < 0.15 * contrast
    dimmed = flat_field(torch.from_numpy((vessel * 0.25)[None, None]).float())[0, 0]
    assert (plain - dimmed)[inner].abs().max() < 0.2 * contrast


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_sum_to_one(classes):
    model = SegmentationNet(SMALL, classes).eval()
    frame = torch.rand(2, 1, 9, 10)
    with torch.inference_mode():
        logits, probabilities = model(frame), model.probabilities(frame)
    assert logits.shape == (2, 1 if classes == 2 else classes, 9, 10)
    assert probabilities.shape == (2, classes, 9, 10)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2, 9, 10))
    if classes == 2:
        torch.testing.assert_close(probabilities[:, 1:], logits.sigmoid())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"width": 0}, "width must be a positive integer; got 0"),
        ({"depth": 7}, "depth must be at most 6"),
        ({"embedding_dim": 1.5}, "embedding_dim must be a positive integer"),
        ({"enlarging": "biliner"}, "did you mean 'bilinear'"),
    ],
)
def test_shapes_that_cannot_be(wrong, words):
    with pytest.raises(SettingsError, match=words):
        UNetConfig(**wrong)
    with pytest.raises(SettingsError, match="classes counts the background"):
        SegmentationNet(SMALL, 1)
    with pytest.raises(SettingsError, match=r"\(B, 1, H, W\)"):
        UNet(SMALL)(torch.zeros(1, 2, 8, 8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_checkpoints_come_back(tmp_path, dtype):
    model, path = UNet(SMALL).eval(), tmp_path / "a.safetensors"
    save_model(path, model, CARD, dtype=dtype)
    back, card = load_model(path, kind="embedding")
    assert card == CARD
    assert read_card(path) == CARD
    assert not back.training
    for name, weight in model.state_dict().items():
        wanted = (
            weight.to(dtype).to(weight.dtype) if weight.is_floating_point() else weight
        )
        assert torch.equal(back.state_dict()[name], wanted)


def test_checkpoints_that_do_not_fit(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_model(path)
    save_model(path, UNet(SMALL), CARD)
    with pytest.raises(CheckpointError, match="kind 'embedding'; 'flow' is needed"):
        load_model(path, kind="flow")
    with pytest.raises(CheckpointError, match="kind 'embedding'"):
        load_pwcnet(path)
    whole = path.read_bytes()
    for content in (b"", whole[:40], whole[: len(whole) // 2], b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"a\.safetensors"):
            load_model(path)
    other = dataclasses.replace(CARD, configuration={**CARD.configuration, "width": 8})
    save_model(path, UNet(SMALL), other)
    with pytest.raises(CheckpointError, match="tensor '.*' has shape"):
        load_model(path)
    save_model(path, UNet(SMALL), dataclasses.replace(CARD, architecture="VGG"))
    with pytest.raises(CheckpointError, match="unknown architecture 'VGG'"):
        load_model(path)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="not one of motionseg"):
        load_model(path)


def test_a_flow_network_knows_its_variant(tmp_path):
    path = tmp_path / "flow.safetensors"
    card = ModelCard("flow", "PWCNet", {"in_channels": 1, "normalized": True}, {})
    save_model(path, PWCNet(1, normalized=True), card, dtype=torch.float16)
    model = load_pwcnet(path)
    assert (model.in_channels, model.normalized) == (1, True)
    assert path.stat().st_size < 20e6


def test_unknown_shipped_weights():
    with pytest.raises(CheckpointError, match="pwcnet-x"):
        shipped_weights("pwcnet-xx")


def test_devices(monkeypatch):
    assert resolve_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device() == torch.device("cpu")
    with pytest.raises(SettingsError, match="unknown device 'abacus'"):
        resolve_device("abacus")
    with pytest.raises(SettingsError, match="no CUDA GPU here"):
        resolve_device("cuda:1")
    with pytest.raises(SettingsError, match="no MPS here"):
        resolve_device("mps")


def test_precision(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.delenv("MOTIONSEG_BF16", raising=False)
    expected = torch.bfloat16 if has_bf16(cpu) else torch.float32
    assert resolve_precision("auto", cpu) == expected
    assert resolve_precision("float32", cpu) == torch.float32
    assert resolve_precision("bf16", cpu) == torch.bfloat16


@pytest.mark.parametrize(
    ("variable", "capability", "expected"),
    [
        ("", "AVX512", torch.bfloat16),
        ("on", "AVX512", torch.bfloat16),
        ("off", "AVX512", torch.float32),
        (" OFF ", "AVX512", torch.float32),
        # units that torch may not use are as good as none: it would emulate bf16
        ("", "AVX2", torch.float32),
        ("", "DEFAULT", torch.float32),
    ],
)
def test_automatic_precision_follows_what_torch_may_use(
    monkeypatch, variable, capability, expected
):
    cpu = torch.device("cpu")
    monkeypatch.setenv("MOTIONSEG_BF16", variable)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert resolve_precision("auto", cpu) == expected
    assert resolve_precision("bf16", cpu) == torch.bfloat16
