import math

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.segmentation.augmentation import (
    AugmentSettings,
    augment,
    random_matrices,
    transform,
)


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 1, 13, 18, generator=generator)
    return image, torch.randint(-1, 3, (2, 13, 18), generator=generator)


def slow_transform(image, target, matrix, size, center):
    """Sample one picture pixel by pixel; NaN where the source is near the border."""
    height, width = image.shape
    moved = np.full(size, np.nan)
    labels = np.full(size, -1)
    inverse = np.linalg.inv(matrix)
    for r in range(size[0]):
        for c in range(size[1]):
            out = np.array([c - (size[1] - 1) / 2, r - (size[0] - 1) / 2])
            x, y = inverse @ out + (center[1], center[0])
            nearest = math.floor(y + 0.5), math.floor(x + 0.5)
            if 0 <= nearest[0] < height and 0 <= nearest[1] < width:
                labels[r, c] = target[nearest]
            u, v = math.floor(y), math.floor(x)
            if 0 <= u < height - 1 and 0 <= v < width - 1:
                b, a = y - u, x - v
                moved[r, c] = (
                    image[u, v] * (1 - a) * (1 - b)
                    + image[u, v + 1] * a * (1 - b)
                    + image[u + 1, v] * (1 - a) * b
                    + image[u + 1, v + 1] * a * b
                )
    return moved, labels


@pytest.mark.parametrize("size", [(13, 18), (7, 10), (20, 9)])
def test_transform_equals_slow_version(pair, size):
    image, target = pair
    generator = torch.Generator().manual_seed(3)
    matrices = random_matrices(2, AugmentSettings(), generator)
    centers = torch.tensor([[5.0, 9.5], [7.25, 6.0]])
    moved, labels = transform(image, target, matrices, size=size, centers=centers)
    for i in range(2):
        expected, expected_labels = slow_transform(
            image[i, 0].numpy(), target[i].numpy(), matrices[i].numpy(), size,
            centers[i].numpy(),
        )  # fmt: skip
        known = ~np.isnan(expected)
        assert known.sum() > 20
        np.testing.assert_allclose(moved[i, 0][known], expected[known], atol=1e-4)
        np.testing.assert_array_equal(labels[i], expected_labels)


def test_no_change_is_no_change(pair):
    image, target = pair
    generator = torch.Generator().manual_seed(0)
    moved, labels = augment(image, target, AugmentSettings.none(), generator)
    torch.testing.assert_close(moved, image, atol=1e-5, rtol=0)
    assert torch.equal(labels, target)
    cut, cut_labels = augment(
        image, target, AugmentSettings.none(), generator,
        size=(5, 6), centers=torch.tensor([[4.0, 7.5], [4.0, 7.5]]),
    )  # fmt: skip
    torch.testing.assert_close(cut, image[:, :, 2:7, 5:11], atol=1e-5, rtol=0)
    assert torch.equal(cut_labels, target[:, 2:7, 5:11])


def test_a_flip_is_a_mirror(pair):
    image, target = pair
    mirror = torch.diag(torch.tensor([-1.0, 1.0])).expand(2, 2, 2)
    moved, labels = transform(image, target, mirror)
    torch.testing.assert_close(moved, image.flip(-1), atol=1e-5, rtol=0)
    assert torch.equal(labels, target.flip(-1))


def test_a_rotation_turns_a_point_about_the_centre_without_stretching():
    image = torch.zeros(1, 1, 21, 41)
    image[0, 0, 10, 28] = 1
    turn = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    moved, _ = transform(image, torch.zeros(1, 21, 41, dtype=torch.int16), turn)
    assert moved[0, 0, 18, 20] == pytest.approx(1, abs=1e-4)


def test_matrices_are_flip_scale_shear_and_rotation_within_range():
    generator = torch.Generator().manual_seed(0)
    settings = AugmentSettings()
    matrices = random_matrices(2000, settings, generator).numpy()
    flipped = np.linalg.det(matrices) < 0
    assert 0.45 < flipped.mean() < 0.55
    scale = np.sqrt(np.abs(np.linalg.det(matrices)))
    assert 0.8 <= scale.min() < 0.82 < 1.18 < scale.max() <= 1.2
    # the first column is only rotated, scaled and flipped; the second is sheared too
    sign = np.where(flipped, -1, 1)
    angle = np.degrees(np.arctan2(sign * matrices[:, 1, 0], sign * matrices[:, 0, 0]))
    assert -20 <= angle.min() < -19 < 19 < angle.max() <= 20
    upright = matrices / scale[:, None, None]
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    lean = cosine * upright[:, 0, 1] + sine * upright[:, 1, 1]
    degrees = np.degrees(np.arctan(lean))
    assert -20.01 <= degrees.min() < -19 < 19 < degrees.max() <= 20.01


def test_labels_come_only_from_labels_and_minus_one_from_outside(pair):
    image, target = pair
    target = target.clamp(min=0) * 2
    generator = torch.Generator().manual_seed(5)
    _, labels = augment(image, target, AugmentSettings(scale=(0.5, 0.5)), generator)
    assert set(labels.unique().tolist()) <= {-1, 0, 2, 4}
    assert (labels[:, 0] == -1).all()
    assert labels.dtype == target.dtype


def test_the_generator_decides(pair):
    settings = AugmentSettings(gamma=0.3, noise=0.05)

    def once(seed):
        return augment(*pair, settings, torch.Generator().manual_seed(seed))[0]

    assert torch.equal(once(1), once(1))
    assert not torch.equal(once(1), once(2))


def test_gamma_keeps_black_and_white():
    image = torch.tensor([0.0, 0.5, 1.0]).expand(1, 1, 1, 3)
    settings = AugmentSettings(flip=False, degrees=0, scale=(1, 1), shear=0, gamma=1)
    generator = torch.Generator().manual_seed(1)
    moved, _ = augment(
        image, torch.zeros(1, 1, 3, dtype=torch.int16), settings, generator
    )
    assert moved[0, 0, 0, 0] == pytest.approx(0, abs=1e-5)
    assert moved[0, 0, 0, 2] == pytest.approx(1, abs=1e-5)
    assert 0.25 <= moved[0, 0, 0, 1] <= 0.71


def only(**values):
    return AugmentSettings(flip=False, degrees=0, scale=(1, 1), shear=0, **values)


def test_gamma_is_drawn_for_each_picture_with_a_uniform_logarithm():
    count, gamma = 3000, 0.5
    image = torch.full((count, 1, 2, 2), 0.25)
    target = torch.zeros(count, 2, 2, dtype=torch.int16)
    generator = torch.Generator().manual_seed(0)
    moved, _ = augment(image, target, only(gamma=gamma), generator)
    exponents = (moved.double().log() / math.log(0.25)).numpy().reshape(count, 4)
    np.testing.assert_allclose(exponents, exponents[:, :1].repeat(4, 1), rtol=1e-4)
    place = np.log(exponents[:, 0]) / np.log(1 + gamma)  # uniform from -1 to 1
    assert -1.001 <= place.min() < -0.98
    assert 0.98 < place.max() <= 1.001
    found, _ = np.histogram(place, 4, (-1, 1))
    assert (abs(found / count - 0.25) < 0.04).all()


def test_noise_is_normal_and_its_deviation_is_drawn_for_each_picture():
    count, noise = 400, 0.1
    image = torch.full((count, 1, 30, 30), 0.5)
    target = torch.zeros(count, 30, 30, dtype=torch.int16)
    generator = torch.Generator().manual_seed(0)
    moved, _ = augment(image, target, only(noise=noise), generator)
    added = (moved - 0.5)[:, 0].reshape(count, -1)
    deviations = (added.std(dim=1) / noise).numpy()  # uniform from 0 to 1
    assert 0 <= deviations.min() < 0.05
    assert 0.95 < deviations.max() < 1.1
    assert abs(deviations.mean() - 0.5) < 0.06
    assert abs(float(added.mean())) < 0.002


def test_without_gamma_and_noise_gray_values_stay(pair):
    image, target = pair
    settings, generator = only(), torch.Generator().manual_seed(0)
    moved, _ = augment(image, target, settings, generator)
    torch.testing.assert_close(moved, image, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["gamma", "noise"])
def test_the_largest_gamma_and_noise(name):
    assert getattr(AugmentSettings(**{name: 10}), name) == 10
    for wrong in (-0.01, 10.01):
        with pytest.raises(SettingsError, match=f"{name} must be 0 to 10; got {wrong}"):
            AugmentSettings(**{name: wrong})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"degrees": -1}, "degrees must be 0 to 180; got -1"),
        ({"shear": 90}, "shear must be 0 to 60; got 90"),
        ({"scale": (1.2, 0.8)}, "scale must be 0 < low <= high"),
        ({"scale": (0, 1)}, "scale must be 0 < low <= high"),
        ({"noise": -0.1}, "noise must be 0 to 10"),
    ],
)
def test_settings_out_of_range(values, message):
    with pytest.raises(SettingsError, match=message):
        AugmentSettings(**values)
