"""Initialize the network of fine-tuning, and decide how much of it is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from napari_motionseg.errors import CheckpointError
from napari_motionseg.models import (
    SegmentationNet,
    UNet,
    UNetConfig,
    checkpoint_path,
)
from napari_motionseg.models.catheter_net import CatheterNet
from napari_motionseg.models.class_names import VESSEL
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.folded_unet import Predicting
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.models.more_classes import reset_classes, with_classes
from napari_motionseg.segmentation.dataset import LabelledFrame
from napari_motionseg.training.engine.initial_networks import (
    load_initial_network,
    with_seed,
)

SCRATCH = "scratch"
# Dice of a start with whole frames; below it, its features are not enough. On a demo's
# faint loop (.15), the last layers alone reach .42, all layers .62; on a loop where the
# start has .56, the last layers reach .77
LEAST_FIT = 0.4
LEAST_AGREEMENT = 0.05  # Dice; below it, a class of a start means something else
Kept = float | Literal["earned"]
# The share of a start that is kept is the Dice of its masks with whole frames to this
# power. At a Dice of .8 (loops p1 to p4), keeping half was better than a quarter with
# one label of other patients (.787, .777) and with ten (.808, .804); a quarter was
# better with one frame of the same loop (.834, .830). At .36 (exact masks of synthetic
# loops), keeping nothing was best (.80; .72, .60).
EARNED = 4
MOST_LOOKS = 16  # frames; hundreds would take minutes before the first step
# Strokes say little, and people paint where masks are wrong. This share of a start is
# therefore kept beside them, however badly it fits. With ten strokes on synthetic loops
# (.38, .03), keeping nothing gave .383 and .709, keeping a quarter .539 and .728. On
# four real loops, strokes on false marks and missed branches changed the Dice of other
# frames by -.024 with nothing kept, and by +.014 with a quarter.
KEPT_WITH_SCRIBBLES = 0.25


def initial_network(
    start: str | Path | None, classes: int, network: UNetConfig, seed: int
) -> tuple[SegmentationNet, dict[str, Any]]:
    """Return the network to train, and its origin for the model card.

    Parameters
    ----------
    start
        Path of a checkpoint, name of shipped weights, or ``"scratch"`` (also None).
    classes
        Number of labelled classes with the background. A network with fewer classes
        keeps its own and gets the others.
    network
        Configuration of a network from scratch.
    seed
        Seed of the weights that do not come from a checkpoint.

    Raises
    ------
    CheckpointError
        If the checkpoint is of another kind.
    """
    if start is None or start == SCRATCH:
        fresh = with_seed(lambda: SegmentationNet(network, classes), seed)
        return fresh, {"kind": SCRATCH}
    # loading draws from torch's generator too; inside `with_seed`, a given seed always
    # gives the same weights of new classes
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
            f"{start}: holds a {type(model).__name__}, which cannot start a "
            "segmentation; give an embedding or segmentation checkpoint, or 'scratch'"
        )
    if model.classes == VESSEL + 1:
        model.catheters = CatheterNet.of_card(card.provenance)
    if model.classes < classes:
        origin["classes"] = model.classes
        model = with_classes(model, classes)
    return model, origin


def agreement(model: Predicting, frames: Sequence[LabelledFrame]) -> float:
    """Return how well a network's masks fit labels that it was not trained on.

    Parameters
    ----------
    model
        Network from which training starts.
    frames
        Labelled frames, of which at most `MOST_LOOKS` are used; only labelled pixels
        count.

    Returns
    -------
    float
        Dice of all labelled pixels together, 0 to 1, as mean over the foreground
        classes.
    """
    scores = class_agreement(model, frames)
    return float(np.mean(list(scores.values()))) if scores else 0.0


def whole_agreement(
    model: SegmentationNet, frames: Sequence[LabelledFrame]
) -> float | None:
    """Return the `agreement` with frames that are completely labelled.

    Strokes are not asked, because people paint where the masks are wrong.

    Parameters
    ----------
    model, frames
        Network and labelled frames, as for `agreement`.

    Returns
    -------
    float or None
        None if no frame is completely labelled.
    """
    whole = whole_frames(frames)
    return agreement(model, whole) if whole else None


def fits(agreed: float | None) -> bool:
    """Return whether a network's masks resemble whole frames.

    Parameters
    ----------
    agreed
        Agreement, from `whole_agreement`; without one, nothing speaks against it.
    """
    return agreed is None or agreed >= LEAST_FIT


def whole_frames(frames: Sequence[LabelledFrame]) -> list[LabelledFrame]:
    """Return the frames that are completely labelled."""
    return [frame for frame in frames if bool((frame.target >= 0).all())]


def class_agreement(
    model: Predicting, frames: Sequence[LabelledFrame]
) -> dict[int, float]:
    """Return the Dice of each labelled foreground class, by its number.

    Parameters
    ----------
    model, frames
        Network and labelled frames, as for `agreement`.
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
    numbers = range(1, 1 + int(truth.max()))
    return {k: dice(answer == k, truth == k) for k in numbers}


def relearn_foreign_classes(
    model: SegmentationNet, frames: Sequence[LabelledFrame], known: int, seed: int
) -> list[int]:
    """Make a network forget classes that stand for something else in the labels.

    Networks of `train_masks` know the catheter as class 2. If class 2 of the labels is
    a second artery, what the network knows of it is of no use. Classes above 1 that
    agree with none of their labels in whole frames are reset, in place. Strokes are not
    asked, because people paint where the masks are wrong.

    Parameters
    ----------
    model, frames
        Network and labelled frames, as for `agreement`.
    known
        Number of classes with the background that the network has learnt before.
    seed
        Seed of the new weights.

    Returns
    -------
    list
        Numbers of the classes that were reset.
    """
    whole = whole_frames(frames)
    if known == 2 or not whole:
        return []
    scores = class_agreement(model, whole)
    foreign = [k for k in range(2, known) if scores.get(k, 1.0) < LEAST_AGREEMENT]
    with_seed(lambda: reset_classes(model, foreign), seed)
    return foreign


def earned_share(agreed: float | None, frames: Sequence[LabelledFrame]) -> float:
    """Return the share of a start that is kept, 0 to 1.

    Parameters
    ----------
    agreed
        Agreement of the start with whole frames, from `whole_agreement`. Its power
        `EARNED` is the share, which is at least `KEPT_WITH_SCRIBBLES` if a frame is not
        completely labelled.
    frames
        Labelled frames.
    """
    earned = 0.0 if agreed is None else agreed**EARNED
    in_full = len(whole_frames(frames)) == len(frames)
    return earned if in_full else max(earned, KEPT_WITH_SCRIBBLES)
