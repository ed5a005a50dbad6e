"""Define the loss of mask training: cross entropy plus Dice of classes that mix."""

from __future__ import annotations

import torch
from torch import Tensor


def class_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Return the cross entropy plus one minus the mean Dice of the classes.

    Parameters
    ----------
    logits
        Logits ``(B, 1 + K, h, w)`` of the background and of K classes.
    masks
        Share ``(B, K, h, w)`` of each pixel that belongs to each class, in [0, 1]. The
        rest of the pixel is background.

    Returns
    -------
    Tensor
        Scalar loss. The Dice of a class is taken over the whole batch.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    rest = (1 - masks.sum(dim=1, keepdim=True)).clamp(min=0)
    shares = torch.cat((rest, masks), dim=1)
    entropy = -(shares * logits.log_softmax(dim=1)).sum(dim=1).mean()
    found = logits.softmax(dim=1)[:, 1:]
    axes = (0, 2, 3)
    both = 2 * (found * masks).sum(dim=axes) + 1
    overlap = both / (found.sum(dim=axes) + masks.sum(dim=axes) + 1)
    loss: Tensor = entropy + 1 - overlap.mean()
    return loss
