r"""Start a new last layer from the labels, by linear discriminant analysis.

A random last layer sends random gradients into the features of a start, and the first
steps of fine-tuning spoil them (Kumar et al. 2022, "Fine-tuning can distort pretrained
features and underperform out-of-distribution", ICLR). If the last layer already fits
the labels, these gradients are small. With classes c whose features have the means
:math:`\mu_c`, a common covariance :math:`\Sigma` and the shares :math:`\pi_c`, the
logits of the classes are (Fisher 1936)

.. math:: \mu_c' \Sigma^{-1} f - \tfrac{1}{2} \mu_c' \Sigma^{-1} \mu_c + \log \pi_c

Only sums over labelled pixels are needed, so any number of frames takes the same
memory.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from napari_motionseg.models import SegmentationNet
from napari_motionseg.segmentation.dataset import LabelledFrame

SHRINKAGE = 0.03  # share of the mean variance that is added to each; channels depend
LARGEST_LOGIT = 8.0  # of the difference of two classes, so that training can change it


@torch.no_grad()
def fit_new_head(model: SegmentationNet, frames: Sequence[LabelledFrame]) -> None:
    """Set the last layer by linear discriminant analysis of the labels, in place.

    Parameters
    ----------
    model
        Network whose `head` is set. Batch norm uses the statistics of each frame, as
        fine-tuning does.
    frames
        Labelled frames, in which every class has a labelled pixel.
    """
    counts, means, covariance = _class_statistics(model, frames)
    weights, bias = discriminants(counts, means, covariance)
    if model.classes == 2:  # one channel: the logit of the foreground
        weights, bias = weights[1:] - weights[:1], bias[1:] - bias[:1]
    spread = (means @ weights.T + bias).abs().max()
    scale = (LARGEST_LOGIT / spread.clamp(min=LARGEST_LOGIT)).to(weights.dtype)
    head = model.head
    head.weight.copy_((scale * weights)[:, :, None, None])
    if head.bias is not None:
        head.bias.copy_(scale * bias)


def discriminants(
    counts: Tensor, means: Tensor, covariance: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the linear discriminants of classes.

    Parameters
    ----------
    counts
        Number ``(C,)`` of pixels of each class, above 0.
    means
        Mean feature ``(C, D)`` of each class.
    covariance
        Covariance ``(D, D)`` within the classes.

    Returns
    -------
    weights
        Weights ``(C, D)`` of the logits.
    bias
        Bias ``(C,)`` of the logits.
    """
    variance = covariance.diagonal().mean()
    identity = torch.eye(len(covariance), dtype=covariance.dtype)
    tiny = torch.finfo(covariance.dtype).tiny
    shrunk = covariance + (SHRINKAGE * variance).clamp(min=tiny) * identity
    weights = torch.linalg.solve(shrunk, means.T).T
    shares = counts.to(means.dtype) / counts.sum()
    bias = shares.log() - (weights * means).sum(dim=1) / 2
    return weights, bias


def _class_statistics(
    model: SegmentationNet, frames: Sequence[LabelledFrame]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return counts, means and the covariance within classes, in double precision."""
    seen = copy.deepcopy(model.embedding).train()
    device = next(seen.parameters()).device
    dim = model.embedding.config.embedding_dim
    counts = torch.zeros(model.classes, dtype=torch.float64)
    sums = torch.zeros(model.classes, dim, dtype=torch.float64)
    squares = torch.zeros(dim, dim, dtype=torch.float64)
    for frame in frames:
        features = seen(frame.image.to(device))[0].double().flatten(1).cpu()
        target = frame.target.flatten().long()
        labelled = features[:, target >= 0]
        squares += labelled @ labelled.T
        for number in range(model.classes):
            own = features[:, target == number]
            counts[number] += own.shape[1]
            sums[number] += own.sum(dim=1)
    means = sums / counts.clamp(min=1)[:, None]
    between = (means * counts[:, None]).T @ means
    return counts.clamp(min=1), means, (squares - between) / counts.sum()
