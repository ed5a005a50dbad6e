"""When contrast comes: the first frames of a loop that show none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.cine import Cine

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEAST = 1 / 255  # keeps the logarithm of black finite: one gray level of eight bits
# Lengths are those of a frame of 512 px, in which coronaries are 2 to 20 px wide
USUAL_SIDE = 512
WIDEST_PX = 25.0  # dark things that are wider are no vessels
NEAR_PX = 20.0  # where contrast is looked for: beside a painted vessel
SMOOTHING_PX = 1.5
TYPICAL, DARKEST = 0.5, 0.25  # shares of a vessel's pixels
# Of the way from no vessel to the painted one. Chosen on real loops: the frames below
# both are those before their (silver) masks begin to grow
MOST_CONTRAST, MOST_RISE = 0.2, 0.1
LEAST_WAY = 1e-6  # in units of density, where a vessel shows no contrast at all


def frames_before_contrast(
    cine: Cine, painted: int, vessel: Mask, without: Map
) -> list[int]:
    """Return the first frames that show no contrast yet; none if it is there already.

    Damaged frames are left out.

    Parameters
    ----------
    cine
        The loop.
    painted
        Index of a frame whose vessel is filled with contrast; it and later ones are
        not looked at.
    vessel
        ``(H, W)``: its vessel.
    without
        ``(H, W)`` in [0, 1]: this frame as it would be without the vessel.

    Notes
    -----
    The question is how dark the darkest thin things near the vessel are. A frame is
    free of contrast if the answer is nearer to `without` than to the painted frame by
    far, and has hardly risen since the loop's first frame. What is typical of a filled
    vessel, half of its pixels, answers the first part; its darkest quarter the second,
    since contrast fills the widest stretch first. A catheter that was not painted is
    there before and after, and does not count.
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
    """Return whether gray values are logarithms of intensity already."""
    return cine.intensity_relationship == "LOG"


def density(frame: Map, logarithmic: bool) -> Map:
    """Return what adds up along a ray, of a frame ``(H, W)`` in [0, 1]."""
    if logarithmic:
        return frame
    logarithm: Map = np.log(np.maximum(frame, np.float32(LEAST)))
    return logarithm


def scaled(length: float, shape: tuple[int, ...]) -> float:
    """Return a length in px that is meant for 512 px; at least 1."""
    return max(1.0, length * min(shape) / USUAL_SIDE)


def _thin_darkness(density: Map) -> Map:
    """Return by how much thin things are darker than what lies around them."""
    smooth = ndimage.gaussian_filter(density, scaled(SMOOTHING_PX, density.shape))
    width = 2 * round(scaled(WIDEST_PX, density.shape) / 2) + 1
    thin: Map = ndimage.black_tophat(smooth, size=(width, width))
    return thin
