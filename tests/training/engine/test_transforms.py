import numpy as np
import pytest
import torch

from napari_motionseg.training.engine.transforms import (
    Pose,
    drawn_place,
    jitter,
    mirror,
    mirror_flow,
    turn,
    turn_flow,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def moved(first, flow):
    """Second picture by hand: each pixel is carried along its whole-numbered flow."""
    second = np.full(first.shape, np.nan)
    height, width = first.shape
    for row in range(height):
        for column in range(width):
            x, y = flow[:, row, column]
            r, c = round(row + y), round(column + x)
            if 0 <= r < height and 0 <= c < width:
                second[r, c] = first[row, column]
    return second


def changes():
    for quarters in range(-1, 5):
        yield (
            f"turned {quarters}",
            lambda p, q=quarters: turn(p, q),
            lambda f, q=quarters: turn_flow(f, q),
        )
    yield "mirrored", mirror, mirror_flow
    yield (
        "mirrored and turned",
        lambda p: turn(mirror(p), 3),
        lambda f: turn_flow(mirror_flow(f), 3),
    )


@pytest.mark.parametrize(
    ("change", "change_flow"), [pytest.param(*c[1:], id=c[0]) for c in changes()]
)
@pytest.mark.parametrize("shape", [(7, 7), (5, 8)])
def test_the_changed_flow_carries_the_changed_pictures(change, change_flow, shape):
    """One rigid shift: change(second) is change(first) along change_flow(flow)."""
    first = np.random.default_rng(0).random(shape)
    flow = np.zeros((2, *shape))
    flow[0], flow[1] = 2, -1
    second = moved(first, flow)
    changed = change(torch.from_numpy(first)).numpy()
    changed_flow = change_flow(torch.from_numpy(flow)).numpy()
    expected = change(torch.from_numpy(second)).numpy()
    np.testing.assert_array_equal(moved(changed, changed_flow), expected)


def test_a_vortex_stays_a_vortex_and_turns_the_other_way_in_a_mirror():
    axis = torch.arange(-3.0, 4)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    vortex = torch.stack((-y, x))
    for quarters in range(4):
        torch.testing.assert_close(turn_flow(vortex, quarters), vortex)
    torch.testing.assert_close(mirror_flow(vortex), -vortex)


def test_batches_are_changed_like_single_fields():
    flow = torch.randn((3, 2, 4, 6), generator=generator())
    for i in range(3):
        torch.testing.assert_close(turn_flow(flow, 1)[i], turn_flow(flow[i], 1))
        torch.testing.assert_close(mirror_flow(flow)[i], mirror_flow(flow[i]))


def test_jitter_changes_channels_alike_and_stays_in_range():
    pictures = torch.rand((4, 1, 9, 11), generator=generator()).expand(-1, 2, -1, -1)
    changed = jitter(pictures, generator(1), 1.0)
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert not torch.equal(changed, pictures)
    inside = (changed > 0.01) & (changed < 0.99)
    both = inside[:, 0] & inside[:, 1]
    apart = (changed[:, 0] - changed[:, 1])[both]
    assert apart.abs().max() < 0.25  # noise alone
    assert torch.equal(changed, jitter(pictures, generator(1), 1.0))


def test_no_jitter_is_none():
    pictures = torch.rand((2, 1, 5, 5), generator=generator())
    assert torch.equal(jitter(pictures, generator(), 0.0), pictures)


def test_flat_pictures_stay_flat_but_for_noise():
    changed = jitter(torch.full((8, 1, 30, 30), 0.5), generator(), 1.0)
    assert (changed.std(dim=(1, 2, 3)) < 0.03).all()
    assert changed.mean(dim=(1, 2, 3)).std() > 0.02


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_jitter_of_black_and_white_is_finite(value):
    changed = jitter(torch.full((8, 1, 6, 6), value), generator(), 1.0)
    assert torch.isfinite(changed).all()


def test_the_smallest_window_is_a_pixel():
    place = drawn_place((40, 40), (32, 32), (0.001, 0.002), True, generator())
    picture = torch.rand(1, 40, 40)[:, place.rows, place.columns]
    assert picture.shape == (1, 1, 1)
    assert place.pose.picture(picture).shape == (1, 32, 32)


def test_numbers_of_classes_are_not_mixed():
    numbers = torch.randint(5, (1, 20, 20), generator=generator()).float()
    pose = Pose((32, 32), True, 3)
    assert set(pose.picture(numbers, mixed=False).unique().tolist()) <= set(range(5))
    assert len(pose.picture(numbers).unique()) > 5
    assert pose.flow(torch.ones(2, 20, 20), mixed=False).abs().unique() == 1.6
