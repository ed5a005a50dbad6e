"""Define the task of flow training: batches of pairs, and the loss on them."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models import FlowNet, LayeredPWCNet, PWCNet
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.resizing import resized
from napari_motionseg.motion.colors import flow_to_rgb
from napari_motionseg.training.engine.throughput import DataClock
from napari_motionseg.training.engine.transforms import (
    jitter,
    mirror,
    mirror_flow,
    turn,
    turn_flow,
)
from napari_motionseg.training.flow.flow_loss import multiscale_flow_loss
from napari_motionseg.training.flow.layered_loss import layered_flow_loss
from napari_motionseg.training.flow.matching_loss import matching_loss
from napari_motionseg.training.flow.pairs import PairPool, Pairs
from napari_motionseg.training.flow.settings import FlowTrainingSettings

NEAR_PX = 12  # distance in px from a vessel within which a wrong edge does harm
MATCHING_VESSELS = 20.0  # weight that gives vessels about half of the matching loss
# the pictures of a pair differ slightly in gray: exposure control and quantum noise
SECOND_JITTER = 0.2


class FlowTask:
    """Train on batches of shifted, rotated and cropped pairs with the multi-scale loss.

    Parameters
    ----------
    model
        Flow network, trained in place.
    pool
        Pool that pairs are drawn from.
    held_out
        Pairs for previews, never trained on.
    settings
        Settings of the batches and of the loss.
    """

    def __init__(
        self,
        model: FlowNet,
        pool: PairPool,
        held_out: Pairs,
        settings: FlowTrainingSettings,
    ) -> None:
        self.model = model
        self.batch_size = settings.batch
        self.data_clock = DataClock()
        self._pool = pool
        self._held_out = held_out
        self._settings = settings

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the multi-scale loss; metrics are end-point errors in px."""
        with self.data_clock:
            pictures, flow, vessel = self.batch(step, generator)
        pictures, flow = pictures.to(device), flow.to(device)
        vessel = vessel.to(device)
        first, second = pictures[:, :1], pictures[:, 1:]
        ours, theirs = self.model.pyramid(first), self.model.pyramid(second)
        if isinstance(self.model, LayeredPWCNet):
            seen = self.model.see(ours, theirs)
            loss = layered_flow_loss(seen, flow, vessel, self._weights(vessel))
            finest = seen.flow()
        else:
            loss, finest = self._plain_loss(ours, theirs, flow, vessel)
        if self._settings.matching_weight and self.model.normalized:
            matching = matching_loss(ours, theirs, flow, 1 + MATCHING_VESSELS * vessel)
            loss = loss + self._settings.matching_weight * matching
        with torch.no_grad():
            full = resized(finest.float(), (flow.shape[-2], flow.shape[-1]))
            error = torch.linalg.vector_norm(full - flow, dim=1)
            metrics = {"epe": float(error.mean())}
            if bool(vessel.any()):
                metrics["epe_vessel"] = float(error[vessel].mean())
        return loss, metrics

    def _plain_loss(
        self, ours: list[Tensor], theirs: list[Tensor], flow: Tensor, vessel: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the multi-scale loss of a network with one flow, and that flow."""
        network = cast("PWCNet", self.model)
        flows = network.decode_levels(ours, theirs)
        loss = multiscale_flow_loss(
            flows,
            flow,
            penalty=self._settings.penalty,
            pixel_weights=self._weights(vessel),
        )
        return loss, max(flows, key=lambda level: level.shape[-1])

    def _weights(self, vessel: Tensor) -> Tensor:
        """Return the weight ``(B, H, W)`` of each pixel."""
        settings, thin = self._settings, vessel.float()
        near = functional.max_pool2d(thin[:, None], 2 * NEAR_PX + 1, 1, NEAR_PX)[:, 0]
        around = settings.near_weight * near * (1 - thin)
        return 1 + around + settings.vessel_weight * thin

    def batch(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return pictures and flow ``(B, 2, H, W)`` and vessel ``(B, H, W)``."""
        crop, count = self._window(generator)
        chosen = torch.randint(len(self._pool), (count,), generator=generator).tolist()
        parts = [self._one(step, index, crop, generator) for index in chosen]
        pictures, flow, vessel = (
            torch.stack(part) for part in zip(*parts, strict=True)
        )
        strength = self._settings.jitter
        pictures = jitter(pictures, generator, strength)
        apart = pictures.flatten(0, 1)[:, None]
        apart = jitter(apart, generator, strength * SECOND_JITTER)
        return apart.view_as(pictures), flow, vessel

    def _window(self, generator: torch.Generator) -> tuple[int, int]:
        """Draw the side of windows; return it with the number of pairs in the batch."""
        crops = self._settings.crops
        if len(crops) == 1:
            return crops[0], self.batch_size
        crop = crops[int(torch.randint(len(crops), (), generator=generator))]
        return crop, max(1, round(self.batch_size * (crops[0] / crop) ** 2))

    def _one(
        self, step: int, index: int, crop: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        pictures, flow, vessel = self._pool.pair(step, index)
        down, right = self._shift(generator)
        side = pictures.shape[-1]
        # windows without vessel have little information: draw two, take the one with
        # more
        drawn = [_windows(side, crop, (down, right), generator) for _ in range(2)]
        first, second = max(drawn, key=lambda pair: int(vessel[pair[0]].sum()))
        pictures = torch.stack(
            (pictures[0][first].float(), pictures[1][second].float())
        )
        vessel = vessel[first]
        flow = flow[(slice(None), *first)].float()
        flow = flow - flow.new_tensor([right, down])[:, None, None]
        quarters, mirrored = torch.randint(4, (2,), generator=generator).tolist()
        if mirrored % 2:
            pictures, vessel = mirror(pictures), mirror(vessel)
            flow = mirror_flow(flow)
        return (
            turn(pictures, quarters),
            turn_flow(flow, quarters),
            turn(vessel, quarters),
        )

    def _shift(self, generator: torch.Generator) -> tuple[int, int]:
        most = self._settings.shift
        down, right, chosen = torch.randint(
            3 * (2 * most + 1), (3,), generator=generator
        ).tolist()
        if chosen % 3:
            return 0, 0
        return down % (2 * most + 1) - most, right % (2 * most + 1) - most

    def preview(self) -> NDArray[np.uint8]:
        """Return predicted and true flow of a pair, as colours ``(H, 2W, 3)``."""
        truth = self._held_out.flow[0].float().numpy()
        found = predict(self.model, self._held_out.pictures[:1])[0].numpy()
        largest = float(np.linalg.norm(truth, axis=0).max()) or None
        both = np.concatenate((found, truth), axis=-1)
        colours: NDArray[np.uint8] = flow_to_rgb(both, largest)
        return colours


def _windows(
    side: int, crop: int, shift: tuple[int, int], generator: torch.Generator
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Draw a window of each picture of a pair; the second is moved by `shift`."""
    first, second = [], []
    for moved in shift:
        room = side - crop - abs(moved) + 1
        at = int(torch.randint(room, (), generator=generator)) + max(0, -moved)
        first.append(slice(at, at + crop))
        second.append(slice(at + moved, at + moved + crop))
    return (first[0], first[1]), (second[0], second[1])


def predict(model: FlowNet, pictures: Tensor) -> Tensor:
    """Return the flow ``(N, 2, H, W)`` in px of pairs ``(N, 2, H, W)``, on the CPU."""
    device = next(model.parameters()).device
    with eval_mode(model), torch.inference_mode():
        pairs = (pair[None].float().to(device).split(1, dim=1) for pair in pictures)
        return torch.cat([model(*pair).float().cpu() for pair in pairs])


def end_point_errors(model: FlowNet, pairs: Pairs) -> dict[str, float]:
    """Return mean end-point errors in px: all pixels, vessels, and of zero flow."""
    truth = pairs.flow.float()
    error = torch.linalg.vector_norm(predict(model, pairs.pictures) - truth, dim=1)
    length = torch.linalg.vector_norm(truth, dim=1)
    vessel = pairs.vessel
    measures = {
        "epe_all": error,
        "epe_vessel": error[vessel],
        "zero_flow_all": length,
        "zero_flow_vessel": length[vessel],
    }
    return {name: float(m.mean()) for name, m in measures.items() if m.numel()}
