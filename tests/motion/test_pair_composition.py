import math

import numpy as np
import pytest
import torch
from helpers.painted_loops import SIDE, loop, painted

from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import run
from napari_motionseg.motion import warp
from napari_motionseg.motion.cutout import LoopLayers, cut_out_job
from napari_motionseg.motion.pair_composition import (
    STRONGEST,
    VESSEL_MOTION,
    WEAKEST,
    Motion,
    SmoothMap,
    compose_pair,
    draw_map,
)

WILD = Motion(shift=40, turn=8, stretch=0.08, bend=12)
STILL = Motion()


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def layers(background=None, absorption=None, vessel=None, side=256, **others):
    """Layers of one background and one cut, noise-free; a vessel in the middle."""
    shape = (1, side, side)
    middle = torch.zeros(shape, dtype=torch.bool)
    middle[0, side // 2, side // 2] = True
    return LoopLayers(
        torch.full(shape, 0.5) if background is None else background[None],
        torch.zeros(shape) if absorption is None else absorption[None],
        middle if vessel is None else vessel[None],
        **({"noise": 0.0} | others),
    )


def ramps(side=256):
    """Pictures of x and of y, in [0, 1]: a gray value says where it was taken."""
    axis = (torch.arange(side) / side).expand(side, side)
    return axis, axis.T.contiguous()


def bilinear(picture, x, y):
    """Interpolate at one point, slowly."""
    left, top = math.floor(x), math.floor(y)
    return sum(
        picture[top + down, left + right]
        * (1 - abs(x - left - right))
        * (1 - abs(y - top - down))
        for down in (0, 1)
        for right in (0, 1)
    )


def test_a_map_is_what_its_formula_says():
    chosen = draw_map(WILD, seeded(0))
    axis = torch.arange(5.0)
    points = torch.stack(torch.meshgrid(axis, 2 * axis - 3, indexing="xy"))
    found = chosen(points)
    for row in range(5):
        for column in range(5):
            p = points[:, row, column].double().numpy()
            moved = chosen.linear.double().numpy() @ p + chosen.shift.numpy()
            for k in range(len(chosen.phases)):
                angle = chosen.waves[:, k].numpy() @ p + chosen.phases[k].numpy()
                moved = moved + chosen.amplitudes[:, k].numpy() * np.sin(angle)
            np.testing.assert_allclose(found[:, row, column], moved, atol=1e-4)


def jacobian_determinant(chosen, size=200):
    """Of p + displacement(p), by differences of one pixel."""
    axis = torch.arange(size, dtype=torch.float32)
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))
    x, y = points + chosen(points)
    across = (x[:-1, 1:] - x[:-1, :-1], y[:-1, 1:] - y[:-1, :-1])
    down = (x[1:, :-1] - x[:-1, :-1], y[1:, :-1] - y[:-1, :-1])
    return across[0] * down[1] - across[1] * down[0]


def test_no_map_folds_over_and_none_goes_farther_than_it_may():
    for seed in range(30):
        chosen = draw_map(Motion(7, 10, 0.1, bend=30, wave=40), seeded(seed))
        assert jacobian_determinant(chosen).min() > 0
        assert torch.linalg.vector_norm(chosen.shift) <= 7
        turned = chosen.linear + torch.eye(2)
        size = torch.linalg.det(turned).sqrt()
        assert 0.9 <= size <= 1.1
        assert abs(torch.atan2(turned[1, 0], turned[0, 0])) <= math.radians(10) + 1e-6


def test_deformations_have_the_root_mean_square_that_was_asked_for():
    axis = torch.arange(600, dtype=torch.float32)
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))
    sizes = [
        float(draw_map(Motion(bend=1.0), seeded(seed))(points).square().sum(0).mean())
        for seed in range(60)
    ]
    # uniform between 0 and 1: a mean square of a third
    assert np.mean(sizes) == pytest.approx(1 / 3, abs=0.08)


def test_a_background_is_where_the_flow_says_exactly():
    """Gray values of ramps tell the maps themselves: m(p + f(p)) in both pictures."""
    pictures = []
    for ramp in ramps():
        found, flow, vessel = compose_pair(
            layers(ramp), 41, seeded(3), STILL, Motion(9, 3, 0.03, 2)
        )
        pictures.append(256 * found.double().numpy())
    assert flow.abs().max() > 1
    assert vessel.sum() <= 2
    flow = flow.double().numpy()
    for row, column in [(8, 9), (20, 30), (33, 12), (25, 25)]:
        if vessel[row, column]:
            continue
        x, y = column + flow[0, row, column], row + flow[1, row, column]
        for first, second in pictures:
            assert bilinear(second, x, y) == pytest.approx(first[row, column], abs=5e-3)


def test_a_vessel_is_where_the_flow_says_exactly():
    square = torch.zeros((256, 256), dtype=torch.bool)
    square[80:176, 80:176] = True
    for ramp in ramps():
        parts = layers(torch.ones((256, 256)), absorption=ramp, vessel=square)
        found, flow, vessel = compose_pair(parts, 40, seeded(5), VESSEL_MOTION, STILL)
        absorbed = -found.double().log()
        back = warp(absorbed[None, 1:].float(), flow[None])[0, 0]
        inside = warp(torch.ones((1, 1, 40, 40)), flow[None])[0, 0] > 0.999
        assert (inside & vessel).sum() > 200
        error = (back - absorbed[0].float()).abs()[inside & vessel]
        assert error.max() < 1e-4
        assert WEAKEST - 0.01 < float(absorbed.max() / ramp.max()) < STRONGEST


def test_the_second_picture_brought_back_is_the_first_one():
    """A real cut: wherever nothing comes to lie over anything else."""
    cut = run(cut_out_job(loop(noise=0), painted()))
    errors, shares = [], []
    for seed in range(6):
        pictures, flow, vessel = compose_pair(cut, 64, seeded(seed))
        back = warp(pictures[None, 1:], flow[None])[0, 0]
        hidden = torch.nn.functional.max_pool2d(vessel[None].float(), 31, 1, 15)[0] > 0
        inside = warp(torch.ones((1, 1, 64, 64)), flow[None])[0, 0] > 0.999
        seen = inside & (~hidden | vessel)
        errors.append((back - pictures[0]).abs()[seen].mean())
        shares.append(vessel.float().mean())
    assert max(errors) < 0.02
    assert min(shares) > 0


def test_vessels_move_by_their_own_flow_and_what_lies_behind_by_its_own():
    cut = run(cut_out_job(loop(), painted()))
    _, flow, vessel = compose_pair(cut, 96, seeded(1), Motion(shift=80), STILL)
    assert vessel.any()
    assert not vessel.all()
    assert (flow[:, ~vessel] == 0).all()
    moved = flow[:, vessel]
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved))
    # lengths are of a frame of 512 px
    assert 0 < torch.linalg.vector_norm(moved[:, 0]) <= 80 * SIDE / 512


def test_the_same_share_of_any_background_is_absorbed():
    cut = run(cut_out_job(loop(), painted()))
    pairs = []
    for gray in (0.8, 0.4):
        flat = LoopLayers(
            torch.full((1, SIDE, SIDE), gray), cut.absorptions, cut.vessels, 0.0
        )
        pairs.append(compose_pair(flat, 64, seeded(2))[0] / gray)
    torch.testing.assert_close(*pairs)
    assert pairs[0].min() < 0.9


def test_logarithmic_grays_are_darkened_by_a_difference():
    ramp = torch.full((256, 256), 0.2)
    whole = torch.ones((256, 256), dtype=torch.bool)
    found = []
    for gray in (0.9, 0.6):
        parts = layers(torch.full((256, 256), gray), ramp, whole, logarithmic=True)
        found.append(gray - compose_pair(parts, 32, seeded(0))[0])
    torch.testing.assert_close(*found)
    assert 0.2 * WEAKEST - 1e-6 <= found[0].mean() <= 0.2 * STRONGEST


def test_noise_is_fresh_in_each_picture():
    first, second = compose_pair(layers(noise=0.02), 200, seeded(0))[0] - 0.5
    for noise in (first, second):
        assert noise.std() == pytest.approx(0.02, rel=0.05)
    together = (first * second).mean() / (first.std() * second.std())
    assert abs(together) < 0.02
    beside = (first[:, 1:] * first[:, :-1]).mean() / first.var()
    assert beside == pytest.approx(0.52, abs=0.03)


def test_a_pair_is_a_function_of_its_seed():
    cut = run(cut_out_job(loop(), painted(frames=(3, 4))))
    pair, again, other = (compose_pair(cut, 64, seeded(s)) for s in (4, 4, 5))
    for part, same, differs in zip(pair, again, other, strict=True):
        assert torch.equal(part, same)
        assert not torch.equal(part, differs)


@pytest.mark.parametrize("size", [1, 33, 192])
def test_windows_of_any_size(size):
    """Larger ones than the loop see it mirrored at its border, never black."""
    pictures, flow, vessel = compose_pair(layers(side=96), size, seeded(0))
    assert pictures.shape == flow.shape == (2, size, size)
    assert vessel.shape == (size, size)
    assert vessel.dtype == torch.bool
    torch.testing.assert_close(pictures, torch.full_like(pictures, 0.5))
    assert torch.isfinite(flow).all()


def test_maps_are_computed_where_points_are():
    zero = torch.zeros((2, 1))
    still = SmoothMap(torch.zeros((2, 2)), torch.zeros(2), zero, zero, torch.zeros(1))
    assert (still(torch.rand((2, 3, 4))) == 0).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"shift": -1}, "shift must be at least 0; got -1"),
        ({"turn": float("nan")}, "turn must be at least 0; got nan"),
        ({"bend": float("inf")}, "bend must be at least 0; got inf"),
        ({"wave": 0.0}, "wave must be positive and stretch below 1; got 0.0"),
        ({"stretch": 1.0}, "stretch below 1; got 96.0 and 1.0"),
    ],
)
def test_motions_that_cannot_be(wrong, words):
    with pytest.raises(SettingsError, match=words):
        Motion(**wrong)


def test_a_pair_without_pixels_is_refused():
    with pytest.raises(SettingsError, match="size must be at least 1 px; got 0"):
        compose_pair(layers(), 0, seeded(0))


def test_directions_are_uniform():
    angles = [
        math.atan2(*draw_map(Motion(shift=1.0), seeded(seed)).shift.flip(0).tolist())
        for seed in range(400)
    ]
    quarters = np.histogram(angles, bins=4, range=(-math.pi, math.pi))[0]
    # 100 expected of each, with a standard deviation of 9
    assert quarters.min() > 65
    assert quarters.max() < 135
