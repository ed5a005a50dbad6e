"""Define the task of mask training: windows of frames, and the loss on them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.synthesis import Stills
from napari_motionseg.synthesis.camera import photograph
from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.transforms import jitter, mirror, turn
from napari_motionseg.training.flow.layered_loss import shape_loss
from napari_motionseg.training.masks.settings import MaskTrainingSettings

WINDOWS = 2  # windows drawn for each picture; the one with more vessel is taken


class MaskTask:
    """Train on windows of synthetic frames with cross entropy plus Dice.

    Parameters
    ----------
    model
        Segmentation network, trained in place.
    pool
        Pool that frames are drawn from.
    held_out
        Frames for previews, never trained on.
    settings
        Settings of the windows and the camera.
    """

    def __init__(
        self,
        model: SegmentationNet,
        pool: ExamplePool[Stills],
        held_out: Stills,
        settings: MaskTrainingSettings,
    ) -> None:
        self.model = model
        self.batch_size = settings.batch
        self._pool = pool
        self._held_out = held_out
        self._settings = settings

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss.

        ``"dice"`` is that of the batch at a threshold of one half.
        """
        pictures, masks = (part.to(device) for part in self.batch(step, generator))
        # training at one size makes the mean over octaves better on real loops:
        # embedding.md
        logits = self.model.head(self.model.embedding.at_one_size(pictures))[:, 0]
        with torch.no_grad():
            score = dice(logits > 0, masks > 0.5)
        return shape_loss(logits, masks), {"dice": score}

    def batch(self, step: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return pictures ``(B, 1, h, w)`` and masks ``(B, h, w)`` in [0, 1]."""
        shape = (self.batch_size,)
        chosen = torch.randint(len(self._pool), shape, generator=generator).tolist()
        parts = [self._one(step, index, generator) for index in chosen]
        pictures, masks = (torch.stack(part) for part in zip(*parts, strict=True))
        if self._settings.camera is not None:
            how = self._settings.camera
            taken, masks = photograph(pictures[:, 0], masks, how, generator)
            return taken[:, None], masks
        return jitter(pictures, generator, self._settings.jitter), masks

    def _one(
        self, step: int, index: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        stills, place = self._pool.at(step, index)
        both = torch.stack(
            (stills.pictures[place].float(), stills.masks[place].float())
        )
        low, high = self._settings.zoom
        zoom = low + (high - low) * float(torch.rand((), generator=generator))
        side = round(self._settings.crop * zoom)
        windows = [self._window(both, side, generator) for _ in range(WINDOWS)]
        window = max(windows, key=lambda window: float(window[1].sum()))
        quarters, mirrored = torch.randint(4, (2,), generator=generator).tolist()
        window = turn(mirror(window) if mirrored % 2 else window, quarters)
        crop = self._settings.crop
        resized = functional.interpolate(
            window[None], (crop, crop), mode="bilinear", antialias=True
        )[0]
        return resized[:1], resized[1]

    @staticmethod
    def _window(both: Tensor, side: int, generator: torch.Generator) -> Tensor:
        room = both.shape[-1] - side + 1
        row, column = torch.randint(room, (2,), generator=generator).tolist()
        return both[:, row : row + side, column : column + side]

    def preview(self) -> NDArray[np.uint8]:
        """Return a held-out frame beside its probability ``(H, 2W)``, uint8."""
        frame = self._held_out.pictures[:1]
        both = torch.cat((frame[0].float(), probabilities(self.model, frame)[0]), dim=1)
        picture: NDArray[np.uint8] = (both * 255).round().to(torch.uint8).numpy()
        return picture


def probabilities(model: SegmentationNet, pictures: Tensor) -> Tensor:
    """Return the probability of vessel ``(N, H, W)`` on the CPU, frame by frame."""
    device = next(model.parameters()).device
    with eval_mode(model), torch.inference_mode():
        found = [
            model.probabilities(picture[None, None].float().to(device))[0, 1]
            for picture in pictures
        ]
    return torch.stack(found).float().cpu()
