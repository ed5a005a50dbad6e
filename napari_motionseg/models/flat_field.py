"""Divide the slow background out of a frame."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

FLAT_FIELD_SIGMA = 1 / 16  # of the shorter side, which is wider than any vessel
FLAT_FIELD_FLOOR = 0.02  # least gray, so that the logarithm of black is finite
FLAT_FIELD_GAIN = 4.0  # factor that brings the contrast of a vessel to about 1
PASSES = 2  # successive box means, which approximate a Gaussian


def flat_field(frame: Tensor) -> Tensor:
    """Return the logarithm of frames over their slow background, vessels about -1.

    Parameters
    ----------
    frame
        Frames ``(B, C, H, W)`` in [0, 1].

    Notes
    -----
    Two successive box means approximate a Gaussian; at edges, only inside pixels are
    averaged. A change of exposure is a factor, and cancels. Box means of rows and of
    columns are products with two small matrices, whose cost does not depend on the
    width of the box.
    """
    brightness = frame.float().clamp(min=0) + FLAT_FIELD_FLOOR
    logarithm = brightness.log()
    height, width = frame.shape[-2:]
    radius = max(1, round(min(height, width) * FLAT_FIELD_SIGMA))
    radius = min(radius, *(max(1, (side - 1) // 2) for side in (height, width)))
    rows, columns = (
        box_means(side, radius).to(logarithm.device) for side in (height, width)
    )
    # bf16 has too few digits for the contrast of a thin vessel
    with torch.autocast(frame.device.type, enabled=False):
        background = rows @ logarithm @ columns.mT
    return (logarithm - background) * FLAT_FIELD_GAIN


@lru_cache(maxsize=8)
def box_means(side: int, radius: int) -> Tensor:
    """Return the matrix ``(side, side)`` float32 of successive box means of a line.

    Parameters
    ----------
    side
        Number of pixels of the line.
    radius
        Number of neighbours on either side that a mean includes, if there are as many.
    """
    # not made as an inference tensor, because trainings use it later
    with torch.inference_mode(False):
        places = torch.arange(side, dtype=torch.float64)
        near = ((places - places[:, None]).abs() <= radius).double()
        once = near / near.sum(dim=1, keepdim=True)
        means: Tensor = torch.linalg.matrix_power(once, PASSES)
        return means.float()
