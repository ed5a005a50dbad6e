"""Take out of an embedding the stripes that a learnt doubling leaves.

A transposed convolution has a kernel for even rows and one for odd ones, and nothing
makes them agree (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"). The
head learns not to see the difference; similarity maps and projections show it. In the
features before the last layer it lies along a direction or two. Since that layer and
the head are linear, the directions can be taken out and every answer kept as it is.
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

LEAST_SHARE = 0.01  # of what features vary in all: what ships has one of .5, then .005
AWAY_PX = 10  # from what is found: an edge, too, differs from row to row
ALTERNATING, SMOOTH = (-0.25, 0.5, -0.25), (0.25, 0.5, 0.25)


@torch.no_grad()
def take_out_stripes(model: SegmentationNet, frames: Tensor) -> int:
    """Take stripes of two pixels out of a network's embedding, in place.

    With the last layer ``W`` and the head ``A``: where ``P`` projects on the stripes,
    ``W - W P + pinv(A) A W P`` sees nothing of them but what ``A`` does, so that
    ``A W``, hence every answer, is what it was.

    Parameters
    ----------
    model
        A trained one.
    frames
        ``(N, 1, H, W)`` in [0, 1], as it was trained on; at least 3 pixels a side.

    Returns
    -------
    int
        How many directions were taken out; 0 of a hypercolumn, which doubles nothing.
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
    """Return the directions of stripes before the last layer.

    Parameters
    ----------
    model, frames
        As `take_out_stripes` has them.

    Returns
    -------
    NDArray
        ``(width, k)``, orthonormal, the strongest first.
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
    """Return the second moments ``(C, C)`` of what alternates from pixel to pixel.

    Parameters
    ----------
    features
        ``(C, H, W)``.
    background
        ``(H, W)`` bool. Pixels nearer than `AWAY_PX` to others, or to the frame's edge,
        do not count; if none is left, all do.
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
