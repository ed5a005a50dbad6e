"""Remove the motion of the background from flow.

A moving table, or breathing, moves the whole picture and hides from an objective that
vessels move differently. The background covers most of a picture, so an affine motion
that is fitted robustly to all of it is the motion of the background.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_motionseg.errors import SettingsError

ROUNDS = 10  # the weights hardly change after that
# Residuals get Geman and McClure's weights, (1 + (r / s)^2)^-2, where s is this many
# medians of r, so that pixels with another motion lose their influence. The fit
# tolerates a third of such pixels if they are scattered like vessels, or a fifth in one
# block.
SCALE_MEDIANS = 1.5
LEAST_SCALE_PX = 0.01  # px; finer than any network's flow, for fits with a median of 0
# rounding errors added to the moments: undetermined slopes become 0
RIDGE_ROUNDINGS = 10


@torch.no_grad()
def without_background(flow: Tensor) -> Tensor:
    """Subtract the affine motion of most of a picture from its flow.

    Parameters
    ----------
    flow
        Finite flow ``(B, 2, H, W)`` in pixels. Pixels with a flow of exactly 0, which
        lie outside the valid area, are ignored and stay unchanged.

    Returns
    -------
    Tensor
        Flow ``(B, 2, H, W)`` in pixels, in the type of `flow`.

    Raises
    ------
    SettingsError
        If the flow has other axes, or is not finite.

    Notes
    -----
    The fit is a weighted least squares fit, repeated `ROUNDS` times; the weights come
    from the residuals of the previous one.
    """
    if flow.ndim != 4 or flow.shape[1] != 2 or 0 in flow.shape:
        raise SettingsError(f"flow must be (B, 2, H, W); got {tuple(flow.shape)}")
    if not bool(torch.isfinite(flow).all()):
        raise SettingsError("flow must be finite; it holds NaN or infinite vectors")
    design = _design(flow)
    vectors = flow.flatten(2).mT.to(design.dtype)  # (B, H W, 2)
    counts = vectors.ne(0).any(dim=-1)
    weights = counts.to(design.dtype)
    residual = vectors
    for _ in range(ROUNDS):
        residual = vectors - design @ _fit(design, vectors, weights)
        # torch's vector_norm is ten times slower over an axis of two
        length = torch.hypot(residual[..., 0], residual[..., 1])
        median = length.masked_fill(~counts, torch.nan).nanmedian(dim=1, keepdim=True)
        scale = (SCALE_MEDIANS * median.values).clamp(min=LEAST_SCALE_PX)
        weights = counts / (1 + (length / scale).square()).square()
    left = torch.where(counts[..., None], residual, vectors)
    return left.mT.reshape(flow.shape).to(flow.dtype)


def _design(flow: Tensor) -> Tensor:
    """Return 1, x and y of each pixel, scaled from -1 to 1, ``(H W, 3)``."""
    dtype = torch.promote_types(flow.dtype, torch.float32)
    rows, columns = (
        torch.linspace(-1, 1, n, device=flow.device, dtype=dtype)
        for n in flow.shape[-2:]
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((torch.ones_like(x), x, y), dim=-1).flatten(0, 1)


def _fit(design: Tensor, vectors: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted least squares fit, ``(B, 3, 2)``."""
    weighted = design * weights[..., None]
    moments = weighted.mT @ design
    rounding = torch.finfo(moments.dtype).eps
    ridge = RIDGE_ROUNDINGS * rounding * weights.sum(dim=1).clamp(min=1)
    moments = moments + torch.diag_embed(ridge[:, None].expand(-1, 3))
    found: Tensor = torch.linalg.solve(moments, weighted.mT @ vectors)
    return found
