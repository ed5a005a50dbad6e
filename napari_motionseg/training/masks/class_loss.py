"""Define the loss of mask training: cross entropy plus Dice of classes that mix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def class_loss(logits: Tensor, masks: Tensor, weights: Sequence[float]) -> Tensor:
    """Return the cross entropy plus one minus the mean Dice of the classes.

    Parameters
    ----------
    logits
        Logits ``(B, 1 + K, h, w)`` of the background and of K classes.
    masks
        Share ``(B, K, h, w)`` of each pixel that belongs to each class, in [0, 1]. The
        rest of the pixel is background.
    weights
        Weight of each of the K classes, of at least 0, not all 0. A background pixel
        weighs 1. A class of low weight is left to another one where they look alike.

    Returns
    -------
    Tensor
        Scalar loss. The Dice of a class is taken over the whole batch.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    rest = (1 - masks.sum(dim=1, keepdim=True)).clamp(min=0)
    shares = torch.cat((rest, masks), dim=1)
    weight = logits.new_tensor([1.0, *weights])
    weighed = shares * weight[:, None, None]
    entropy = -(weighed * logits.log_softmax(dim=1)).sum() / weighed.sum()
    found = logits.softmax(dim=1)[:, 1:]
    axes = (0, 2, 3)
    both = 2 * (found * masks).sum(dim=axes) + 1
    overlap = both / (found.sum(dim=axes) + masks.sum(dim=axes) + 1)
    share = weight[1:] / weight[1:].sum()
    loss: Tensor = entropy + 1 - (share * overlap).sum()
    return loss
