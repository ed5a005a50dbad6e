"""Answer guidance on a frame with a propagation network, whose encoder runs once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.errors import CheckpointError
from napari_motionseg.guidance.points import Arrow, Point, check_frame
from napari_motionseg.models import load_model, read_card, resolve_device
from napari_motionseg.models.flow_bins import expected_flow
from napari_motionseg.models.folded_unet import folded_convolutions, folded_embedding
from napari_motionseg.models.light_propagation import LightPropagationNet
from napari_motionseg.models.model_card import checkpoint_path
from napari_motionseg.models.precision import autocast
from napari_motionseg.models.propagation_candidates import connected_share
from napari_motionseg.models.propagation_models import (
    DEFAULT_PROPAGATION,
    PROPAGATION,
    PropagationModel,
)
from napari_motionseg.models.propagation_network import (
    ConditionalPropagationNet,
    PropagationNet,
)
from napari_motionseg.models.resizing import resized

Flow = NDArray[np.float32]
LARGEST_SIDE = 640  # px; a larger frame is reduced, because it would take too long
REDUCED_SIDE = 512  # px of the longer side of a reduced frame
LEAST_SIDE = 128  # px; a smaller frame is enlarged, because a cell has 8 px
MOST_ENLARGED = 4


@dataclass(frozen=True, eq=False)
class PreparedFrame:
    """A frame with its features, from `Propagator.prepare`.

    Parameters
    ----------
    frame
        The frame ``(H, W)`` in [0, 1].
    factor
        Side of the picture that the network sees, divided by that of the frame.
    size
        Rows and columns of that picture.
    features
        Features from the network's image encoder.
    together
        Share ``(H, W)`` of each single point's motion that the pixels follow, by the
        point; further clicks on the frame need it again.
    """

    frame: NDArray[np.float32]
    factor: float
    size: tuple[int, int]
    features: Any
    together: dict[Point, NDArray[np.float32]] = field(default_factory=dict)


class Propagator:
    """A propagation network, ready to answer clicks and arrows.

    Parameters
    ----------
    network
        Propagation network. It is copied, so that later changes of its weights have no
        effect.
    device
        Device of the network: ``"auto"`` or a name that torch knows.
    """

    def __init__(self, network: PropagationModel, device: str = "auto") -> None:
        self._device = resolve_device(device)
        self._network = _for_answers(network).to(self._device)

    @property
    def limit(self) -> float:
        """Bound in px of each component of flow, in the picture the network sees."""
        return self._network.limit

    @property
    def knows_vessels(self) -> bool:
        """Whether the network knows which pixels are vessel; see `connected`."""
        return isinstance(self._network, LightPropagationNet)

    def longest(self, prepared: PreparedFrame) -> float:
        """Return the length in px of the frame of the longest possible arrow."""
        # the outermost bin's centre is the largest flow that can be predicted
        return self.limit * (1 - 1 / self._network.bins) / prepared.factor

    def prepare(
        self, frame: NDArray[Any], factor: float | None = None
    ) -> PreparedFrame:
        """Compute the features of a frame, which all guidance on it shares.

        Parameters
        ----------
        frame
            Frame ``(H, W)`` in [0, 1].
        factor
            Side of the picture that the network sees, divided by that of the frame.
            None enlarges tiny frames and reduces large ones.

        Raises
        ------
        SettingsError
            If the array is not a frame.
        """
        values = check_frame(frame)
        factor = _factor(values.shape) if factor is None else factor
        rows, columns = (max(1, round(factor * side)) for side in values.shape)
        picture = torch.from_numpy(values)[None, None].to(self._device)
        picture = resized(picture, (rows, columns), averaged=True)
        with torch.inference_mode(), autocast(self._device):
            features = self._network.encode(picture)
        return PreparedFrame(values, factor, (rows, columns), features)

    def flows(
        self,
        prepared: PreparedFrame,
        guidance: Sequence[Sequence[Arrow]],
        *,
        clicked: bool = False,
        where: NDArray[np.bool_] | None = None,
    ) -> Flow:
        """Return the flow ``(N, 2, H, W)`` in px that follows from N sets of arrows.

        All sets go through the network at once.

        Parameters
        ----------
        prepared
            Frame from `prepare`.
        guidance
            The arrows of each set, in px of the frame. Arrows on one pixel of the
            network are averaged.
        clicked
            Whether the arrows are clicks on an object: the rest then rather stays.
        where
            Mask ``(H, W)`` bool of the pixels whose flow is needed, which saves time;
            the flow of the others is 0. None means all. A resized frame, and a network
            with the layout of the paper, compute all of them.
        """
        sparse = torch.stack([self._sparse(prepared, arrows) for arrows in guidance])
        told = torch.full((len(sparse),), clicked, device=self._device)
        few = where is not None and self.knows_vessels and where.shape == prepared.size
        with torch.inference_mode(), autocast(self._device):
            guided = prepared.features, sparse.to(self._device), told
            flow = self._flow_at(where, *guided) if few else self._network.flow(*guided)
        flow = self._at_size_of(prepared, flow) / prepared.factor
        found: Flow = flow.numpy()
        return found

    def _flow_at(
        self, where: Any, features: Any, sparse: Tensor, clicked: Tensor
    ) -> Tensor:
        """Return the flow ``(N, 2, h, w)`` of the pixels of a mask; 0 elsewhere."""
        at = torch.from_numpy(np.flatnonzero(where)).to(self._device)
        flow = torch.zeros((len(sparse), 2, where.size), device=self._device)
        if len(at):
            chosen = at.expand(len(sparse), -1)
            logits = self._network.propagate(features, sparse, chosen, clicked)
            with torch.autocast(self._device.type, enabled=False):
                flow[..., at] = expected_flow(logits.float(), self.limit)
        return flow.view(len(sparse), 2, *where.shape)

    def connected(
        self, prepared: PreparedFrame, arrows: Sequence[Arrow]
    ) -> NDArray[np.float32]:
        """Return how likely each pixel is connected to a moving point, ``(H, W)``.

        Parameters
        ----------
        prepared
            Frame from `prepare`.
        arrows
            Points that move, and points that stay still.

        Raises
        ------
        CheckpointError
            If the network does not know which pixels are vessel.
        """
        vessel = self._vessel_logit(prepared)
        sparse = self._sparse(prepared, arrows)[None].to(self._device)
        with torch.inference_mode():
            share = connected_share(vessel, sparse)
        return self._at_size_of(prepared, share[None, None])[0, 0].numpy()

    def vessels(self, prepared: PreparedFrame) -> NDArray[np.float32]:
        """Return the probability ``(H, W)`` of being vessel, without any click.

        Parameters
        ----------
        prepared
            Frame from `prepare`.

        Raises
        ------
        CheckpointError
            If the network does not know which pixels are vessel.
        """
        rows, columns = prepared.size
        chance = self._vessel_logit(prepared)[..., :rows, :columns].sigmoid()
        return self._at_size_of(prepared, chance)[0, 0].numpy()

    def _vessel_logit(self, prepared: PreparedFrame) -> Tensor:
        """Return the logit ``(1, 1, h, w)`` of being vessel, with the padding."""
        if not isinstance(self._network, LightPropagationNet):
            raise CheckpointError(
                "the extents 'tree' and 'vessels' need the light network, which knows "
                "vessels; this one has the layout of the paper; choose 'branch'"
            )
        logit: Tensor = prepared.features.vessel.float()
        return logit

    @staticmethod
    def _at_size_of(prepared: PreparedFrame, planes: Tensor) -> Tensor:
        """Return planes ``(N, C, h, w)`` on the CPU at the size of the frame."""
        return resized(planes.float().cpu(), prepared.frame.shape)

    def _sparse(self, prepared: PreparedFrame, arrows: Sequence[Arrow]) -> Tensor:
        """Return the network's guidance ``(3, h, w)``: x, y and mask."""
        rows, columns = prepared.size
        total = np.zeros((3, rows, columns), np.float32)
        for arrow in arrows:
            row = _scaled(arrow.row, prepared.factor, rows)
            column = _scaled(arrow.column, prepared.factor, columns)
            motion = np.array((arrow.right, arrow.down)) * prepared.factor
            total[:2, row, column] += motion
            total[2, row, column] += 1
        count = total[2]
        total[:2] /= np.maximum(count, 1)
        total[2] = count > 0
        return torch.from_numpy(total)


def load_propagator(
    path: str | Path = DEFAULT_PROPAGATION, device: str = "auto"
) -> Propagator:
    """Load a propagation network for clicks and arrows.

    Parameters
    ----------
    path
        Path of a checkpoint of kind ``"propagation"``, or the name of shipped weights.
    device
        Device of the network: ``"auto"`` or a name that torch knows.

    Raises
    ------
    CheckpointError
        If the file cannot be read, or holds a network without a propagation head.
    """
    if (kind := read_card(path).kind) != PROPAGATION:
        raise CheckpointError(
            f"{checkpoint_path(path)}: is a checkpoint of kind {kind!r}, which has no "
            "propagation head; choose one that motionseg train-propagation has "
            f"written, or {DEFAULT_PROPAGATION!r}"
        )
    network, _ = load_model(path, kind=PROPAGATION)
    if not isinstance(network, LightPropagationNet | ConditionalPropagationNet):
        raise CheckpointError(
            f"{path}: holds a {type(network).__name__}, which is no propagation network"
        )
    return Propagator(network, device)


def _for_answers(network: PropagationModel) -> PropagationModel:
    """Return a copy for prediction, with batch norm folded into the convolutions."""
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    if isinstance(copied, LightPropagationNet):
        copied.encoder = folded_embedding(copied.encoder)
        copied.refine = folded_convolutions(copied.refine)
        for module in copied.modules():
            if isinstance(module, PropagationNet):
                module.convolutions = folded_convolutions(module.convolutions)
    return copied


def _factor(shape: tuple[int, ...]) -> float:
    """Return by how much a frame is enlarged for the network."""
    if max(shape) > LARGEST_SIDE:
        return REDUCED_SIDE / max(shape)
    return float(min(MOST_ENLARGED, -(-LEAST_SIDE // min(shape))))


def _scaled(place: float, factor: float, count: int) -> int:
    """Return the row or column of the network's picture at a place of the frame."""
    return min(count - 1, max(0, round((place + 0.5) * factor - 0.5)))
