"""Fit the scores of new classes to their labels, before a network is trained.

A network that has never seen a class must be told at first how it looks. Training alone
does not get there: at the rates of fine-tuning, the scores of a class that starts as
impossible stay below those of the known classes. Logistic regression on the features
that the network has gives new classes a start at once. The known classes keep their
scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.more_classes import RARE
from napari_motionseg.segmentation.dataset import LabelledFrame

MOST_FRAMES = 16
MOST_PIXELS = 20_000  # of each class in a frame
EVERY = 5  # every 5th row and column stands for what is not labelled
RIDGE = 0.01  # weight of the squared weights of features with a deviation of 1
# deviation below which a feature says little; small ones would get huge weights
LEAST_SPREAD = 0.1
ITERATIONS = 100


def fit_new_classes(
    model: SegmentationNet, frames: Sequence[LabelledFrame], numbers: Sequence[int]
) -> None:
    """Set the last layer of new classes by logistic regression, in place.

    Unlabelled pixels count as what the network takes them for. The labelled pixels of
    each class and the unlabelled pixels of each known class have the same weight, so a
    new class stays rare.

    Parameters
    ----------
    model
        Network of more than two classes, of which the others keep their scores.
    frames
        Labelled frames, of which at most `MOST_FRAMES` are used.
    numbers
        Numbers of the new classes, counted from 1; an empty list changes nothing.
    """
    if not numbers:
        return
    features, target, weights = _pixels(model, frames, numbers)
    centre, spread = features.mean(dim=0), features.std(dim=0).clamp(min=LEAST_SPREAD)
    scores = _known_scores(model, features)
    rows, bias = fitted_rows(
        (features - centre) / spread, scores, target, weights, numbers
    )
    rows = rows / spread
    with torch.no_grad():
        for number, row, offset in zip(numbers, rows, bias, strict=True):
            model.head.weight[number] = row[:, None, None].to(model.head.weight)
            if model.head.bias is not None:
                model.head.bias[number] = offset - row @ centre


def fitted_rows(
    features: Tensor,
    scores: Tensor,
    target: Tensor,
    weights: Tensor,
    numbers: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """Return the weights of new classes that fit the labels best.

    They minimize the weighted cross entropy plus `RIDGE` times their squared length.

    Parameters
    ----------
    features
        Features ``(N, D)`` of pixels, float64, with a mean of 0 and a deviation of 1.
    scores
        Scores ``(N, C)`` of all classes, of which those of new classes do not count.
    target
        Class ``(N,)`` of each pixel.
    weights
        Weight ``(N,)`` of each pixel; their sum is 1.
    numbers
        Numbers of the K new classes.

    Returns
    -------
    rows
        Weights ``(K, D)`` of the scores of new classes.
    bias
        Offsets ``(K,)`` of these scores.
    """
    rows = torch.zeros(len(numbers), features.shape[1], dtype=torch.float64)
    bias = torch.full((len(numbers),), RARE, dtype=torch.float64)
    optimizer = torch.optim.LBFGS(
        [rows.requires_grad_(), bias.requires_grad_()],
        max_iter=ITERATIONS,
        line_search_fn="strong_wolfe",
    )
    places = torch.tensor(list(numbers))

    def closure() -> Tensor:
        """Return the loss, and leave its gradient in the parameters."""
        optimizer.zero_grad()
        logits = scores.index_copy(1, places, features @ rows.T + bias)
        per_pixel = F.cross_entropy(logits, target, reduction="none")
        loss = (weights * per_pixel).sum() + RIDGE * rows.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return rows.detach(), bias.detach()


@torch.no_grad()
def _pixels(
    model: SegmentationNet, frames: Sequence[LabelledFrame], numbers: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return features ``(N, D)`` float64, classes and weights ``(N,)`` of pixels."""
    device = next(model.parameters()).device
    groups: dict[tuple[str, int], list[Tensor]] = {}
    with eval_mode(model):
        for frame in frames[:: -(-len(frames) // MOST_FRAMES)]:
            embedding = model.embedding(frame.image.to(device))[0].cpu()
            features, target = embedding.flatten(1).T, frame.target.flatten()
            for number in range(model.classes):
                chosen = _thinned((target == number).nonzero()[:, 0])
                groups.setdefault(("labelled", number), []).append(features[chosen])
            rest = features[_every_few(frame)]
            said = _known_scores(model, rest.double())
            said[:, list(numbers)] = -torch.inf
            for number in set(range(model.classes)) - set(numbers):
                own = rest[said.argmax(dim=1) == number]
                groups.setdefault(("unlabelled", number), []).append(own)
    found = {key: torch.cat(parts).double() for key, parts in groups.items()}
    found = {key: part for key, part in found.items() if len(part)}
    sizes = torch.tensor([len(part) for part in found.values()])
    classes = torch.tensor([number for _, number in found])
    weights = 1 / (len(found) * sizes.double())
    return (
        torch.cat(list(found.values())),
        classes.repeat_interleave(sizes),
        weights.repeat_interleave(sizes),
    )


def _thinned(pixels: Tensor) -> Tensor:
    """Return at most `MOST_PIXELS` of the given pixels, evenly."""
    return pixels[:: max(1, -(-len(pixels) // MOST_PIXELS))]


def _every_few(frame: LabelledFrame) -> Tensor:
    """Return the places of unlabelled pixels in every few rows and columns."""
    rest = torch.zeros_like(frame.target[0], dtype=torch.bool)
    rest[::EVERY, ::EVERY] = frame.target[0, ::EVERY, ::EVERY] < 0
    return rest.flatten().nonzero()[:, 0]


def _known_scores(model: SegmentationNet, features: Tensor) -> Tensor:
    """Return the scores ``(N, C)`` of the last layer, in double precision."""
    weight = model.head.weight.detach().cpu().double()[:, :, 0, 0]
    scores = features @ weight.T
    bias = model.head.bias
    return scores if bias is None else scores + bias.detach().cpu().double()
