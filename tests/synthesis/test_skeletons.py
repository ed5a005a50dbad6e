"""Bones lie where the organ is, and have walls."""

import pytest
import torch

from napari_motionseg.synthesis.draws import Draws
from napari_motionseg.synthesis.skeletons import knee, skull


def drawn(bones, side=511, shift=(0.0, 0.0)):
    """Return the absorbance ``(2, side, side)`` of bones of two scenes."""
    axis = torch.arange(side, dtype=torch.float32) - side // 2
    y, x = torch.meshgrid(axis - shift[1], axis - shift[0], indexing="ij")
    draws = Draws(torch.Generator().manual_seed(0), torch.device("cpu"))
    return bones(x.expand(2, -1, -1), y.expand(2, -1, -1), draws)


def test_a_knee_has_a_gap_between_femur_and_tibia():
    bones = drawn(knee)
    middle = bones[:, :, 250:261].mean(dim=2)
    assert float(middle.min()) >= 0
    gap = middle[:, 120:180].argmin(dim=1) + 120
    for scene, row in enumerate(gap.tolist()):
        assert float(middle[scene, row]) < 0.3 * float(middle[scene, row - 25])
        assert float(middle[scene, row]) < 0.3 * float(middle[scene, row + 25])
    assert float(bones[..., :60].max()) < 0.01  # beside the leg


def test_the_wall_of_a_shaft_is_denser_than_its_middle():
    shaft = drawn(knee)[:, 5]  # of the femur
    for row in shaft:
        there = (row > 0.02).nonzero()[:, 0]
        inside = row[there[0] : there[-1]]
        assert float(inside.max()) > 1.3 * float(row[256])


def test_a_skull_has_a_dense_rim_above_and_a_base_below():
    bones = drawn(skull)
    column = bones[:, :, 256]
    rim = column[:, :120].amax(dim=1)
    inside = column[:, 150:220].mean(dim=1)
    base = column[:, 390:450].mean(dim=1)
    assert bool((rim > 2 * inside).all())
    assert bool((base > inside + 0.05).all())
    assert float(bones[:, :20].abs().max()) < 0.02


@pytest.mark.parametrize("bones", [knee, skull])
def test_bones_follow_the_organ(bones):
    here, there = drawn(bones), drawn(bones, shift=(30.0, -20.0))
    moved = torch.roll(here, (-20, 30), dims=(1, 2))
    torch.testing.assert_close(
        there[:, 40:-40, 40:-40], moved[:, 40:-40, 40:-40], atol=1e-5, rtol=0
    )
    assert not torch.equal(here[0], here[1])
