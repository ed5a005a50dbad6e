"""Blur pictures with more noise than a network has seen, as much as needed, no more.

A network takes grain that it was never shown for structure, or structure for grain. The
blur is the narrowest after which the noise is no more than the network knows; pictures
that are quiet stay as they are to the last bit.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.models.filters import smoothed

SIGMAS = (0.0, 0.7, 1.0, 1.5, 2.0, 2.5)  # px; wider than this, thin vessels go as well
COARSE_PX = 2.0  # structure wider than this is no noise
NORMAL = 1.4826  # from the median of |x| to the standard deviation of a normal x
FLAT = 1e-4  # of full scale: borders drawn by a console differ by less
LEAST_SHARE = 0.1  # of pixels that are not flat, for there to be a level of noise
EVERY = 2  # pixel along both axes is measured


def noise_level(picture: Tensor) -> Tensor:
    """Return the standard deviation of the noise of a picture, a scalar tensor.

    A robust one, of what a picture has more than its blur by `COARSE_PX`: vessels and
    edges are a small part of all pixels and hardly count.

    Parameters
    ----------
    picture
        ``(C, H, W)``, full scale 1; where it is flat it is not measured.
    """
    fine = (picture - smoothed(picture, COARSE_PX))[..., ::EVERY, ::EVERY]
    away = fine.abs().flatten()
    rough = away[away > FLAT]
    if len(rough) < LEAST_SHARE * len(away):
        return away.new_zeros(())
    return rough.median() * NORMAL


def quieted(frames: Tensor, most: float) -> Tensor:
    """Return frames blurred until none has more noise than a network knows.

    Parameters
    ----------
    frames
        ``(B, C, H, W)`` in [0, 1].
    most
        Standard deviation of noise, as share of full scale, up to which a frame stays
        as it is; see `noise_level`.

    Returns
    -------
    Tensor
        ``(B, C, H, W)``; each frame blurred by a width of its own, at most the largest
        of `SIGMAS`. The width grows continuously with the noise, so that frames of a
        loop are not blurred by turns.
    """
    # bf16 has fewer steps than the noise of a good picture
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
