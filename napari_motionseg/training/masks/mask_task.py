"""Define the task of mask training: windows of frames, and the loss on them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.models.working_size import at_working_size
from napari_motionseg.synthesis import Stills
from napari_motionseg.synthesis.camera import photograph
from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.synthetic_training import drawn_window
from napari_motionseg.training.engine.throughput import DataClock
from napari_motionseg.training.engine.transforms import Pose, jitter
from napari_motionseg.training.masks.class_loss import class_loss
from napari_motionseg.training.masks.settings import MaskTrainingSettings
from napari_motionseg.training.masks.teacher import Teacher

WINDOWS = 3  # windows drawn for each picture; the one with more vessel is taken


class MaskTask:
    """Train on windows of synthetic frames with cross entropy plus Dice.

    Parameters
    ----------
    model
        Segmentation network of background, vessel and catheter, trained in place.
    pool
        Pool that frames are drawn from.
    held_out
        Frames for previews, never trained on.
    settings
        Settings of the windows and the camera.
    teacher
        Network that says in part what the vessels are; None learns the exact masks.
    """

    def __init__(
        self,
        model: SegmentationNet,
        pool: ExamplePool[Stills],
        held_out: Stills,
        settings: MaskTrainingSettings,
        teacher: Teacher | None = None,
    ) -> None:
        self.model = model
        self._teacher = teacher
        self.batch_size = settings.batch
        self.data_clock = DataClock()
        self._pool = pool
        self._held_out = held_out
        self._settings = settings

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss.

        ``"dice"`` and ``"catheter_dice"`` are those of the batch, where the likeliest
        class of each pixel is taken.
        """
        with self.data_clock:
            pictures, masks = (part.to(device) for part in self.batch(step, generator))
        learnt = (
            masks if self._teacher is None else self._teacher.masks(pictures, masks)
        )
        # training at one size makes the mean over octaves better on real loops:
        # embedding.md
        logits = self.model.head(self.model.embedding.at_one_size(pictures))
        with torch.no_grad():
            best = logits.argmax(dim=1)
            names = ("dice", "catheter_dice")
            scores = {
                name: dice(best == number, masks[:, number - 1] > 0.5)
                for number, name in enumerate(names, start=1)
            }
        weights = (1.0, self._settings.catheter_weight)
        return class_loss(logits, learnt, weights), scores

    def batch(self, step: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return pictures ``(B, 1, h, w)`` and masks ``(B, 2, h, w)`` in [0, 1].

        The masks are those of vessels and of catheters.
        """
        shape = (self.batch_size,)
        chosen = torch.randint(len(self._pool), shape, generator=generator).tolist()
        parts = [self._one(step, index, generator) for index in chosen]
        pictures, masks = (torch.stack(part) for part in zip(*parts, strict=True))
        if self._settings.camera is not None:
            how = self._settings.camera
            taken, masks = photograph(pictures[:, 0], masks, how, generator)
            return taken[:, None], masks
        return jitter(pictures, generator, self._settings.jitter), masks

    def photographed(self, stills: Stills, seed: int) -> list[NDArray[np.float32]]:
        """Return whole frames ``(H, W)`` as the simulated camera stores them.

        Parameters
        ----------
        stills
            The frames.
        seed
            Seed of the conditions of the pictures.
        """
        pictures, camera = stills.pictures.float(), self._settings.camera
        if camera is not None:
            generator = torch.Generator().manual_seed(seed)
            masks = torch.stack((stills.masks, stills.catheters), dim=1).float()
            pictures, _ = photograph(pictures, masks, camera, generator)
        return list(pictures.cpu().numpy())

    def _one(
        self, step: int, index: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        stills, place = self._pool.at(step, index)
        layers = torch.stack([part[place].float() for part in stills])
        crop, zoom = self._settings.crop, self._settings.zoom
        rows, columns = drawn_window(layers[1], crop, zoom, WINDOWS, generator)
        window = layers[:, rows, columns]
        quarters, mirrored = torch.randint(4, (2,), generator=generator).tolist()
        resized = Pose((crop, crop), bool(mirrored % 2), quarters).picture(window)
        return resized[:1], resized[1:]

    def preview(self) -> NDArray[np.uint8]:
        """Return a held-out frame beside its vessel probability ``(H, 2W)``, uint8."""
        frame = self._held_out.pictures[:1]
        vessel = probabilities(self.model, frame)[0, 1]
        both = torch.cat((frame[0].float(), vessel), dim=1)
        picture: NDArray[np.uint8] = (both * 255).round().to(torch.uint8).numpy()
        return picture


def probabilities(model: SegmentationNet, pictures: Tensor) -> Tensor:
    """Return the probabilities ``(N, classes, H, W)`` on the CPU, frame by frame."""
    device, config = next(model.parameters()).device, model.embedding.config
    with eval_mode(model), torch.inference_mode():
        found = [
            at_working_size(
                model.probabilities, config, picture[None, None].float().to(device)
            )[0]
            for picture in pictures
        ]
    return torch.stack(found).float().cpu()
