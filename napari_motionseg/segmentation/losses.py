"""Compute losses on labelled pixels: cross entropy, with or without Dice."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_motionseg.errors import SettingsError

LossName = Literal["bce", "bce+dice"]
SMOOTH = 1e-5  # makes the Dice of a class that is neither labelled nor predicted 1


def segmentation_loss(logits: Tensor, target: Tensor, name: LossName = "bce") -> Tensor:
    """Return the mean loss over labelled pixels.

    Parameters
    ----------
    logits
        Logits ``(B, 1, H, W)`` for two classes, with binary cross entropy (Ma et al.,
        4.3);
        ``(B, C, H, W)`` for more classes, with cross entropy.
    target
        Labels ``(B, H, W)`` as integers: 0 is background, classes count from 1, and -1
        is unlabelled and ignored.
    name
        ``"bce"``, or ``"bce+dice"``, which adds one minus the mean soft Dice of the
        foreground classes over the batch (Milletari et al., 2016).

    Returns
    -------
    Tensor
        Scalar loss; 0 with a gradient of 0 if nothing is labelled.

    Raises
    ------
    SettingsError
        If the loss is unknown.
    """
    if name not in get_args(LossName):
        raise SettingsError(f"loss must be 'bce' or 'bce+dice', not {name!r}")
    logits = logits.float()
    known = target >= 0
    count = known.sum().clamp(min=1)
    if logits.shape[1] == 1:
        wanted = (target == 1).to(logits)
        per_pixel = F.binary_cross_entropy_with_logits(
            logits[:, 0], wanted, reduction="none"
        )
    else:
        per_pixel = F.cross_entropy(
            logits, target.long(), ignore_index=-1, reduction="none"
        )
    loss = (per_pixel * known).sum() / count
    return loss if name == "bce" else loss + _dice_loss(logits, target, known)


def _dice_loss(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return the Dice loss of the foreground classes over labelled pixels.

    MONAI's is not used, because its import would take longer than all other
    preparations.
    """
    if logits.shape[1] == 1:
        probabilities = logits.sigmoid()
        classes = (target == 1)[:, None]
    else:
        probabilities = logits.softmax(1)[:, 1:]
        numbers = torch.arange(1, logits.shape[1], device=target.device)
        classes = target[:, None] == numbers[:, None, None]
    wanted = classes.to(probabilities)
    found = probabilities * known[:, None]
    both = (found * wanted).sum(dim=(0, 2, 3))
    sizes = (found + wanted).sum(dim=(0, 2, 3))
    loss: Tensor = (1 - (2 * both + SMOOTH) / (sizes + SMOOTH)).mean()
    return loss
