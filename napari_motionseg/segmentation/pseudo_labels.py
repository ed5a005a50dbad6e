"""Pseudo-labels: predictions of the initial network where nothing was painted.

Strokes label few pixels, and a network that is trained on them alone forgets what it
knew elsewhere (Li and Hoiem 2016, "Learning without Forgetting"). The prediction of the
initial network therefore replaces missing labels, as far as it is confident and away
from strokes that contradict it. Pixels are drawn at random, so that in all they weigh a
multiple of what was painted: the larger, the more the initial network is trusted.
Outside the field of view, the pseudo-label is background.
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
# Dice on other frames after ten strokes on one frame. On a real loop of p1, whose start
# fits the strokes with .91 and has .851 without them, pseudo-labels that weigh twice as
# much as the strokes gave .839, five times .844, ten times .846. On synthetic loops
# (.37, .03; .257, .344), with a quarter kept, equal weights gave .539 and .728, ten
# times .453 and .591.
SAY_UNTRUSTED, SAY_TRUSTED = 1.0, 10.0


def with_pseudo_labels(
    model: Predicting, frames: Sequence[LabelledFrame], trust: float = 1.0
) -> list[LabelledFrame]:
    """Return frames whose unlabelled pixels have predictions as weak labels.

    Parameters
    ----------
    model
        Network from which training starts.
    frames
        Labelled frames. Those that are completely labelled, and those with weak labels,
        are returned unchanged.
    trust
        Trust in the network, 0 to 1, from `earned_trust`. Pseudo-labels weigh from
        `SAY_UNTRUSTED` to `SAY_TRUSTED` times as much as the painted pixels.
    """
    say = SAY_UNTRUSTED + trust * (SAY_TRUSTED - SAY_UNTRUSTED)
    with eval_mode(model):
        return [_completed(model, frame, say) for frame in frames]


@torch.inference_mode()
def _completed(model: Predicting, frame: LabelledFrame, say: float) -> LabelledFrame:
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
    belief = ((sure - 0.5) / 0.5).clamp(min=0)  # the likeliest of two classes: 0.5 to 1
    if bool(wrong.any()):
        away = torch.from_numpy(distance_transform_edt(~wrong[0].numpy()))[None]
        belief = belief * (away > CONTRADICTED_PX)
    belief = belief.masked_fill(painted, 0.0)
    share = say * float(painted.sum()) / max(float(belief.sum()), 1.0)
    weight = torch.where(painted, 1.0, belief * min(share, 1.0))
    target = torch.where(painted, frame.target, answer)
    return LabelledFrame(frame.image, target, frame.foreground, weight.float())


def _field_of_view(frame: LabelledFrame) -> NDArray[np.bool_]:
    """Return the field of view ``(H, W)`` of a frame, without its edge."""
    return find_field_of_view(frame.image[0, 0].numpy()).inner()
