"""Find the frames of a loop before contrast agent arrives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.cine import Cine

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

# least intensity, one gray level of eight bits, so that logs are finite
LEAST = 1 / 255
# lengths refer to a frame of 512 px, in which coronary arteries are 2 to 20 px wide
USUAL_SIDE = 512
WIDEST_PX = 25.0  # wider dark structures are not vessels
NEAR_PX = 20.0  # distance from a painted vessel within which contrast is searched
SMOOTHING_PX = 1.5  # standard deviation of the smoothing before the measurement
TYPICAL, DARKEST = 0.5, 0.25  # shares of a vessel's pixels for the two measurements
# Largest shares of the way from no vessel to the painted one. They were chosen on real
# loops: frames below both are those before the (silver) masks begin to grow.
MOST_CONTRAST, MOST_RISE = 0.2, 0.1
LEAST_WAY = 1e-6  # density; a smaller difference means that the vessel has no contrast


def frames_before_contrast(
    cine: Cine, painted: int, vessel: Mask, without: Map
) -> list[int]:
    """Return the first frames without contrast agent; none if it is there already.

    Damaged frames are left out.

    Parameters
    ----------
    cine
        The loop to search.
    painted
        Index of a frame whose vessel is filled; this frame and later ones are not
        examined.
    vessel
        Vessel mask ``(H, W)`` of the painted frame.
    without
        The painted frame ``(H, W)`` in [0, 1] as it would look without the vessel.

    Notes
    -----
    The darkness of the darkest thin structures near the vessel is measured. A frame is
    free of contrast if it is much nearer to `without` than to the painted frame, and
    has hardly become darker since the first frame. The first condition uses the typical
    darkness, over half of the vessel's pixels. The second uses the darkest quarter,
    because contrast fills the widest part first. A catheter that was not painted is
    present before and after, and has no influence.
    """
    away = ndimage.distance_transform_edt(~vessel)
    near = away <= scaled(NEAR_PX, vessel.shape)
    quantiles = 1 - np.asarray((TYPICAL, DARKEST)) * vessel.sum() / near.sum()

    def darkness(frame: Map) -> NDArray[np.floating]:
        thin = _thin_darkness(density(frame, is_logarithmic(cine)))
        return np.asarray(np.quantile(thin[near], quantiles))

    none, full = darkness(without), darkness(cine.normalized(painted))
    way = np.maximum(full - none, LEAST_WAY)
    good = [t for t in range(painted) if cine.frames.usable(t)]
    first = darkness(cine.normalized(good[0])) if good else none
    for number, t in enumerate(good):
        dark = darkness(cine.normalized(t))
        typical, risen = (dark - none)[0] / way[0], (dark - first)[1] / way[1]
        if typical > MOST_CONTRAST or risen > MOST_RISE:
            return good[:number]
    return good


def is_logarithmic(cine: Cine) -> bool:
    """Return whether gray values are already logarithms of the intensity."""
    return cine.intensity_relationship == "LOG"


def density(frame: Map, logarithmic: bool) -> Map:
    """Return the density of a frame ``(H, W)`` in [0, 1], which adds up along a ray."""
    if logarithmic:
        return frame
    logarithm: Map = np.log(np.maximum(frame, np.float32(LEAST)))
    return logarithm


def scaled(length: float, shape: tuple[int, ...]) -> float:
    """Convert a length in px at 512 px to px of a frame of `shape`; at least 1."""
    return max(1.0, length * min(shape) / USUAL_SIDE)


def _thin_darkness(density: Map) -> Map:
    """Return by how much thin structures are darker than their surroundings."""
    smooth = ndimage.gaussian_filter(density, scaled(SMOOTHING_PX, density.shape))
    width = 2 * round(scaled(WIDEST_PX, density.shape) / 2) + 1
    thin: Map = ndimage.black_tophat(smooth, size=(width, width))
    return thin
