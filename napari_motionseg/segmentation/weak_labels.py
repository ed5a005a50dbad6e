"""Carry painted labels to neighbouring frames, as weak labels for training."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from napari_motionseg.cine import Cine
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.motion import FlowCache, FlowSettings, lazy_flow
from napari_motionseg.segmentation.dataset import LabelledFrame
from napari_motionseg.segmentation.flow_propagation import (
    CarriedLabel,
    CarrySettings,
    carry_labels,
)
from napari_motionseg.segmentation.labelled_classes import LabelledLoop


def gather_carried(
    examples: Sequence[LabelledLoop], settings: CarrySettings, device: str = "auto"
) -> Job[list[LabelledFrame]]:
    """Carry the labels of all loops along their flow.

    The flow is estimated only where labels are carried, and cached.

    Parameters
    ----------
    examples
        Loops with their labels; a loop of a single frame has no flow and is left out.
    settings
        Settings of how far labels are carried.
    device
        Device on which the flow is estimated.

    Yields
    ------
    Progress
        Before each labelled frame, with an unknown total, because training has not
        begun.
    """
    frames = []
    for cine, labels in examples:
        if len(cine) < 2:
            continue
        flow = lazy_flow(
            cine, FlowSettings(backward=True, device=device), FlowCache.default()
        )
        painted = {t: labels.target(t) for t in labels.frames if cine.frames.usable(t)}
        for t in painted:
            yield Progress(0, 0, f"Carrying the labels of frame {t} along the flow")
            # one painted frame at a time, but with the knowledge which others are
            # painted
            carried = carry_labels({t: painted[t]}, flow, settings)
            frames += [weak_frame(cine, c) for c in carried if c.frame not in painted]
    return frames


def weak_frame(cine: Cine, carried: CarriedLabel) -> LabelledFrame:
    """Return carried labels as a frame of the dataset."""
    target = torch.from_numpy(carried.target)
    image = torch.from_numpy(cine.normalized(carried.frame))
    return LabelledFrame(
        image[None, None],
        target[None],
        (target > 0).nonzero(),
        torch.from_numpy(carried.weight)[None],
    )
