"""Decide whether a fine-tuned network keeps the network that tells catheters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.catheter_net import BACKGROUND_ENTRY, CARD_ENTRY
from napari_motionseg.segmentation.catheter_rule import CatheterRule
from napari_motionseg.segmentation.dataset import LabelledFrame

MOST_FRAMES = 16  # labelled frames that are looked at
MOST_CONTRADICTED_PX = 20  # labelled otherwise; a stroke may touch a catheter's edge


def kept_catheters(
    model: SegmentationNet, frames: Sequence[LabelledFrame]
) -> dict[str, Any]:
    """Return what the card of a fine-tuned network says of catheters.

    People may count catheters as background or as vessels. If labels call what the
    network takes for a catheter background, catheters become background in all masks.
    If they call it something else, the labels are right, and the network of catheters
    is left out.

    Parameters
    ----------
    model
        Start of the fine-tuning, with the classes of the labels.
    frames
        Labelled frames.

    Returns
    -------
    dict
        The entries of the card that name the checkpoint and say whether catheters are
        background; empty if no network of catheters is to be asked.
    """
    catheters = model.catheters
    if catheters is None:
        return {}
    background, other = 0, 0
    for frame in frames[:: -(-len(frames) // MOST_FRAMES)]:
        said = catheters.probability(frame.image)[0].float().cpu().numpy()
        everywhere = CatheterRule(np.ones(said.shape, np.bool_))
        taken = everywhere.believed(said) >= 0.5
        labels = frame.target[0].numpy()[taken]
        background += int((labels == 0).sum())
        other += int((labels > 0).sum())
    if other > MOST_CONTRADICTED_PX:
        return {}
    kept: dict[str, Any] = {CARD_ENTRY: catheters.name}
    if catheters.is_background or background > MOST_CONTRADICTED_PX:
        kept[BACKGROUND_ENTRY] = True
    return kept
