"""Give the network of two layers parts of the truth, and see what error is left.

An oracle replaces one part of what the network does by what only the synthesis knows.
The error that disappears is what that part costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from exact_pairs import ExactPair, continued
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from napari_motionseg.models import load_pwcnet
from napari_motionseg.models.filters import smoothed
from napari_motionseg.models.layer_refinement import (
    FLOOR,
    SCALES,
    register,
    settle,
)
from napari_motionseg.models.layered_pwcnet import (
    REGISTERED_SHARPNESS,
    SHARPNESS,
    LayeredFlow,
    LayeredPWCNet,
)

BRANCH_PX = 10.0  # standard deviation of the mean along a branch
ORACLES = {
    "quiet": "the pictures have no noise and no compression",
    "start": "the registration begins at the exact flow",
    "shape": "the true shape chooses between the two layers",
    "branch": "and the layer is averaged along each branch",
    "shape_start": "the true shape chooses, and the registration begins at the exact "
    "flow",
    "shapes": "the true shapes are registered, and choose",
    "shapes_start": "and the registration begins at the exact flow",
    "smooth": "the exact flow, smoothed once as in the last step of the registration",
}


@dataclass(frozen=True)
class Layers:
    """What the network finds in a pair; tensors have a batch of one.

    Parameters
    ----------
    there, back
        Layers and logits of both directions.
    background
        Settled flow ``(1, 2, H, W)`` of the background in px.
    vessel
        Registered flow ``(1, 2, H, W)`` of the vessel layer in px.
    """

    there: LayeredFlow
    back: LayeredFlow
    background: Tensor
    vessel: Tensor

    @property
    def share(self) -> Tensor:
        """Share ``(1, 1, H, W)`` of the vessel layer in the mixture."""
        return self.there.alpha(SHARPNESS)

    def mixture(self, vessel: Tensor) -> Tensor:
        """Return the flow ``(1, 2, H, W)`` in px with this flow of the vessel layer."""
        return self.background + self.share * (vessel - self.background)


@lru_cache
def network(weights: Path | None) -> LayeredPWCNet:
    """Return the network; only one of two layers can be divided.

    Raises
    ------
    TypeError
        If the checkpoint holds another network.
    """
    model = load_pwcnet(weights)
    if not isinstance(model, LayeredPWCNet):
        raise TypeError(f"{weights}: holds a {type(model).__name__}, not two layers")
    return model


@torch.inference_mode()
def layers(model: LayeredPWCNet, first: np.ndarray, second: np.ndarray) -> Layers:
    """Return what the network finds in two pictures ``(H, W)``, as `decode` does."""
    one, two = (
        model.pyramid(torch.from_numpy(picture).float()[None, None])
        for picture in (first, second)
    )
    there, back = model.see(one, two), model.see(two, one)
    ours, theirs = (settle(seen.layers()[1], seen.alpha()) for seen in (there, back))
    return Layers(there, back, (ours - theirs) / 2, registered(there, back))


def registered(
    there: LayeredFlow,
    back: LayeredFlow,
    shapes: tuple[Tensor, Tensor] | None = None,
    start: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Return the registered flow ``(1, 2, H, W)`` of the vessel layer in px.

    Parameters
    ----------
    there, back
        What the network finds in both directions.
    shapes
        Shapes ``(1, 1, H, W)`` of both pictures; None uses those of the network.
    start
        Flow ``(1, 2, H, W)`` of both directions to begin at; None uses the network's.
    """
    shapes = shapes or tuple(seen.alpha(REGISTERED_SHARPNESS) for seen in (there, back))
    start = start or (there.layers()[0], back.layers()[0])
    return register(*shapes, *start)[0]


@torch.inference_mode()
def oracle_flows(
    model: LayeredPWCNet, pair: ExactPair, found: Layers
) -> dict[str, np.ndarray]:
    """Return the flow ``(2, H, W)`` in px of each oracle; only vessels are meant.

    Parameters
    ----------
    model
        The network.
    pair
        The pair, with its truth.
    found
        What the network finds in the pair.
    """
    there, back = found.there, found.back
    shapes = as_tensor(pair.mask)[None], as_tensor(pair.later)[None]
    start = (
        as_tensor(continued(pair.flow, pair.mask)),
        as_tensor(continued(pair.back, pair.later)),
    )
    begun = registered(there, back, start=start)
    quiet = layers(model, *pair.quiet)
    weight = shapes[0] + FLOOR
    width = SCALES[-1].smooth
    flows = {
        "quiet": quiet.mixture(quiet.vessel),
        "start": found.mixture(begun),
        "shape": found.vessel,
        "shape_start": begun,
        "shapes": registered(there, back, shapes),
        "shapes_start": registered(there, back, shapes, start),
        "smooth": smoothed(as_tensor(pair.flow) * weight, width)
        / smoothed(weight, width),
    }
    plain = {name: flow[0].numpy() for name, flow in flows.items()}
    return plain | {"branch": along_branches(plain["shape"], pair)}


def along_branches(flow: np.ndarray, pair: ExactPair) -> np.ndarray:
    """Return flow ``(2, H, W)`` whose vessels move as the mean along their branch.

    Parameters
    ----------
    flow
        Flow ``(2, H, W)`` in px.
    pair
        The pair; its mask, branches and distances along them are used.
    """
    result = flow.copy()
    for branch in np.unique(pair.branch[pair.mask]):
        here = pair.mask & (pair.branch == branch)
        place = np.round(pair.path[here] - pair.path[here].min()).astype(int)
        count = np.bincount(place).astype(float)
        weight = gaussian_filter1d(count, BRANCH_PX, mode="constant")
        weight[count == 0] = 1  # nothing is read there
        for channel, values in zip(result, flow, strict=True):
            total = np.bincount(place, values[here])
            mean = gaussian_filter1d(total, BRANCH_PX, mode="constant") / weight
            channel[here] = mean[place]
    return result


def as_tensor(values: np.ndarray) -> Tensor:
    """Return values as a float32 tensor with a batch of one in front."""
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))[None]
