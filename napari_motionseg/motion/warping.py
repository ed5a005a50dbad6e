"""Warp pictures along flow, and check forward against backward flow."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.errors import MotionError
from napari_motionseg.models.sampling import sample_along

# Sundaram et al. (2010), equation 5: flows agree if the squared error is below a
# hundredth of their squared lengths plus half a squared pixel
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 0.01, 0.5


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Warp frame t + gap onto frame t.

    Parameters
    ----------
    picture
        Frame t + gap, ``(B, C, H, W)``.
    flow
        Flow ``(B, 2, H, W)`` in px, from frame t to t + gap.

    Returns
    -------
    Tensor
        Warped frame ``(B, C, H, W)``: at p, the value of `picture` at p + flow(p),
        bilinear and zero outside.

    Raises
    ------
    MotionError
        If the shapes do not fit together.
    """
    _check(picture, flow)
    return sample_along(picture, flow)[0]


def forward_backward_error(forward: Tensor, backward: Tensor) -> Tensor:
    """Return the distance between each pixel and its position after both flows.

    Parameters
    ----------
    forward, backward
        Flow ``(B, 2, H, W)`` in px, from t to t + gap and from t + gap to t.

    Returns
    -------
    Tensor
        Error ``(B, H, W)`` in px; infinite where the flow leads out of the picture.
    """
    _check(forward, backward)
    back, inside = sample_along(backward, forward)
    # ten times as fast over the last axis, and its gradient is finite at 0
    missed = (forward + back).movedim(1, -1).contiguous()
    error = torch.linalg.vector_norm(missed, dim=-1)
    return torch.where(inside[:, 0], error, torch.inf)


def occlusion(
    forward: Tensor, backward: Tensor, threshold: float | None = None
) -> Tensor:
    """Return the pixels of frame t that are hidden in t + gap: the flows disagree.

    Parameters
    ----------
    forward, backward
        Flow ``(B, 2, H, W)`` in px, in both directions.
    threshold
        Largest error in px that counts as agreement. None uses Sundaram et al. (2010),
        eq. 5, which allows a larger error for larger motion.

    Returns
    -------
    Tensor
        Mask ``(B, H, W)`` bool.
    """
    error = forward_backward_error(forward, backward)
    if threshold is not None:
        return error > threshold
    back, _ = sample_along(backward, forward)
    lengths = forward.square().sum(dim=1) + back.square().sum(dim=1)
    return error.square() > RELATIVE_TOLERANCE * lengths + ABSOLUTE_TOLERANCE


def _check(picture: Tensor, flow: Tensor) -> None:
    if (
        picture.ndim != 4
        or flow.ndim != 4
        or flow.shape[1] != 2
        or picture.shape[-2:] != flow.shape[-2:]
    ):
        raise MotionError(
            "picture and flow must have shapes (B, C, H, W) and (B, 2, H, W) of one "
            f"size; got {tuple(picture.shape)} and {tuple(flow.shape)}"
        )
