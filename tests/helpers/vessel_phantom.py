"""A vessel whose diameters are known exactly: rays through a tube, finely sampled."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

FINE = 4  # samples a pixel, each way


@dataclass(frozen=True)
class Phantom:
    """A picture of one vessel and the truth; lengths in px.

    ``frame`` is ``(H, W)``, ``centre`` ``(K, 2)`` holds row and column of the axis, and
    ``radius`` ``(K,)`` belongs to it.
    """

    frame: np.ndarray
    centre: np.ndarray
    radius: np.ndarray

    def radius_at(self, points):
        """Return the true radius ``(N,)`` where the axis is nearest to points."""
        return self.radius[cKDTree(self.centre).query(points)[1]]

    def ends(self, margin=8):
        """Return two points on the axis, `margin` px from the left and right border."""
        columns, width = self.centre[:, 1], self.frame.shape[1]
        at = [np.abs(columns - c).argmin() for c in (margin, width - 1 - margin)]
        return [tuple(self.centre[i]) for i in at]


def vessel_phantom(
    radius=4.0, depth=0.0, width=8.0, *, blur=0.9, noise=0.01, contrast=0.033,
    bend=10.0, size=128, seed=0,
):  # fmt: skip
    """Draw a curved vessel with a lesion in its middle.

    The radius is ``radius * (1 - depth exp(-(s / width)^2))`` at the length s from the
    middle. Blur is the detector's Gaussian, to which the pixel itself is added.
    """
    t = np.linspace(-6, size + 6, 3000)
    centre = np.stack((size / 2 + bend * np.sin(t / 30), t), axis=1)
    steps = np.linalg.norm(np.diff(centre, axis=0), axis=1)
    length = np.r_[0, steps.cumsum()]
    lesion = np.exp(-(((length - length[len(t) // 2]) / width) ** 2))
    radii = radius * (1 - depth * lesion)
    axis = (np.arange(size * FINE) + 0.5) / FINE - 0.5
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    points = np.stack((rows.ravel(), columns.ravel()), axis=1)
    away, nearest = cKDTree(centre).query(points, distance_upper_bound=radius + 1)
    near = np.minimum(nearest, len(t) - 1)
    inside = np.isfinite(away)
    chord = np.zeros(len(points))
    way = np.maximum(radii[near[inside]] ** 2 - away[inside] ** 2, 0)
    chord[inside] = 2 * np.sqrt(way)
    picture = 0.6 - contrast * chord.reshape(rows.shape)
    picture = ndimage.gaussian_filter(picture, blur * FINE)
    picture = picture.reshape(size, FINE, size, FINE).mean(axis=(1, 3))
    picture = picture + noise * np.random.default_rng(seed).standard_normal(
        picture.shape
    )
    return Phantom(picture, centre, radii)
