"""Compute the multi-scale loss of PWC-Net (Sun et al., 2018, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.errors import SettingsError
from napari_motionseg.models.pwcnet import FLOW_UNIT_PX

Penalty = Literal["l2", "robust"]

# Sun et al. (2018), section 4: weights alpha of levels 6 to 2
LEVEL_WEIGHTS: Mapping[int, float] = MappingProxyType(
    {6: 0.32, 5: 0.08, 4: 0.02, 3: 0.01, 2: 0.005}
)
ROBUST_EXPONENT, ROBUST_OFFSET = 0.4, 0.01


def multiscale_flow_loss(
    flows: Sequence[Tensor],
    target: Tensor,
    *,
    penalty: Penalty = "l2",
    pixel_weights: Tensor | None = None,
) -> Tensor:
    """Return the weighted sum of the errors of all levels, as mean over the pictures.

    Parameters
    ----------
    flows
        Flow ``(B, 2, H / 2^l, W / 2^l)`` of each level l of `LEVEL_WEIGHTS`, in any
        order, in pixels of the full resolution.
    target
        True flow ``(B, 2, H, W)`` in pixels; it is averaged over coarse pixels.
    penalty
        ``"l2"`` sums the distances of vectors (equation 2 of the paper); ``"robust"``
        sums ``(|difference|_1 + 0.01) ** 0.4`` (equation 3).
    pixel_weights
        Positive weights ``(B, H, W)`` with a mean of about 1, for the averages over
        coarse pixels and for the sum. None weighs all pixels alike, as in the paper.

    Returns
    -------
    Tensor
        Scalar; 0 for a perfect flow, apart from the offset of the robust penalty.

    Raises
    ------
    SettingsError
        If `penalty` is unknown, or the shape of a flow fits no level of the target.
    """
    if penalty not in get_args(Penalty):
        raise SettingsError(f"penalty must be 'l2' or 'robust'; got {penalty!r}")
    total = target.new_zeros((), dtype=torch.float32)
    for flow in flows:
        level = _level_of(flow, target)
        wanted, weights = downsample_flow(target, 2**level, pixel_weights)
        difference = (flow.float() - wanted) / FLOW_UNIT_PX
        if penalty == "l2":
            error = torch.linalg.vector_norm(difference, dim=1)
        else:
            size = difference.abs().sum(dim=1)
            error = (size + ROBUST_OFFSET) ** ROBUST_EXPONENT
        total = total + LEVEL_WEIGHTS[level] * (weights * error).sum() / len(target)
    return total


def downsample_flow(
    flow: Tensor, factor: int, pixel_weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Average a flow over blocks of `factor` x `factor` pixels.

    Its unit stays the same.

    Parameters
    ----------
    flow
        Flow ``(B, 2, H, W)``, whose sides are multiples of `factor`.
    factor
        Side of a block in pixels.
    pixel_weights
        Weights ``(B, H, W)`` of the pixels; None gives the plain mean.

    Returns
    -------
    tuple[Tensor, Tensor]
        Flow ``(B, 2, H / factor, W / factor)`` and mean weight ``(B, H / factor,
        W / factor)`` of each block, float32.
    """
    flow = flow.float()
    if pixel_weights is None:
        pooled = functional.avg_pool2d(flow, factor)
        return pooled, torch.ones_like(pooled[:, 0])
    weights = pixel_weights.float()[:, None]
    mean_weight = functional.avg_pool2d(weights, factor)
    pooled = functional.avg_pool2d(flow * weights, factor) / mean_weight
    return pooled, mean_weight[:, 0]


def _level_of(flow: Tensor, target: Tensor) -> int:
    for level in LEVEL_WEIGHTS:
        if tuple(flow.shape[-2:]) == tuple(n / 2**level for n in target.shape[-2:]):
            return level
    raise SettingsError(
        f"a flow of shape {tuple(flow.shape)} fits no level of a target of shape "
        f"{tuple(target.shape)}; its sides must be multiples of "
        f"{2 ** max(LEVEL_WEIGHTS)}"
    )
