"""What a prediction costs where it is labelled: cross entropy, with or without Dice."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from monai.losses.dice import DiceLoss
from torch import Tensor
from torch.nn import functional as F

from napari_motionseg.errors import SettingsError

LossName = Literal["bce", "bce+dice"]


def segmentation_loss(logits: Tensor, target: Tensor, name: LossName = "bce") -> Tensor:
    """Return the mean loss over labelled pixels.

    Parameters
    ----------
    logits
        ``(B, 1, H, W)`` for two classes: binary cross entropy (Ma et al., 4.3);
        ``(B, C, H, W)`` for more: cross entropy.
    target
        ``(B, H, W)`` integers: 0 = background, classes from 1, -1 = unlabelled, which
        weighs nothing.
    name
        ``"bce"``, or ``"bce+dice"``, which adds MONAI's Dice loss over the batch.

    Returns
    -------
    Tensor
        A number; 0, with a gradient of 0, where nothing is labelled.

    Raises
    ------
    SettingsError
        If there is no loss of this name.
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
    """Return the Dice loss of the foreground classes over the labelled pixels.

    Probabilities are masked, not logits: MONAI's masked loss would make unlabelled
    pixels count as one half each.
    """
    if logits.shape[1] == 1:
        probabilities = logits.sigmoid()
        classes = (target == 1)[:, None]
    else:
        probabilities = logits.softmax(1)[:, 1:]
        numbers = torch.arange(1, logits.shape[1], device=target.device)
        classes = target[:, None] == numbers[:, None, None]
    loss: Tensor = DiceLoss(batch=True)(
        probabilities * known[:, None], classes.to(probabilities)
    )
    return loss
