"""Decide whether a fine-tuned network keeps the network that tells catheters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.catheter_net import CARD_ENTRY
from napari_motionseg.segmentation.catheter_rule import CatheterRule
from napari_motionseg.segmentation.dataset import LabelledFrame

MOST_FRAMES = 16  # labelled frames that are looked at
MOST_CONTRADICTED_PX = 20  # labelled otherwise; a stroke may touch a catheter's edge


def kept_catheters(
    model: SegmentationNet, frames: Sequence[LabelledFrame]
) -> dict[str, Any]:
    """Return what the card of a fine-tuned network says of catheters.

    People may count catheters as background or as vessels. Where labels call what the
    network takes for a catheter something else, the labels are right, and the network
    of catheters is left out.

    Parameters
    ----------
    model
        Start of the fine-tuning, with the classes of the labels.
    frames
        Labelled frames.

    Returns
    -------
    dict
        The entry of the card that names the checkpoint; empty if no network of
        catheters is to be asked.
    """
    catheters = model.catheters
    if catheters is None:
        return {}
    contradicted = 0
    for frame in frames[:: -(-len(frames) // MOST_FRAMES)]:
        said = catheters.probability(frame.image)[0].float().cpu().numpy()
        everywhere = CatheterRule(np.ones(said.shape, np.bool_))
        taken = everywhere.believed(said) >= 0.5
        contradicted += int((taken & (frame.target[0].numpy() >= 0)).sum())
    agreed = contradicted <= MOST_CONTRADICTED_PX
    return {CARD_ENTRY: catheters.name} if agreed else {}
