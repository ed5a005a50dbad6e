"""Cross-sections, against splines of the whole picture."""

import numpy as np
from scipy.interpolate import RectBivariateSpline

from napari_motionseg.measurement.centreline import resampled
from napari_motionseg.measurement.straightening import straighten


def test_samples_are_those_of_the_whole_pictures_spline():
    rng = np.random.default_rng(0)
    picture = rng.normal(size=(70, 90))
    way = np.stack((np.linspace(30, 45, 30), np.linspace(25, 60, 30)), axis=1)
    line = resampled(way, 1.5, 0.7)
    found = straighten(picture, line, half_width=6.0)
    whole = RectBivariateSpline(np.arange(70), np.arange(90), picture, kx=3, ky=3)
    for n, (point, normal) in enumerate(zip(line.points, line.normals, strict=True)):
        for m, offset in enumerate(found.offsets):
            row = point[0] + offset * normal[0] / 1.5
            column = point[1] + offset * normal[1]
            assert abs(found.values[n, m] - whole(row, column)[0, 0]) < 1e-4
    assert found.inside.all()


def test_samples_outside_the_picture_are_marked():
    line = resampled(np.array([(3.2, 5), (3.2, 12), (3.2, 18), (3.2, 25)]), 1.0, 1.0)
    found = straighten(np.zeros((20, 30)), line, half_width=5.0)
    np.testing.assert_array_equal(found.inside.mean(axis=0) == 1, found.offsets <= 3)
