"""Fields of view, lines over a picture, and the conditions of a photograph."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.synthesis.camera import CameraConfig, photograph
from napari_motionseg.synthesis.fields import (
    SHAPES,
    Field,
    behind_field,
    draw_field,
)
from napari_motionseg.synthesis.grain import grain_of
from napari_motionseg.synthesis.lines import (
    CATHETERS,
    KINDS,
    Line,
    distance_to,
    draw_lines,
)

CPU = torch.device("cpu")
STILL = {
    "noise": (1e-6, 1e-6), "film": 0.0, "streaks": 0.0, "blur": (0.0, 0.0),
    "enhancement": (0.0, 0.0), "trail": 0.0, "contrast": (1.0, 1.0), "gamma": 0.0,
    "brightness": 0.0, "field": 0.0, "lines": 0.0, "jpeg": (100.0, 100.0),
}  # fmt: skip


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("field", "area"),
    [
        (Field("round", (50.5, 40.5), (30, 30)), math.pi * 900),
        (Field("rectangle", (50.5, 40.5), (30, 20)), 60 * 40),
        (Field("blades", (50.5, 40.5), (30, 20), turn=0.3), 60 * 40),
        (Field("octagon", (50.5, 40.5), (30, 30)), 8 * math.tan(math.pi / 8) * 900),
    ],
)
def test_a_field_has_the_area_of_its_shape(field, area):
    inside = field.inside((81, 101), CPU)
    assert float((inside > 0).sum()) == pytest.approx(area, rel=0.02)
    assert float(inside[40, 50]) == pytest.approx(min(field.half), abs=0.8)


@pytest.mark.parametrize("shape", SHAPES)
def test_outside_a_field_is_its_shade_and_inside_the_picture(shape):
    picture = torch.full((90, 100), 0.6)
    field = Field(shape, (50, 45), (30, 25), 0.2, 2.0, 0.05)
    shown, opened = behind_field(picture, field)
    inside = field.inside((90, 100), CPU)
    assert torch.equal(opened, inside > 0)
    torch.testing.assert_close(shown[inside < -5], torch.tensor(0.05).expand(
        int((inside < -5).sum())), atol=1e-3, rtol=0)  # fmt: skip
    torch.testing.assert_close(shown[inside > 5], torch.tensor(0.6).expand(
        int((inside > 5).sum())), atol=1e-3, rtol=0)  # fmt: skip
    between = shown[inside.abs() < 0.5]
    assert float((between - 0.325).abs().max()) < 0.15


def test_drawn_fields_leave_some_of_the_picture_and_hide_some():
    shares = []
    for seed in range(60):
        field = draw_field((96, 128), seeded(seed), 0.0)
        shares.append(float((field.inside((96, 128), CPU) > 0).float().mean()))
    assert min(shares) > 0.2
    assert np.mean(np.array(shares) < 0.995) > 0.7


def test_the_distance_to_a_polyline_is_that_of_brute_force():
    course = torch.tensor([[3.0, 4.0], [20.0, 9.0], [25.0, 30.0]])
    found = distance_to(course, (33, 41), 8.0).numpy()
    t = np.linspace(0, 1, 400)[:, None]
    points = np.concatenate([(1 - t) * a + t * b for a, b in zip(
        course[:-1].numpy(), course[1:].numpy(), strict=True)])  # fmt: skip
    y, x = np.mgrid[:33, :41]
    brute = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1]).min(
        axis=-1
    )
    near = brute <= 8
    np.testing.assert_allclose(found[near], brute[near], atol=0.05)
    assert (found[~near] > 7.9).all()


def test_a_filled_tube_is_darkest_in_its_middle_and_an_empty_one_at_its_walls():
    course = torch.tensor([[-5.0, 20.0], [60.0, 20.0]])
    filled = Line(course, 6.0, 0.2).darkness((41, 50))[:, 25]
    empty = Line(course, 6.0, 0.2, hollow=1.0).darkness((41, 50))[:, 25]
    assert int(filled.argmax()) == 20
    assert float(filled.max()) == pytest.approx(0.2, abs=1e-3)
    assert float(filled[:13].max()) == 0
    assert int(empty.argmax()) in (15, 16, 24, 25)
    assert float(empty[20]) < 0.7 * float(empty.max())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_line_darkens_some_of_the_picture_and_little_of_it(kind):
    covered = []
    for seed in range(8):
        lines = draw_lines((96, 96), seeded(seed), kind, 0.1)
        dark = sum(line.darkness((96, 96)) for line in lines)
        assert bool(torch.isfinite(dark).all())
        covered.append(float((dark > 0.01).float().mean()))
    # the column of a spine is wide; everything else is thin
    assert max(covered) < (0.8 if kind == "spine" else 0.35)
    assert np.median(covered) > 0.005


@pytest.mark.parametrize("seed", range(6))
def test_a_shaft_comes_from_above_or_below_and_bends_only_before_its_tip(seed):
    (line,) = draw_lines((96, 128), seeded(seed), "shaft", 0.1)
    course = line.course
    assert not 0 <= float(course[0, 1]) <= 96
    assert 0 <= float(course[-1, 0]) <= 128
    assert 0 <= float(course[-1, 1]) <= 96
    steps = course.diff(dim=0)
    turned = torch.atan2(steps[:, 1], steps[:, 0]).diff()
    turned = (turned + torch.pi) % (2 * torch.pi) - torch.pi
    shaft, tip = turned[:28].sum().abs(), turned[28:].sum().abs()
    assert float(shaft) < 0.25
    assert float(tip) > 2 * float(shaft)


def test_training_shows_no_catheter_that_bends_like_a_vessel():
    assert "catheter" not in CameraConfig().kinds
    assert "shaft" in CameraConfig().kinds


def empty(scene):
    """Return empty masks ``(B, 2, H, W)`` of vessels and catheters."""
    return torch.zeros((len(scene), 2, *scene.shape[1:]))


def test_taken_under_still_conditions_a_picture_stays_as_it_was():
    pictures = torch.rand((3, 32, 48), generator=seeded())
    masks = torch.stack((pictures < 0.3, pictures > 0.8), dim=1).float()
    taken, same = photograph(pictures, masks, CameraConfig(**STILL), seeded(1))
    assert torch.equal(same, masks)
    assert float((taken - pictures).abs().max()) < 0.6 / 255


def test_nothing_outside_the_field_of_view_is_a_vessel():
    config = CameraConfig(**(STILL | {"field": 1.0}))
    pictures, masks = torch.full((12, 64, 64), 0.8), torch.ones((12, 64, 64))
    taken, both = photograph(
        pictures, masks[:, None].repeat(1, 2, 1, 1), config, seeded()
    )
    assert torch.equal(both[:, 0], both[:, 1])
    kept = both[:, 0]
    assert 0.2 < float(kept.mean()) < 0.98
    # what is far from the open gray lies outside
    away = (taken - 0.8).abs() > 0.5
    assert float(kept[away].mean()) < 0.2


def test_grain_spans_quiet_loops_to_those_of_low_dose():
    scene = torch.full((60, 64, 64), 0.5)
    quiet = dataclasses.replace(CameraConfig(), lines=0.0, field=0.0)
    taken, _ = photograph(scene, empty(scene), quiet, seeded(2))
    grain = np.array([grain_of(picture) for picture in taken])
    assert np.quantile(grain, 0.1) < 0.6
    assert 2.5 < np.quantile(grain, 0.95) < 8


def test_a_seed_says_how_a_picture_is_taken():
    scene = torch.rand((2, 48, 48), generator=seeded())
    none = empty(scene)
    one, same, other = (
        photograph(scene, none, CameraConfig(), seeded(s))[0] for s in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("lines", [8, 8.0])
def test_devices_are_drawn_over_the_picture_and_darken_it(lines):
    config = CameraConfig(**(STILL | {"lines": lines, "depth": (0.2, 0.2)}))
    scene = torch.full((2, 64, 64), 0.8)
    taken, masks = photograph(scene, empty(scene), config, seeded())
    assert 0.02 < float((taken < 0.78).float().mean()) < 0.7
    assert float(taken.max()) <= 0.81
    assert not bool(masks[:, 0].any())


@pytest.mark.parametrize("kind", CATHETERS)
def test_a_drawn_catheter_belongs_to_the_mask_but_never_covers_a_vessel(kind):
    many = {"lines": 12, "depth": (0.2, 0.2), "kinds": (kind,)}
    config = CameraConfig(**(STILL | many))
    scene = torch.full((4, 64, 64), 0.8)
    vessels = empty(scene)
    vessels[:, 0, 20:30] = 1
    taken, masks = photograph(scene, vessels, config, seeded())
    assert torch.equal(masks[:, 0], vessels[:, 0])
    catheter = masks[:, 1] > 0.5
    assert bool(catheter.any())
    assert not bool((catheter & (masks[:, 0] > 0.5)).any())
    assert float(taken[catheter].mean()) < 0.78
    faint = dataclasses.replace(config, depth=(0.01, 0.01))
    assert not bool(photograph(scene, vessels, faint, seeded())[1][:, 1].any())


def test_a_training_in_bf16_photographs_in_full_precision():
    scene = torch.rand((2, 48, 48), generator=seeded())
    none = empty(scene)
    usual = photograph(scene, none, CameraConfig(), seeded())[0]
    with torch.autocast("cpu", torch.bfloat16):
        coarse = photograph(scene, none, CameraConfig(), seeded())[0]
    assert torch.equal(usual, coarse)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: CameraConfig(noise=(0, 1)), "noise must be two rising positive"),
        (lambda: CameraConfig(jpeg=(90, 40)), "jpeg must be two rising values"),
        (lambda: CameraConfig(field=1.5), "field must be from 0 to 1; got 1.5"),
        (lambda: CameraConfig(lines=-1), "lines must be at least 0; got -1"),
        (lambda: CameraConfig(kinds=("bone",)), "kinds must be some of catheter, wire"),
        (lambda: CameraConfig(kinds=()), "kinds must be some of"),
        (lambda: Field("star", (0, 0), (1, 1)), "shape must be one of round"),
        (lambda: Field("round", (0, 0), (0, 1)), "half and soft must be positive"),
        (lambda: Line(torch.zeros(1, 2), 1, 1), "at least 2; got"),
        (lambda: Line(torch.zeros(2, 2), 0, 1), "radius must be positive"),
        (lambda: draw_lines((9, 9), seeded(), "rope", 1), "kind must be one of"),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with pytest.raises(SettingsError, match=words):
        call()


def test_a_spine_has_outlines_darker_than_its_column():
    lines = draw_lines((128, 128), seeded(3), "spine", 0.2)
    column, outlines = lines[0], lines[1:]
    assert column.radius > 8 * max(line.radius for line in outlines)
    assert len(outlines) >= 7
    whole = sum(line.darkness((128, 128)) for line in lines)
    assert float(whole.max()) > float(column.darkness((128, 128)).max())
