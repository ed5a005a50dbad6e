"""Shafts of known size, empty and filled."""

import math

import numpy as np
import pytest
from scipy import optimize

from napari_motionseg.cine import Cine
from napari_motionseg.measurement import calibration_by_catheter, catheter_fit
from napari_motionseg.synthesis.catheter_phantom import (
    CatheterConfig,
    catheter_phantom,
)
from napari_motionseg.synthesis.vessel_phantom import PhantomConfig

RADIUS, BLUR = 5.0, 0.8
FRENCH = 6.0  # 2 mm: 0.2 mm a pixel


def calibrated(filled, lumen=0.75, wall=0.02):
    picture = PhantomConfig(radius=RADIUS, blur=BLUR, noise=0.005, bend=4.0, size=112)
    shaft = catheter_phantom(
        CatheterConfig(picture, lumen=lumen, wall=wall, filled=filled), seed=3
    )
    cine = Cine.from_array(
        np.clip([shaft.frame], 0, 1), intensity_relationship="LOG", name="shaft"
    )
    blur = np.hypot(BLUR, 1 / np.sqrt(12))  # a pixel's width blurs too
    return calibration_by_catheter(cine, 0, FRENCH, *shaft.ends(14), blur=blur)


@pytest.mark.parametrize("filled", [0.0, 1.0])
def test_the_outer_diameter_of_empty_and_filled_shafts(filled):
    found = calibrated(filled)
    assert found.column_mm == pytest.approx(0.2, rel=0.03)
    assert found.basis == f"catheter 6F, {'filled' if filled else 'empty'}"
    assert 0 < found.spread < 0.05


def test_a_wall_that_cannot_be_told_from_contrast_is_said():
    found = calibrated(0.8, wall=0.0)
    assert found.basis == "catheter 6F, filled, wall not told from contrast"


NOISE = 1e-3


def slow_tube(distance, radius, blur):
    """Return rays through a tube ``(K,)``, blurred by bell and pixel, by plain sums."""
    across = (np.arange(400) + 0.5) / 200 - 1
    rays = 2 * radius * np.sqrt(1 - across**2) * radius / 200
    total = np.zeros(len(distance))
    for shift in (np.arange(20) + 0.5) / 20 - 0.5:  # over the width of a pixel
        away = (distance[:, None] + shift - radius * across) / blur
        bell = np.exp(-0.5 * away**2) / (blur * math.sqrt(2 * math.pi))
        total += (rays * bell).sum(axis=1) / 20
    return total


def slow_cost(x, distance, gray, known, *, filled):
    """Return half of the squares that a shaft leaves, and of its prior."""
    radius, lumen, blur = math.exp(x[0]), x[1], math.exp(x[2])
    tubes = [slow_tube(distance, r, blur) for r in (radius, lumen * radius)]
    wall, agent = tubes[1] - tubes[0], -tubes[1]
    design = [wall, np.ones_like(distance), distance, *([agent] if filled else [])]
    fit, *_ = np.linalg.lstsq(np.stack(design, axis=1), gray)
    rest = gray - np.stack(design, axis=1) @ fit
    prior = ((lumen - 0.78) / 0.12) ** 2 + ((x[2] - math.log(known)) / 0.02) ** 2
    return 0.5 * (rest @ rest / NOISE**2 + prior)


@pytest.mark.parametrize("filled", [False, True])
def test_the_fit_equals_a_slow_search(filled):
    """The cross-section is summed ray by ray, the search needs no derivative."""
    distance = np.arange(-9, 9.25, 0.25)
    shaft, lumen = (slow_tube(distance, r, 0.8) for r in (4.6, 0.74 * 4.6))
    section = 0.6 - 0.02 * (shaft - lumen) - (0.035 * lumen if filled else 0.0)
    gray = section + np.random.default_rng(5).normal(0, NOISE, len(distance))
    weight = np.full(len(gray), 1 / NOISE)
    profile = catheter_fit._Profile(distance, gray, weight, 0.8, 0.02)
    _, found = min(
        (profile.fit(4.3, share, filled=filled) for share in catheter_fit.LUMENS),
        key=lambda one: one[0],
    )
    slow = min(
        (
            optimize.minimize(
                lambda x: slow_cost(x, distance, gray, 0.8, filled=filled),
                (math.log(4.3), share, math.log(0.8)), method="Nelder-Mead",
                options={"xatol": 1e-4, "fatol": 1e-3},
            )
            for share in catheter_fit.LUMENS
        ),
        key=lambda one: one.fun,
    )  # fmt: skip
    assert found.diameter == pytest.approx(2 * math.exp(slow.x[0]), rel=2e-3)
    assert found.lumen == pytest.approx(slow.x[1], abs=5e-3)
    assert found.diameter == pytest.approx(9.2, abs=3 * found.sd)
