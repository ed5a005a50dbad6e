"""The U-Net: sizes, the published form, octaves, flat field and rejected shapes."""

import dataclasses

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import (
    SegmentationNet,
    UNet,
    UNetConfig,
)
from napari_motionseg.models.flat_field import flat_field
from napari_motionseg.models.unet import BilinearStep

SMALL = UNetConfig(width=4, depth=2, embedding_dim=6)


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
    with pytest.raises(SettingsError, match="classes must be at least 2"):
        SegmentationNet(SMALL, 1)
    with pytest.raises(SettingsError, match=r"\(B, 1, H, W\)"):
        UNet(SMALL)(torch.zeros(1, 2, 8, 8))
