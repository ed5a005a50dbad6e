"""Turn logits of bins into flow: the mean of the bins' centres."""

from __future__ import annotations

import torch
from torch import Tensor


def centres_of_bins(bins: int, limit: float) -> Tensor:
    """Return the flow in px at the centre of each bin, ``(C,)`` float32.

    Parameters
    ----------
    bins
        Number C of equal bins.
    limit
        Bound in px; the bins divide the range from ``-limit`` to ``limit``.
    """
    index = torch.arange(bins, dtype=torch.float32)
    return (2 * index + 1 - bins) * (limit / bins)


def expected_flow(logits: Tensor, limit: float) -> Tensor:
    """Return the mean flow ``(B, 2, ...)`` in px of logits ``(B, 2, C, ...)``.

    Parameters
    ----------
    logits
        Logits of the bins of x and of y.
    limit
        Bound in px of the bins.
    """
    centres = centres_of_bins(logits.shape[2], limit).to(logits.device)
    weights = logits.float().softmax(dim=2)
    return torch.einsum("bac...,c->ba...", weights, centres)
