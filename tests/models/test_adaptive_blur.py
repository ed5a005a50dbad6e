"""Blur by the noise of a picture: how much, where not, and inside a network."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_motionseg.errors import SettingsError
from napari_motionseg.models import SegmentationNet, UNet, UNetConfig
from napari_motionseg.models.adaptive_blur import SIGMAS, noise_level, quieted

MOST = 0.7 / 255


def picture(deviation, shape=(96, 120), seed=0):
    """Soft folds, a vessel, and white noise."""
    rng = np.random.default_rng(seed)
    folds = ndimage.gaussian_filter(rng.normal(size=shape), 12)
    folds = 0.5 + 0.05 * folds / folds.std()
    folds[40:46] -= 0.1
    noisy = folds + deviation * rng.normal(size=shape)
    return torch.from_numpy(noisy).float()[None]


@pytest.mark.parametrize("deviation", [0.005, 0.01, 0.02])
def test_the_level_is_that_of_the_noise_whatever_it_lies_on(deviation):
    """Less what the blur by 2 px shares with the noise: 1 / (16 pi) of its variance."""
    found = float(noise_level(picture(deviation)))
    kernel = np.zeros((31, 31))
    kernel[15, 15] = 1
    high = kernel - ndimage.gaussian_filter(kernel, 2.0)
    expected = deviation * np.sqrt((high**2).sum())
    assert found == pytest.approx(expected, rel=0.25)


def test_a_quiet_picture_stays_as_it_is_to_the_last_bit():
    quiet = picture(0.001)[None]
    assert torch.equal(quieted(quiet, MOST), quiet)


@pytest.mark.parametrize("deviation", [0.005, 0.01, 0.02])
def test_a_noisy_picture_is_blurred_to_the_level_and_no_further(deviation):
    level = float(noise_level(quieted(picture(deviation)[None], MOST)[0]))
    assert 0.75 * MOST < level < 1.15 * MOST


def test_the_blur_is_bounded_so_that_thin_vessels_survive():
    loud = picture(0.2)
    most = ndimage.gaussian_filter(loud[0].numpy(), SIGMAS[-1], mode="mirror")
    np.testing.assert_allclose(quieted(loud[None], MOST)[0, 0], most, atol=2e-3)


def test_the_width_grows_continuously_with_the_noise():
    base, noise = picture(0.0), picture(1.0) - picture(0.0)
    spreads = [
        float((quieted((base + d * noise)[None], MOST)[0] - base).std())
        for d in np.linspace(0.002, 0.02, 30)
    ]
    assert max(np.abs(np.diff(spreads))) < 0.3 * max(spreads)


def test_each_frame_is_judged_alone():
    both = torch.stack((picture(0.001), picture(0.02)))
    together = quieted(both, MOST)
    assert torch.equal(together[0], both[0])
    torch.testing.assert_close(together[1], quieted(both[1:], MOST)[0])


def test_borders_that_a_console_draws_are_not_measured():
    noisy = picture(0.01)
    framed = noisy.clone()
    framed[:, :, :60] = 0.1
    assert float(noise_level(framed)) > 0.7 * float(noise_level(noisy))


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_blank_picture_has_no_noise(value):
    blank = torch.full((1, 1, 40, 40), value)
    assert float(noise_level(blank[0])) == 0
    assert torch.equal(quieted(blank, MOST), blank)


def test_a_training_in_bf16_measures_in_full_precision():
    noisy = picture(0.01)[None]
    with torch.autocast("cpu", torch.bfloat16):
        coarse = quieted(noisy, MOST)
    assert torch.equal(coarse, quieted(noisy, MOST))


CONFIG = UNetConfig(width=2, depth=2, embedding_dim=4, flat_field=True, octaves=2)


def test_a_network_sees_the_quiet_picture_in_all_its_octaves():
    torch.manual_seed(0)
    plain = UNet(CONFIG).eval()
    quiet = UNet(dataclasses.replace(CONFIG, familiar_noise=MOST)).eval()
    quiet.load_state_dict(plain.state_dict())
    noisy = picture(0.02)[None]
    calm = quieted(noisy, MOST)
    with torch.inference_mode():
        torch.testing.assert_close(quiet(noisy), plain(calm))
        torch.testing.assert_close(quiet.at_one_size(noisy), plain.at_one_size(calm))
        for one, other in zip(
            quiet.encoder_features(noisy), plain.encoder_features(calm), strict=True
        ):
            torch.testing.assert_close(one, other)


def test_a_network_without_it_takes_every_frame_as_it_is():
    assert UNetConfig().familiar_noise is None
    assert SegmentationNet(UNetConfig(width=2, depth=1)).embedding.config == UNetConfig(
        width=2, depth=1
    )


@pytest.mark.parametrize("value", [0.0, -0.1, 1.5, float("nan")])
def test_a_level_that_cannot_be_is_refused(value):
    with pytest.raises(SettingsError, match="familiar_noise must be above 0"):
        UNetConfig(familiar_noise=value)


def test_wrong_channels_are_refused_before_anything_is_computed():
    network = UNet(dataclasses.replace(CONFIG, familiar_noise=MOST))
    for call in (network, network.at_one_size, network.encoder_features):
        with pytest.raises(SettingsError, match="frames must have shape"):
            call(torch.zeros(1, 3, 32, 32))
