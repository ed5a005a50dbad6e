"""Following flow: backward warp, forward-backward check, occlusion."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.errors import MotionError
from napari_motionseg.models.sampling import sample_along

# Sundaram et al. (2010), equation 5: flows that agree differ by less than a hundredth
# of their squared lengths, and half a squared pixel
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 0.01, 0.5


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Bring frame t + gap back onto frame t.

    Parameters
    ----------
    picture
        ``(B, C, H, W)``, frame t + gap.
    flow
        ``(B, 2, H, W)``, px, from frame t to t + gap.

    Returns
    -------
    Tensor
        ``(B, C, H, W)``: at p the value of `picture` at p + flow(p), bilinear, zero
        outside.

    Raises
    ------
    MotionError
        If the shapes do not belong together.
    """
    _check(picture, flow)
    return sample_along(picture, flow)[0]


def forward_backward_error(forward: Tensor, backward: Tensor) -> Tensor:
    """Return how far one ends from where one began, there and back again.

    Parameters
    ----------
    forward, backward
        ``(B, 2, H, W)``, px, from t to t + gap and from t + gap to t.

    Returns
    -------
    Tensor
        ``(B, H, W)``, px; infinite where the way leads out of the picture.
    """
    _check(forward, backward)
    back, inside = sample_along(backward, forward)
    error = torch.linalg.vector_norm(forward + back, dim=1)
    return torch.where(inside[:, 0], error, torch.inf)


def occlusion(
    forward: Tensor, backward: Tensor, threshold: float | None = None
) -> Tensor:
    """Return where the two flows disagree: seen in frame t, hidden in t + gap.

    Parameters
    ----------
    forward, backward
        ``(B, 2, H, W)``, px.
    threshold
        Largest error in px that still agrees; None for Sundaram et al. (2010), eq. 5,
        which allows more where the motion is larger.

    Returns
    -------
    Tensor
        ``(B, H, W)`` bool.
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
            "a picture (B, C, H, W) and a flow (B, 2, H, W) of the same size are "
            f"needed; got {tuple(picture.shape)} and {tuple(flow.shape)}"
        )
