"""Discs along a line add up to the chord of a cylinder; points follow their tube."""

import numpy as np
import pytest
import torch

from napari_motionseg.synthesis import tubes

SHAPE = (64, 80)


def straight(radius, step=1.0, slope=0.0):
    x = torch.arange(-20, 100, step)
    centres = torch.stack((x, 32 + slope * (x - 40)), dim=1)
    n = len(x)
    length = step * (1 + slope**2) ** 0.5
    return tubes.Tubes(
        centres,
        torch.full((n,), float(radius)),
        torch.full((n,), length),
        torch.zeros(n, dtype=torch.long),
        torch.zeros(n, dtype=torch.long),
    )


def drawn(made):
    picture = torch.zeros(1, *SHAPE)
    hits = tubes.draw(made, SHAPE)
    tubes.add_absorbance(picture, made, hits, torch.ones(len(made.radii)))
    return picture[0].numpy(), hits


@pytest.mark.parametrize("radius", [2.0, 4.5, 9.0])
@pytest.mark.parametrize("slope", [0.0, 0.6])
def test_a_straight_tube_absorbs_its_chord(radius, slope):
    picture, _ = drawn(straight(radius, 0.5, slope))
    rows, columns = np.indices(SHAPE)
    far = np.abs(rows - 32 - slope * (columns - 40)) / np.hypot(1, slope)
    chord = 2 * np.sqrt(np.maximum(radius**2 - far**2, 0))
    inner = (columns > 20) & (columns < 60) & (far < radius - 1)
    assert np.abs(picture - chord)[inner].max() < 0.05 * 2 * radius
    assert picture[far > radius + 1.5].max() == 0
    # little contrast is lost or gained at the soft edge; thin tubes most
    rel = 0.02 if radius > 4 else 0.18
    assert picture[:, 40].sum() == pytest.approx(chord[:, 40].sum(), rel=rel)


def test_each_disc_against_a_slow_loop():
    rng = np.random.default_rng(0)
    n = 12
    made = tubes.Tubes(
        torch.from_numpy(rng.uniform(-3, 70, (n, 2))).float(),
        torch.from_numpy(rng.uniform(0.3, 6, n)).float(),
        torch.from_numpy(rng.uniform(0.5, 2, n)).float(),
        torch.zeros(n, dtype=torch.long),
        torch.arange(n),
    )
    picture, _ = drawn(made)
    slow = np.zeros(SHAPE)
    for (cx, cy), r, step in zip(
        made.centres.numpy(), made.radii.numpy(), made.step.numpy(), strict=True
    ):
        for row in range(SHAPE[0]):
            for column in range(SHAPE[1]):
                far = np.hypot(row - cy, column - cx)
                cover = np.clip(r - far + 0.5, 0, 1) * min(r / 0.5, 1) ** 2
                slow[row, column] += step * cover
    np.testing.assert_allclose(picture, slow, atol=1e-4)


def test_thicker_tubes_lie_in_front_and_faint_ones_do_not_count():
    thick, thin = straight(6.0), straight(2.0, slope=1.0)
    both = tubes.Tubes(
        *(
            torch.cat((a, b))
            for a, b in zip(vars(thick).values(), vars(thin).values(), strict=True)
        )
    )
    n = len(thick.radii)
    both.branch[n:] = 1
    hits = tubes.draw(both, SHAPE)
    size = SHAPE[0] * SHAPE[1]
    seen, _ = tubes.front(both, hits, torch.ones(len(both.radii)), size)
    assert both.branch[seen.view(SHAPE)[32, 40]] == 0
    faint = torch.ones(len(both.radii))
    faint[:n] = 0
    seen, _ = tubes.front(both, hits, faint, size)
    assert both.branch[seen.view(SHAPE)[32, 40]] == 1
    assert seen.view(SHAPE)[36, 20] == -1


def test_points_follow_a_turned_and_shifted_tube():
    now = straight(4.0)
    angle = 0.3
    turn = torch.tensor(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    turn = turn.float()
    moved = tubes.Tubes(
        now.centres @ turn.T + torch.tensor([3.0, -2.0]), *list(vars(now).values())[1:]
    )
    points = torch.tensor([[10.0, 33.0], [41.5, 30.2], [60.0, 35.9]])
    sample = torch.tensor([30, 61, 80])
    found = tubes.follow(points, sample, now, moved)
    wanted = points @ turn.T + torch.tensor([3.0, -2.0])
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_no_tube_no_picture():
    none = torch.zeros(0)
    no = torch.zeros(0, dtype=torch.long)
    empty = tubes.Tubes(torch.zeros(0, 2), none, none, no, no)
    picture, hits = drawn(empty)
    assert picture.max() == 0
    assert len(hits.pixel) == 0
