"""Remove the stripes that learnt upsampling leaves in an embedding.

A transposed convolution has separate kernels for even and odd rows, and nothing makes
them agree (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"). The head
learns to ignore the difference, but similarity maps and projections show it. In the
features before the last layer, the stripes lie along one or two directions. Because
that layer and the head are linear, these directions can be removed without changing any
output.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.unet import SegmentationNet

Array = NDArray[np.float64]

# least share of the variance; the shipped weights have .5, then .005
LEAST_SHARE = 0.01
AWAY_PX = 10  # distance from found vessels, whose edges differ between rows as well
ALTERNATING, SMOOTH = (-0.25, 0.5, -0.25), (0.25, 0.5, 0.25)


@torch.no_grad()
def take_out_stripes(model: SegmentationNet, frames: Tensor) -> int:
    """Remove stripes with a period of two pixels from an embedding, in place.

    Let ``W`` be the last layer, ``A`` the head and ``P`` the projection on the stripes.
    The new last layer ``W - W P + pinv(A) A W P`` ignores the stripes except for the
    part that ``A`` uses, so ``A W``, and therefore every output, is unchanged.

    Parameters
    ----------
    model
        Trained network, which is changed.
    frames
        Frames ``(N, 1, H, W)`` in [0, 1] like the training data, at least 3 x 3 pixels.

    Returns
    -------
    int
        Number of removed directions; 0 for a hypercolumn, which has no upsampling.
    """
    embedding = model.embedding
    if embedding.config.head != "decoder":
        return 0
    stripes = stripe_directions(model, frames)
    last = embedding.last.weight
    layer = last[:, :, 0, 0].double().cpu().numpy()
    head = model.head.weight[:, :, 0, 0].double().cpu().numpy()
    seen = layer @ stripes @ stripes.T
    clean = layer - seen + np.linalg.pinv(head) @ head @ seen
    last.copy_(torch.from_numpy(clean)[..., None, None])
    return int(stripes.shape[1])


@torch.no_grad()
def stripe_directions(model: SegmentationNet, frames: Tensor) -> Array:
    """Return the directions of stripes in the features before the last layer.

    Parameters
    ----------
    model
        Trained network.
    frames
        Frames ``(N, 1, H, W)`` in [0, 1] like the training data, at least 3 x 3 pixels.

    Returns
    -------
    NDArray
        Orthonormal directions ``(width, k)``, the strongest first.
    """
    device = next(model.parameters()).device
    stripes = whole = np.zeros(())
    with eval_mode(model):
        for frame in frames:
            image = frame[None].float().to(device)
            features = model.embedding.before_last(image)[0].double()
            background = model.probabilities(image)[0, 0] > 0.5
            stripes = stripes + stripe_covariance(features, background)
            whole = whole + np.cov(features.flatten(1).cpu().numpy())
    strength, directions = np.linalg.eigh(stripes)
    strong = strength[::-1] > LEAST_SHARE * np.trace(whole)
    return directions[:, ::-1][:, strong]


def stripe_covariance(features: Tensor, background: Tensor) -> Array:
    """Return the second moments ``(C, C)`` of the part that alternates between pixels.

    Parameters
    ----------
    features
        Features ``(C, H, W)``.
    background
        ``(H, W)`` bool, True on background. Pixels nearer than `AWAY_PX` to the rest or
        to the frame's edge are left out; if none remains, all are used.
    """
    other = functional.pad((~background)[None].float(), [AWAY_PX] * 4, value=1.0)
    near = functional.max_pool2d(other, 2 * AWAY_PX + 1, 1)[0] > 0
    used = ~near[1:-1, 1:-1]
    if not bool(used.any()):
        used = torch.ones_like(used)
    across, along = (features.new_tensor(k) for k in (ALTERNATING, SMOOTH))
    moments = np.zeros((len(features),) * 2)
    for rows, columns in ((across, along), (along, across)):
        kernel = torch.outer(rows, columns)[None, None]
        stripes = functional.conv2d(features[:, None], kernel)[:, 0, used]
        moments += (stripes @ stripes.T / stripes.shape[1]).cpu().numpy()
    return moments
