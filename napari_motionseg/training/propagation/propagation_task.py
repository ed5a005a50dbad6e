"""Define the task of propagation training: pictures, motions, and the loss on them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.flow_bins import expected_flow
from napari_motionseg.models.propagation_models import PropagationModel
from napari_motionseg.objectives.guidance import sparse_motion
from napari_motionseg.synthesis.camera import photograph
from napari_motionseg.synthesis.part_stills import PartStills
from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.synthetic_training import drawn_window
from napari_motionseg.training.engine.throughput import DataClock
from napari_motionseg.training.engine.transforms import Pose
from napari_motionseg.training.propagation.bin_loss import bin_loss
from napari_motionseg.training.propagation.part_motion import Guided, PartMotions
from napari_motionseg.training.propagation.settings import PropagationTrainingSettings

WINDOWS = 2  # windows drawn for each picture; the one with more parts is taken
PART_WEIGHT, NEAR_WEIGHT = 8.0, 3.0  # chance of a pixel in the loss; background: 1
NEAR_PX = 9
LEAST_SPEED = 1.0  # px: slower motions count as if they had this speed


class Batch(NamedTuple):
    """Pictures with several motions each.

    Parameters
    ----------
    pictures
        Pictures ``(B, 1, h, w)`` in [0, 1].
    sparse
        Guidance ``(B K, 3, h, w)`` of K motions of each picture.
    flow
        Flow ``(B K, 2, h, w)`` in px.
    weight
        Weight ``(B K, h w)`` of each pixel for being in the loss.
    clicked
        Whether each guidance is that of clicks, ``(B K,)`` bool.
    """

    pictures: Tensor
    sparse: Tensor
    flow: Tensor
    weight: Tensor
    clicked: Tensor


class PropagationTask:
    """Train on synthetic frames whose parts move as drawn.

    Parameters
    ----------
    model
        Propagation network, trained in place.
    pool
        Pool that frames are drawn from.
    held_out
        Frames for previews, never trained on.
    settings
        Settings of pictures, motions and camera.
    """

    def __init__(
        self,
        model: PropagationModel,
        pool: ExamplePool[PartStills],
        held_out: PartStills,
        settings: PropagationTrainingSettings,
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
        """Return the loss; ``"error_px"`` is the mean end-point error of its pixels."""
        with self.data_clock:
            batch = Batch(*(part.to(device) for part in self.batch(step, generator)))
        chosen = torch.multinomial(batch.weight.cpu(), self._pixels(batch), False,
                                   generator=generator).to(device)  # fmt: skip
        model, limit = self.model, self.model.limit
        encoded = model.encode(batch.pictures)
        logits = model.propagate(
            encoded,  # type: ignore[arg-type]
            batch.sparse,
            chosen,
            batch.clicked,
        )
        index = chosen[:, None].expand(-1, 2, -1)
        flow = batch.flow.flatten(2).gather(2, index)
        loss = bin_loss(logits, flow, limit, shared=self._settings.labels == "shared")
        found = expected_flow(logits, limit)
        if self._settings.squared:
            fastest = flow.norm(dim=1).amax(dim=1).clamp(min=LEAST_SPEED)
            share = (found - flow) / fastest[:, None, None]
            loss = loss + self._settings.squared * share.square().sum(dim=1).mean()
        error = torch.linalg.vector_norm(found.detach() - flow, dim=1).mean()
        return loss, {"error_px": float(error)}

    def _pixels(self, batch: Batch) -> int:
        return min(self._settings.pixels, batch.weight.shape[1])

    def batch(self, step: int, generator: torch.Generator) -> Batch:
        """Return the pictures and motions of a step."""
        shape = (self.batch_size,)
        chosen = torch.randint(len(self._pool), shape, generator=generator).tolist()
        return self._joined(
            [self.example(*self._pool.at(step, i), generator) for i in chosen]
        )

    @staticmethod
    def _joined(examples: list[Batch]) -> Batch:
        return Batch(*(torch.cat(column) for column in zip(*examples, strict=True)))

    def example(
        self, stills: PartStills, place: int, generator: torch.Generator
    ) -> Batch:
        """Return one picture and its motions.

        Parameters
        ----------
        stills
            Frames with numbered parts.
        place
            Index of the frame.
        generator
            Generator of the random numbers, on the CPU.
        """
        settings = self._settings
        picture, numbers, flow = self._window(stills, place, generator)
        covered = torch.zeros_like(picture)
        vessel = (numbers[0] > 0).float()
        masks = torch.stack((vessel, covered, torch.ones_like(picture)))
        taken, seen = photograph(picture[None], masks[None], settings.camera, generator)
        parts, groups = _with_drawn_devices(numbers, seen[0, 1])
        opened = seen[0, 2] > 0
        motions = PartMotions(parts, groups, flow, self.model.limit, generator, opened)
        drawn = [self._motion(motions, generator) for _ in range(settings.motions)]
        flows = torch.stack([one.flow for one in drawn])
        guided = torch.stack([one.guided for one in drawn])
        part = (parts * opened > 0)[None, None].float()
        near = functional.max_pool2d(part, NEAR_PX, 1, NEAR_PX // 2)
        weight = 1 + (PART_WEIGHT - NEAR_WEIGHT) * part + (NEAR_WEIGHT - 1) * near
        weights = weight.flatten(1).expand(len(drawn), -1)
        clicked = torch.tensor([one.clicked for one in drawn])
        sparse = sparse_motion(flows, guided)
        return Batch(taken[:, None], sparse, flows, weights, clicked)

    def _motion(self, motions: PartMotions, generator: torch.Generator) -> Guided:
        drawn = float(torch.rand((), generator=generator))
        if drawn < self._settings.click_share:
            return motions.clicks()
        if drawn < self._settings.click_share + self._settings.scene_share:
            return motions.scene()
        return motions.all_parts()

    def _window(
        self, stills: PartStills, place: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return picture ``(h, w)``, numbers ``(2, h, w)``, flow ``(2, h, w)``."""
        crop, zoom = self._settings.crop, self._settings.zoom
        seen = stills.parts[place] > 0
        window = drawn_window(seen, crop, zoom, WINDOWS, generator)
        picture = stills.pictures[place][window].float()[None]
        numbers = torch.stack((stills.parts[place], stills.groups[place]))
        numbers, flow = numbers[:, *window], stills.flow[place][:, *window].float()
        quarters, mirrored = torch.randint(4, (2,), generator=generator).tolist()
        pose = Pose((crop, crop), bool(mirrored % 2), quarters)
        numbers = pose.picture(numbers.float(), mixed=False).long()
        flow = pose.flow(flow, mixed=False)
        return pose.picture(picture)[0].clamp(0, 1), numbers, flow

    def preview(self) -> NDArray[np.uint8]:
        """Return a held-out frame beside the speed from one click ``(H, 2W)``."""
        frame, parts = self._held_out.pictures[:1].float(), self._held_out.parts[0]
        sparse = torch.zeros((1, 3, *parts.shape))
        counts = torch.bincount(parts.flatten().long())
        counts[0] = 0
        rows, columns = (parts == int(counts.argmax())).nonzero(as_tuple=True)
        middle = len(rows) // 2
        limit = self.model.limit
        sparse[0, :, rows[middle], columns[middle]] = torch.tensor([limit / 2, 0, 1])
        device = next(self.model.parameters()).device
        with eval_mode(self.model), torch.inference_mode():
            encoded = self.model.encode(frame[None].to(device))
            clicked = torch.ones(1, dtype=torch.bool, device=device)
            logits = self.model.propagate(
                encoded,  # type: ignore[arg-type]
                sparse.to(device),
                clicked=clicked,
            )
            speed = expected_flow(logits, limit).norm(dim=1)[0].cpu() / (limit / 2)
        both = torch.cat((frame[0], speed.clamp(0, 1)), dim=1)
        picture: NDArray[np.uint8] = (both * 255).round().to(torch.uint8).numpy()
        return picture


def _with_drawn_devices(numbers: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Return part and group numbers with one more for what the camera has drawn."""
    device = (drawn > 0.5) & (numbers[0] == 0)
    parts = torch.where(device, int(numbers[0].max()) + 1, numbers[0])
    groups = torch.where(device, int(numbers[1].max()) + 1, numbers[1])
    return parts, groups
