"""Noise and processing of consoles: statistics, correlation, limits."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.filters import smoothed
from napari_motionseg.synthesis import grain

FLAT = torch.full((128, 128), 0.5)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_blur_is_that_of_scipy_with_odd_sizes_and_two_widths():
    picture = torch.rand((41, 57), generator=seeded())
    ours = smoothed(picture, 1.3, 2.1).numpy()
    theirs = ndimage.gaussian_filter(picture.numpy(), (1.3, 2.1), mode="mirror")
    np.testing.assert_allclose(ours[8:-8, 8:-8], theirs[8:-8, 8:-8], atol=2e-3)
    assert torch.equal(smoothed(picture, 0.0), picture)


@pytest.mark.parametrize(("rows", "columns"), [(0.0, 0.0), (0.8, 0.8), (0.3, 2.0)])
def test_noise_has_unit_variance_and_the_spectrum_of_its_blur(rows, columns):
    """Neighbours of Gaussian-blurred white noise correlate by exp(-1 / 4 sigma^2)."""
    noise = grain.correlated_noise((256, 256), rows, columns, seeded()).numpy()
    assert noise.std() == pytest.approx(1, abs=1e-3)
    for axis, sigma in ((0, rows), (1, columns)):
        found = float((noise * np.roll(noise, 1, axis)).mean())
        expected = np.exp(-1 / (4 * sigma**2)) if sigma else 0.0
        # a sampled kernel of less than a pixel is a little wider than its formula
        assert found == pytest.approx(expected, abs=0.08)


@pytest.mark.parametrize("follows", [0.5, -0.5, 0.0])
def test_quantum_noise_follows_the_signal_by_its_power(follows):
    picture = torch.full((128, 256), 0.2)
    picture[:, 128:] = 0.8
    noisy = grain.quantum_noise(picture, 0.02, seeded(), follows=follows) - picture
    ratio = float(noisy[:, 128:].std() / noisy[:, :128].std())
    assert ratio == pytest.approx(4**follows, rel=0.05)


def test_a_quarter_of_the_dose_doubles_the_noise():
    spread = [
        float((grain.quantum_noise(FLAT, d, seeded()) - FLAT).std())
        for d in (0.01, 0.02)
    ]
    assert spread[1] / spread[0] == pytest.approx(2, rel=1e-3)
    assert spread[0] == pytest.approx(0.01, rel=1e-3)


def test_film_is_grainiest_in_the_middle_and_correlates_further():
    tones = torch.cat((torch.full((128, 128), 0.5), torch.full((128, 128), 0.95)), 1)
    noise = (grain.film_grain(tones, 0.02, seeded()) - tones).numpy()
    assert noise[:, :128].std() > 1.8 * noise[:, 128:].std()
    far = [
        float((field * np.roll(field, 4, 1)).mean() / field.var())
        for field in (
            noise[:, :128],
            (grain.quantum_noise(FLAT, 0.02, seeded()) - FLAT).numpy(),
        )
    ]
    assert far[0] > far[1] + 0.1


def test_edge_enhancement_leaves_flat_parts_and_overshoots_at_edges():
    step = torch.zeros((64, 64))
    step[:, 32:] = 0.5
    sharp = grain.edge_enhanced(step, 1.0, 1.5)
    torch.testing.assert_close(sharp[:, :20], step[:, :20], atol=1e-6, rtol=0)
    assert float(sharp.min()) < -0.05
    assert float(sharp.max()) > 0.55
    assert torch.equal(grain.edge_enhanced(step, 0.0, 1.5), step)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_a_recursive_filter_lowers_noise_by_its_formula(share):
    frames = torch.randn((60, 64, 64), generator=seeded())
    shown = grain.recursively_filtered(frames, share)
    expected = (1 - share) / (1 + share)
    assert float(shown[30:].var()) == pytest.approx(expected, rel=0.05)


def test_what_moves_leaves_a_trail_behind_a_recursive_filter():
    frames = torch.zeros((4, 8, 8))
    for t in range(4):
        frames[t, t] = 1
    shown = grain.recursively_filtered(frames, 0.5)
    assert shown[3, :4, 0].tolist() == [0.125, 0.125, 0.25, 0.5]


@pytest.mark.parametrize("bits", [1, 8, 10, 16])
def test_pictures_are_stored_in_the_steps_of_their_bits(bits):
    picture = torch.rand((33, 47), generator=seeded())
    stored = grain.quantized(picture, bits)
    full = 2**bits - 1
    assert float((stored - picture).abs().max()) <= 0.5 / full + 1e-6
    steps = stored.double() * full
    assert float((steps - steps.round()).abs().max()) < 0.01


def test_jpeg_of_low_quality_costs_more_and_keeps_the_range():
    picture = grain.quantum_noise(FLAT, 0.1, seeded()).clamp(0, 1)
    errors = []
    for quality in (95, 60, 20):
        stored = grain.quantized(picture, 8, quality)
        assert 0 <= float(stored.min()) <= float(stored.max()) <= 1
        errors.append(float((stored - picture).abs().mean()))
    assert errors == sorted(errors)


@pytest.mark.parametrize(
    ("deviation", "low", "high"), [(0.001, 0.1, 0.5), (0.012, 1.0, 3.5)]
)
def test_the_measure_of_grain_is_that_of_a_median_of_nine(deviation, low, high):
    picture = grain.quantized(grain.quantum_noise(FLAT, deviation, seeded()), 16)
    found = grain.grain_of(picture)
    gray = picture.numpy() * 255
    slow = (gray - ndimage.median_filter(gray, 3, mode="mirror")).std()
    assert found == pytest.approx(slow, rel=0.01)
    assert low < found < high


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: grain.recursively_filtered(FLAT[None], 1.0),
            "share must be at least 0",
        ),
        (lambda: grain.quantized(FLAT, 17), "bits must be 1 to 16; got 17"),
        (lambda: grain.quantized(FLAT, 8, 0), "quality must be 1 to 100; got 0"),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(SettingsError, match=words):
        call()
