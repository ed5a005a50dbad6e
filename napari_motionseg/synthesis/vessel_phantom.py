"""A phantom for measuring: one vessel whose every diameter is known.

Rays run through a tube of circular section along a curved axis; the picture is sampled
finely, blurred as a detector does, and averaged over its pixels. Nothing is drawn with
soft edges or by discs, so that the truth holds to a thousandth of a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Array = NDArray[np.float64]

FINE = 4  # samples a pixel, each way
AXIS_POINTS = 4000
BENT_OVER_PX = 30.0  # the axis is a sine of this length of a radian
TISSUE_PX = 10.0  # standard deviation of the blur that makes tissue of white noise
LEVEL = 0.6  # gray of the background


@dataclass(frozen=True)
class PhantomConfig:
    """Settings of a phantom; lengths in px.

    Parameters
    ----------
    radius
        Radius of the healthy vessel.
    depth
        Share of the radius that a lesion in the middle takes away; 0 for none.
    width
        Length over which the lesion falls to 1/e of its depth.
    blur
        Standard deviation of the detector's blur. The pixel's own width comes on top.
    noise
        Standard deviation of a pixel's noise in gray values, of a full scale of 1.
    contrast
        Gray values that one pixel's width of contrast takes away.
    tissue
        Standard deviation of an uneven background in gray values.
    bend
        Height of the axis's waves.
    size
        Side of the picture.
    angle
        Degrees by which the axis is turned about the middle of the picture; up to 30,
        so that both ends leave it at the left and at the right.
    """

    radius: float = 4.0
    depth: float = 0.0
    width: float = 8.0
    blur: float = 0.9
    noise: float = 0.01
    contrast: float = 0.033
    tissue: float = 0.0
    bend: float = 10.0
    size: int = 128
    angle: float = 0.0


@dataclass(frozen=True, eq=False)
class VesselPhantom:
    """A picture of one vessel, and the truth about it.

    Parameters
    ----------
    frame
        ``(H, W)`` gray values in which absorbances add up; the vessel is dark.
    centre
        ``(K, 2)`` row and column in px along the axis.
    radius
        ``(K,)`` radius in px there.
    mask
        ``(H, W)`` bool: pixels whose middle lies within the vessel.
    """

    frame: Array
    centre: Array
    radius: Array
    mask: NDArray[np.bool_]

    def radius_at(self, points: Array) -> Array:
        """Return the true radius ``(N,)`` in px where the axis is nearest to points.

        Parameters
        ----------
        points
            ``(N, 2)`` row and column in px.
        """
        nearest: Array = self.radius[cKDTree(self.centre).query(points)[1]]
        return nearest

    def ends(self, margin: float = 8) -> list[tuple[float, float]]:
        """Return a point of the axis near each side of the picture.

        Parameters
        ----------
        margin
            Distance in px from the left and from the right border.
        """
        columns, last = self.centre[:, 1], self.frame.shape[1] - 1
        places = [np.abs(columns - c).argmin() for c in (margin, last - margin)]
        return [(float(self.centre[i, 0]), float(columns[i])) for i in places]


def vessel_phantom(
    config: PhantomConfig | None = None, seed: int = 0, **changes: float
) -> VesselPhantom:
    """Return a phantom.

    Parameters
    ----------
    config
        Settings; None for the defaults.
    seed
        Draws noise and tissue.
    **changes
        Settings that differ from `config`.
    """
    config = PhantomConfig(**{**vars(config or PhantomConfig()), **changes})
    rng = np.random.default_rng(seed)
    centre, radius = vessel_axis(config)
    way, mask = way_through(centre, radius, config.size)
    frame = noisy_picture(config.contrast * way, config, rng)
    return VesselPhantom(frame, centre, radius, mask)


def noisy_picture(
    absorbed: Array, config: PhantomConfig, rng: np.random.Generator
) -> Array:
    """Return what a detector shows of what was absorbed.

    Parameters
    ----------
    absorbed
        ``(FINE H, FINE W)`` gray values that rays lose, finely sampled.
    config
        Blur, noise and tissue.
    rng
        Draws tissue and noise.
    """
    absorbed = ndimage.gaussian_filter(absorbed, config.blur * FINE)
    absorbed = absorbed.reshape(config.size, FINE, config.size, FINE).mean(axis=(1, 3))
    frame: Array = LEVEL - absorbed
    if config.tissue:
        field = ndimage.gaussian_filter(rng.standard_normal(frame.shape), TISSUE_PX)
        frame += config.tissue * field / field.std()
    frame += config.noise * rng.standard_normal(frame.shape)
    return frame


def vessel_axis(config: PhantomConfig) -> tuple[Array, Array]:
    """Return the axis ``(K, 2)`` and the radius ``(K,)`` along it."""
    # a turned axis must be longer to leave the picture
    more = 6 + (config.size * 0.2 if config.angle else 0)
    column = np.linspace(-more, config.size + more, AXIS_POINTS)
    row = config.size / 2 + config.bend * np.sin(column / BENT_OVER_PX)
    centre = np.stack((row, column), axis=1)
    if config.angle:
        turn = np.radians(config.angle)
        cos, sin = np.cos(turn), np.sin(turn)
        middle = config.size / 2
        centre = middle + (centre - middle) @ np.array([[cos, -sin], [sin, cos]])
    steps = np.linalg.norm(np.diff(centre, axis=0), axis=1)
    length = np.r_[0, steps.cumsum()]
    lesion = np.exp(-(((length - length[AXIS_POINTS // 2]) / config.width) ** 2))
    return centre, config.radius * (1 - config.depth * lesion)


def way_through(
    centre: Array, radius: Array, size: int
) -> tuple[Array, NDArray[np.bool_]]:
    """Return rays' ways through the tube, finely sampled, and the mask of pixels.

    Parameters
    ----------
    centre, radius
        ``(K, 2)`` row and column in px along the axis, and the radius ``(K,)`` there.
    size
        Side of the picture in px.
    """
    axis = (np.arange(size * FINE) + 0.5) / FINE - 0.5
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    points = np.stack((rows.ravel(), columns.ravel()), axis=1)
    reach = float(radius.max()) + 1
    away, nearest = cKDTree(centre).query(points, distance_upper_bound=reach)
    near = np.isfinite(away)
    way = np.zeros(len(points))
    way[near] = mean_chord(away[near], radius[nearest[near]], 1 / FINE)
    pixels = np.stack(np.meshgrid(*[np.arange(size)] * 2, indexing="ij"), axis=-1)
    distance, index = cKDTree(centre).query(pixels.reshape(-1, 2))
    mask = (distance <= radius[index]).reshape(size, size)
    return way.reshape(rows.shape), mask


def mean_chord(distance: Array, radius: Array, width: float) -> Array:
    """Return the chords of circles, averaged over cells that are `width` px wide.

    The chord 2 sqrt(r^2 - x^2) is steep at the edge, so that its value in the middle of
    a cell would not do. Its integral is x sqrt(r^2 - x^2) + r^2 arcsin(x / r).
    """

    def integral(x: Array) -> Array:
        x = np.clip(x, -radius, radius)
        area: Array = x * np.sqrt(radius**2 - x**2) + radius**2 * np.arcsin(x / radius)
        return area

    mean: Array = integral(distance + width / 2) - integral(distance - width / 2)
    return mean / width
