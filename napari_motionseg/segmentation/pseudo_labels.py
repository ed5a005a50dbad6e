"""Pseudo-labels: predictions of the initial network where nothing was painted.

Strokes label few pixels, and a network that is trained on them alone forgets what it
knew elsewhere (Li and Hoiem 2016, "Learning without Forgetting"). The prediction of the
initial network therefore replaces missing labels, as far as it is certain and away from
strokes that contradict it. Outside the field of view, the pseudo-label is background.

Strokes do not say how far the initial network is to be trusted. People paint where its
masks are wrong, so strokes may contradict all of it while the rest of the frame is
right. What counts is the certainty of each pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from napari_motionseg.cine.field_of_view import find_field_of_view
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.folded_unet import Predicting
from napari_motionseg.segmentation.dataset import LabelledFrame

# a stroke on a wrong prediction contradicts the whole area, up to this distance
CONTRADICTED_PX = 20.0  # px
# A pseudo-label takes part with its certainty to this power: .89 for a probability of
# .997, .36 for .975. Smaller powers keep faint vessels as background, larger ones leave
# too few pseudo-labels: five strokes on false marks make the network forget vessels.
CERTAINTY_POWER = 20


def with_pseudo_labels(
    model: Predicting, frames: Sequence[LabelledFrame], new: Sequence[int] = ()
) -> list[LabelledFrame]:
    """Return frames whose unlabelled pixels have predictions as weak labels.

    Parameters
    ----------
    model
        Network from which training starts.
    frames
        Labelled frames. Those that are completely labelled, and those with weak labels,
        are returned unchanged.
    new
        Numbers of classes that the network knows from these labels alone. What it takes
        for one of them gets no pseudo-label.
    """
    with eval_mode(model):
        return [_completed(model, frame, new) for frame in frames]


@torch.inference_mode()
def _completed(
    model: Predicting, frame: LabelledFrame, new: Sequence[int]
) -> LabelledFrame:
    painted = frame.target >= 0
    if frame.weight is not None or bool(painted.all()):
        return frame
    device = next(model.parameters()).device
    found = model.probabilities(frame.image.to(device))[0].float().cpu()
    outside = torch.from_numpy(~_field_of_view(frame))
    found[:, outside] = 0
    found[0, outside] = 1
    sure, answer = (part[None] for part in found.max(dim=0))
    answer = answer.to(frame.target)
    wrong = painted & (answer != frame.target)
    certainty = ((sure - 0.5) / 0.5).clamp(min=0)  # the likelier of two has at least .5
    weight = certainty**CERTAINTY_POWER
    for number in new:
        weight = weight * (answer != number)
    if bool(wrong.any()):
        away = torch.from_numpy(distance_transform_edt(~wrong[0].numpy()))[None]
        weight = weight * (away > CONTRADICTED_PX)
    weight = weight.masked_fill(painted, 1.0)
    target = torch.where(painted, frame.target, answer)
    return LabelledFrame(frame.image, target, frame.foreground, weight.float())


def _field_of_view(frame: LabelledFrame) -> NDArray[np.bool_]:
    """Return the field of view ``(H, W)`` of a frame, without its edge."""
    return find_field_of_view(frame.image[0, 0].numpy()).inner()
