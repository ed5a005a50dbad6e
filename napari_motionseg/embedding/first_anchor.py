"""Choose the pixel of the first anchor: the one that looks most like a vessel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_motionseg.cine.field_of_view import find_field_of_view
from napari_motionseg.embedding.frame_vectors import Pixel
from napari_motionseg.errors import SettingsError

# Of a frame's height: 3 and 5 px at 512 px, about the radii of coronary arteries.
# Finer scales find edges of bones.
RADII = (3 / 512, 5 / 512)
MARGIN = 1 / 24  # share of a frame's height; edges of the picture look like vessels
LEAST_SIGMA_PX = 1.0


def vessel_pixel(
    frame: NDArray[np.floating], probability: NDArray[np.floating] | None = None
) -> Pixel:
    """Return row and column of the most vessel-like pixel of a frame.

    Parameters
    ----------
    frame
        ``(H, W)`` gray values in [0, 1], vessels dark.
    probability
        ``(H, W)`` probability of vessel in [0, 1], averaged over the width of a vessel,
        so that the middle of a vessel wins. If it is None, or the same everywhere, the
        strength of dark ridges decides (Frangi et al. 1998).

    Returns
    -------
    tuple
        Row and column of the pixel; the middle of the frame if nothing looks like a
        vessel.

    Raises
    ------
    SettingsError
        If the frame is not (H, W), or the probabilities have another shape.
    """
    if frame.ndim != 2 or 0 in frame.shape:
        raise SettingsError(f"frame must be (H, W); got shape {frame.shape}")
    if probability is not None and probability.shape != frame.shape:
        raise SettingsError(
            f"probability must have the frame's shape {frame.shape}; got "
            f"{probability.shape}"
        )
    sigmas = [max(LEAST_SIGMA_PX, radius * len(frame)) for radius in RADII]
    if probability is not None and np.ptp(probability) > 0:
        score = ndimage.gaussian_filter(np.asarray(probability, np.float32), sigmas[0])
    else:
        # here, because much of scipy comes with it
        from skimage.filters import frangi

        score = frangi(frame, sigmas=sigmas, black_ridges=True)
    score = np.where(_inner(frame), np.nan_to_num(score), 0)
    if score.max() <= 0:
        return frame.shape[0] // 2, frame.shape[1] // 2
    row, column = np.unravel_index(int(score.argmax()), score.shape)
    return int(row), int(column)


def _inner(frame: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return the pixels ``(H, W)`` that are well inside the field of view."""
    margin = max(1, round(MARGIN * len(frame)))
    open_area = np.pad(find_field_of_view(frame).mask, 1)
    depth = ndimage.distance_transform_cdt(open_area, "chessboard")[1:-1, 1:-1]
    inner: NDArray[np.bool_] = depth > margin
    return inner
