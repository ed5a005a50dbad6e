"""Blades of a collimator: each is found by itself, also where its scatter brightens."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_motionseg.cine.collimator_blades import Blade, cut_blades
from napari_motionseg.cine.field_of_view import find_field_of_view
from napari_motionseg.synthesis.fields import Field, behind_field
from napari_motionseg.synthesis.grain import quantized, quantum_noise

SIDE = 192
OPPOSITE = {"right": "left", "left": "right", "top": "bottom", "bottom": "top"}


def tissue(level=0.55):
    folds = ndimage.gaussian_filter(
        np.random.default_rng(0).normal(size=(SIDE,) * 2), 11
    )
    picture = level + 0.08 * folds / folds.std()
    rows = (SIDE / 2 + 20 * np.sin(np.arange(SIDE) / 30)).astype(int)
    for column, row in enumerate(rows):
        picture[row - 3 : row + 3, column] -= 0.1
    return picture


def outward(turn):
    """Return how far each pixel lies towards each side, turned, in half sides."""
    y, x = (np.indices((SIDE, SIDE)) - (SIDE - 1) / 2) / (SIDE / 2)
    right = x * np.cos(turn) + y * np.sin(turn)
    down = y * np.cos(turn) - x * np.sin(turn)
    return {"right": right, "left": -right, "top": -down, "bottom": down}


def behind_blades(side, turn):
    """A wide strip at one side, as dark as the darker half of the field.

    The scatter behind its blade rises and falls again; the blade opposite has a wide
    penumbra. Return the picture, the field, and the strip well behind the blade.
    """
    away = outward(turn)
    picture = tissue(0.4) + 0.3 * np.clip((away[side] - 0.2) / 0.5, 0, 1)
    field = np.ones((SIDE, SIDE), bool)
    for one, far in away.items():
        place, blur = (0.76, 0.05) if one == side else (0.94, 0.05)
        if one == OPPOSITE[side]:
            place, blur = 0.84, 0.16
        inner = place - far
        field &= inner > 0
        shade = 0.28 - 0.06 * (one != side)
        if one == side:
            shade = shade + 0.07 * np.sin(np.clip(-inner / (1 - place), 0, 1) * np.pi)
        picture = shade + (picture - shade) / (1 + np.exp(-4 * inner / blur))
    return picture, field, away[side] > 0.8


def taken(picture, border=None):
    """Return the picture with noise, then a console's border with letters, stored."""
    generator = torch.Generator().manual_seed(0)
    noisy = quantum_noise(torch.from_numpy(picture).float(), 0.01, generator)
    if border is not None:
        noisy[:16] = noisy[-16:] = border
        noisy[4:11, 40:60] = noisy[-11:-4, 100:104] = 1 - border
    return quantized(noisy, 8, 90.0).numpy()


def overlap(found, truth):
    return (found & truth).sum() / (found | truth).sum()


@pytest.mark.parametrize("side", list(OPPOSITE))
@pytest.mark.parametrize("turn", [0.0, 0.06])
def test_a_strip_that_brightens_behind_its_blade_is_outside(side, turn):
    picture, field, strip = behind_blades(side, turn)
    found = find_field_of_view(taken(picture)).mask
    assert not (found & strip).any()
    assert overlap(found, field) > 0.85


def test_letters_behind_a_blade_do_not_open_it():
    picture, _, strip = behind_blades("right", 0.0)
    picture[90:98, -16:-6] = 0.95
    assert not (find_field_of_view(taken(picture)).mask & strip).any()


@pytest.mark.parametrize("shade", [0.0, 0.85])
def test_a_blade_within_a_border_with_letters_is_found(shade):
    """A console draws a black or bright border with text; blades lie within it."""
    picture, field, strip = behind_blades("left", 0.0)
    field[:16] = field[-16:] = False
    found = find_field_of_view(taken(picture, shade)).mask
    assert not (found & strip).any()
    assert overlap(found, field) > 0.85


def test_a_round_field_stays_round():
    field = Field("round", (96, 96), (88, 88), 0.0, 2.0, 0.2)
    picture, truth = behind_field(torch.from_numpy(tissue()).float(), field)
    found = find_field_of_view(taken(picture.numpy())).mask
    assert overlap(found, truth.numpy()) > 0.97
    np.testing.assert_array_equal(cut_blades(taken(picture.numpy()), found), found)


def test_a_gradual_shadow_is_no_blade():
    """Gray falls towards the border, as beside a spine; nothing is evenly dark."""
    far = outward(0.0)["right"]
    picture = tissue() * (1 - 0.6 * np.clip((far - 0.6) / 0.4, 0, 1))
    assert cut_blades(taken(picture), np.ones((SIDE, SIDE), bool)).all()


def test_an_empty_field_stays_empty():
    closed = np.zeros((SIDE, SIDE), bool)
    assert not cut_blades(taken(tissue()), closed).any()


def test_a_blade_covers_what_lies_beyond_its_edge():
    covered = Blade(0.0, 1, 20.0, 0.1).covers((61, 41))
    assert not covered[:51].any()
    assert covered[51:].all()
    turned = Blade(0.1, 2, 10.0, 0.1).covers((61, 41))
    assert turned[30, :10].all()
    assert not turned[30, 11:].any()
    assert turned[:, 0].all()
    assert turned.any(axis=0).sum() > turned.all(axis=0).sum()
