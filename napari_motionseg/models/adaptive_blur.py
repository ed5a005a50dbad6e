"""Blur pictures that are noisier than a network's training data, as little as needed.

A network takes unfamiliar grain for structure, or structure for grain. The blur has the
smallest width after which the noise is at a level that the network knows. Pictures
below that level are returned unchanged, to the last bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.models.filters import smoothed

SIGMAS = (0.0, 0.7, 1.0, 1.5, 2.0, 2.5)  # px; wider blurs would remove thin vessels
COARSE_PX = 2.0  # px: structure that survives a blur of this width is not noise
NORMAL = 1.4826  # standard deviation of a normal x divided by the median of |x|
FLAT = 1e-4  # share of full scale; borders drawn by a console vary less than this
LEAST_SHARE = 0.1  # least share of pixels that are not flat, for a valid noise level
EVERY = 2  # only every second pixel along both axes is measured


def noise_level(picture: Tensor) -> Tensor:
    """Return the standard deviation of the noise of a picture, as a scalar tensor.

    This is a robust estimate from the difference between the picture and its blur by
    `COARSE_PX`. Vessels and edges are few pixels and have little influence.

    Parameters
    ----------
    picture
        Picture ``(C, H, W)`` with full scale 1; flat parts are left out.
    """
    fine = (picture - smoothed(picture, COARSE_PX))[..., ::EVERY, ::EVERY]
    away = fine.abs().flatten()
    rough = away[away > FLAT]
    if len(rough) < LEAST_SHARE * len(away):
        return away.new_zeros(())
    return rough.median() * NORMAL


def quieted(frames: Tensor, most: float) -> Tensor:
    """Blur frames until none has more noise than a network knows.

    Parameters
    ----------
    frames
        Frames ``(B, C, H, W)`` in [0, 1].
    most
        Noise up to which a frame stays unchanged: standard deviation as share of full
        scale; see `noise_level`.

    Returns
    -------
    Tensor
        Frames ``(B, C, H, W)``, each blurred by its own width, at most the largest of
        `SIGMAS`. The width increases continuously with the noise, so frames of a loop
        are blurred alike.
    """
    # the steps of bf16 are coarser than the noise of a good picture
    with torch.autocast(frames.device.type, enabled=False):
        return torch.stack([_quieted(frame.float(), most) for frame in frames])


def _quieted(frame: Tensor, most: float) -> Tensor:
    before = None
    for sigma in SIGMAS:
        blurred = smoothed(frame, sigma)
        level = float(noise_level(blurred))
        if level <= most:
            if before is None:
                return frame
            narrower, louder = before
            share = (louder - most) / max(louder - level, 1e-9)
            width = narrower + share * (sigma - narrower)
            return smoothed(frame, width)
        before = sigma, level
    return blurred
