"""Planes of another size: the same object, interpolated, or averaged."""

import pytest
import torch

from napari_motionseg.models.resizing import resized, size_of


def test_planes_of_the_size_are_the_same_object():
    planes = torch.rand(1, 2, 5, 4)
    assert size_of(planes) == (5, 4)
    assert resized(planes, (5, 4)) is planes


def test_a_thin_line_survives_only_if_pixels_are_averaged():
    line = torch.zeros(1, 1, 40, 40)
    line[..., 11] = 1.0  # between the places that a picture of 10 px looks at
    assert float(resized(line, (10, 10)).max()) == 0
    found = resized(line, (10, 10), averaged=True)
    assert float(found.max()) > 0.05
    assert float(found.mean()) == pytest.approx(float(line.mean()), abs=0.01)


def test_enlarging_is_the_same_either_way():
    planes = torch.rand(2, 3, 6, 7)
    plain, averaged = (
        resized(planes, (15, 13), averaged=flag) for flag in (False, True)
    )
    torch.testing.assert_close(plain, averaged)
