"""Initialization: the network that fine-tuning starts from, and how much is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models import (
    SegmentationNet,
    UNet,
    UNetConfig,
    checkpoint_path,
)
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.segmentation.dataset import LabelledFrame
from napari_motionseg.training.engine.initial_networks import (
    load_initial_network,
    with_seed,
)

SCRATCH = "scratch"
Kept = float | Literal["earned"]
# Power of the Dice with which a start's masks fit the labels: so much is it trusted. At
# a Dice of .8 (loops of p1 to p4) half was better than a quarter with one label of
# other patients (.787, .777) and with ten (.808, .804), a quarter with one frame of the
# loop (.834, .830); at .36 (exact masks of synthetic loops) nothing (.80; .72, .60)
EARNED = 4
MOST_LOOKS = 16  # hundreds of frames would take minutes before the first step
# Strokes teach so little for sure that so much is kept of any start: ten of them on
# synthetic loops (.38, .03), nothing kept .383 and .709, a quarter .539 and .728
LEAST_WITH_SCRIBBLES = 0.25
RARE = -4.0  # first score of a new class: it wins nowhere before it is learnt


def initial_network(
    start: str | Path | None, classes: int, network: UNetConfig, seed: int
) -> tuple[SegmentationNet, dict[str, Any]]:
    """Return the network to train, and its origin for the model card.

    Parameters
    ----------
    start
        Checkpoint file, name of shipped weights, or ``"scratch"`` (also None).
    classes
        Classes that are labelled, with the background; a network that knows fewer
        keeps what it knows and gets the others.
    network
        What to build from scratch.
    seed
        Of the weights that no checkpoint brings.

    Raises
    ------
    CheckpointError
        If the checkpoint is of another kind.
    """
    if start is None or start == SCRATCH:
        fresh = with_seed(lambda: SegmentationNet(network, classes), seed)
        return fresh, {"kind": SCRATCH}
    # loading draws from torch's generator, too: inside, so that one seed gives the
    # weights of further classes that it always gave
    return with_seed(lambda: _load_start(start, classes), seed)


def _load_start(
    start: str | Path, classes: int
) -> tuple[SegmentationNet, dict[str, Any]]:
    """Return a network of enough classes from a checkpoint, and its origin."""
    model, card = load_initial_network(
        start, ("embedding", "segmentation"), nn.Module, "fine-tuning"
    )
    digest = hashlib.sha256(checkpoint_path(start).read_bytes()).hexdigest()
    origin: dict[str, Any] = {"kind": card.kind, "sha256": digest}
    if isinstance(model, UNet):
        whole = SegmentationNet(model.config, classes)
        whole.embedding = model
        return whole, origin
    if not isinstance(model, SegmentationNet):
        raise CheckpointError(
            f"{start}: holds a {type(model).__name__}, from which no segmentation can "
            "start; give an embedding or segmentation checkpoint, or 'scratch'"
        )
    if model.classes < classes:
        origin["classes"] = model.classes
        model = with_classes(model, classes)
    return model, origin


def with_classes(model: SegmentationNet, classes: int) -> SegmentationNet:
    """Return a network that knows more classes, and the first ones as before.

    Parameters
    ----------
    model
        Knows fewer; its embedding is shared.
    classes
        With the background. New ones are unlikely everywhere until they are learnt;
        their weights are drawn from torch's generator.
    """
    grown = SegmentationNet(model.embedding.config, classes)
    grown.embedding = model.embedding
    weight, bias = model.head.weight, model.head.bias
    with torch.no_grad():
        if grown.head.bias is not None:
            grown.head.bias.fill_(RARE)
        grown.head.weight.mul_(0.1)
        if model.classes == 2:  # the softmax of (0, z) is the sigmoid of z
            weight = torch.cat([torch.zeros_like(weight), weight])
            bias = None if bias is None else torch.cat([torch.zeros_like(bias), bias])
        grown.head.weight[: len(weight)] = weight
        if bias is not None and grown.head.bias is not None:
            grown.head.bias[: len(bias)] = bias
    return grown


def copy_weights(model: SegmentationNet) -> dict[str, Tensor]:
    """Return a copy of a network's weights and statistics."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def agreement(model: SegmentationNet, frames: Sequence[LabelledFrame]) -> float:
    """Return how well a network's masks fit labels before it has seen them.

    Parameters
    ----------
    model
        What training starts from.
    frames
        As labelled; other pixels do not count. Of more than `MOST_LOOKS`, some.

    Returns
    -------
    float
        Dice of all labelled pixels together, 0 to 1, the mean over the classes but the
        background.
    """
    said, true = [], []
    with eval_mode(model), torch.inference_mode():
        device = next(model.parameters()).device
        for frame in frames[:: -(-len(frames) // MOST_LOOKS)]:
            found = model.probabilities(frame.image.to(device)).argmax(dim=1).cpu()
            labelled = frame.target >= 0
            said.append(found[labelled].numpy())
            true.append(frame.target[labelled].numpy())
    answer, truth = (np.concatenate(parts) for parts in (said, true))
    scores = [dice(answer == k, truth == k) for k in range(1, 1 + int(truth.max()))]
    return float(np.mean(scores)) if scores else 0.0


def earned_trust(model: SegmentationNet, frames: Sequence[LabelledFrame]) -> float:
    """Return how far a start is trusted beside labels, 0 to 1, by how it fits them.

    Parameters
    ----------
    model, frames
        As `agreement` has them.
    """
    return agreement(model, frames) ** EARNED


def earned_share(trust: float, frames: Sequence[LabelledFrame]) -> float:
    """Return the share of a start that is kept, 0 to 1.

    Parameters
    ----------
    trust
        As `earned_trust` returns it: so much, and `LEAST_WITH_SCRIBBLES` at least where
        a frame is not labelled in full.
    frames
        As labelled.
    """
    in_full = all(bool((frame.target >= 0).all()) for frame in frames)
    return trust if in_full else max(trust, LEAST_WITH_SCRIBBLES)


def blend_with_start(
    model: SegmentationNet, start: dict[str, Tensor], kept: float
) -> None:
    """Move a trained network some of the way back to what it started from, in place.

    The mean of the two weights knows what both know (Wortsman et al. 2022, Robust
    fine-tuning of zero-shot models): few labels of one loop correct the start there
    and cost it less elsewhere.

    Parameters
    ----------
    model
        After training.
    start
        Its weights before, as `copied` returns them.
    kept
        Share of the start, 0 to 1.
    """
    state = model.state_dict()
    for name, before in start.items():
        if before.is_floating_point():
            before = before.to(state[name].device)
            state[name].lerp_(before, kept)
