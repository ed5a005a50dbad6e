"""A last layer that is solved before the network is trained.

A fresh last layer sends random gradients into the embedding below it, which is changed
before the layer has found out what it is good for (Kumar et al. 2022, Fine-tuning can
distort pretrained features and underperform out-of-distribution). So the layer is
solved first, by itself: logistic regression of the labelled pixels on their embedding,
to the end. Then all layers are trained.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models import SegmentationNet
from napari_motionseg.segmentation.examples import LabelledFrame

PIXELS = 40_000  # a frame: neighbours say the same
PENALTY = 1e-4  # on the squared weights of embeddings of variance 1
ROUNDS = 100


def solve_head(
    model: SegmentationNet, frames: Sequence[LabelledFrame], generator: torch.Generator
) -> None:
    """Set the last layer to what separates the labelled pixels best, in place.

    Parameters
    ----------
    model
        Its embedding stays as it is.
    frames
        At least one labelled pixel in all; weak labels count as the others.
    generator
        Draws the pixels, at most `PIXELS` a frame.
    """
    vectors, targets = _labelled_pixels(model, frames, generator)
    deviation, mean = torch.std_mean(vectors, dim=0, correction=0)
    scale = 1 / deviation.clamp(min=1e-6)
    outputs = model.head.out_channels
    weight = torch.zeros(outputs, vectors.shape[1], requires_grad=True)
    bias = torch.zeros(outputs, requires_grad=True)
    even = (vectors - mean) * scale
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=ROUNDS, line_search_fn="strong_wolfe"
    )

    def evaluate() -> float:
        solver.zero_grad()
        logits = functional.linear(even, weight, bias)
        loss = _cross_entropy(logits, targets) + PENALTY * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    solver.step(evaluate)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        model.head.weight.copy_((weight * scale)[:, :, None, None])
        if model.head.bias is not None:
            model.head.bias.copy_(bias - weight @ (mean * scale))


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(
            logits[:, 0], targets.float()
        )
    return functional.cross_entropy(logits, targets)


def _labelled_pixels(
    model: SegmentationNet, frames: Sequence[LabelledFrame], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return embeddings ``(N, D)`` float32 and classes ``(N,)`` of labelled pixels."""
    training = model.training
    device = next(model.parameters()).device
    vectors, targets = [], []
    model.eval()
    for frame in frames:
        known = (frame.target[0].flatten() >= 0).nonzero()[:, 0]
        order = torch.randperm(len(known), generator=generator)[:PIXELS]
        chosen = known[order]
        with torch.no_grad():
            embedding = model.embedding(frame.image.to(device))[0].float().cpu()
        vectors.append(embedding.flatten(1).T[chosen])
        targets.append(frame.target[0].flatten()[chosen].long())
    model.train(training)
    return torch.cat(vectors), torch.cat(targets)
