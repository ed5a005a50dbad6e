"""Define the task of quick fine-tuning: train the last levels on known features."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.class_scores import class_probabilities
from napari_motionseg.models.devices import is_out_of_memory
from napari_motionseg.models.precision import autocast
from napari_motionseg.segmentation.dataset import LabelledFrame, draw_batch
from napari_motionseg.segmentation.decoder_features import (
    DecoderFeatures,
    FrozenLevels,
    joined,
    logits_of,
    trained_levels,
)
from napari_motionseg.segmentation.finetune_task import FinetuneTask, in_frame
from napari_motionseg.segmentation.losses import segmentation_loss
from napari_motionseg.segmentation.settings import FinetuneSettings
from napari_motionseg.training.engine.seeds import step_generator

MOST_BYTES = 2**29  # of all kept features; 64 windows of 256 px in float32
WINDOW_STREAM = 2**29  # larger than the number of steps, so that seeds differ


class QuickTask(FinetuneTask):
    """Train the last levels of a decoder on windows whose features are kept.

    The windows are drawn and augmented as in `FinetuneTask`, but there is a fixed
    number of them, and each is computed when it is first used. Batch norm keeps the
    statistics of the start: those of a few windows would differ from step to step, and
    would no longer fit the layers before.

    Parameters
    ----------
    model
        Segmentation network with a decoder, whose last levels are trained in place.
    frames
        Labelled frames that the windows are drawn from.
    settings
        Settings of windows and loss; `levels` must be a number.
    shown
        Picture ``(1, 1, H, W)`` in [0, 1] for previews.
    """

    def __init__(
        self,
        model: SegmentationNet,
        frames: Sequence[LabelledFrame],
        settings: FinetuneSettings,
        shown: Tensor,
    ) -> None:
        super().__init__(model, frames, settings, shown)
        levels = settings.levels or 1
        self._frozen = FrozenLevels(model.embedding, levels)
        self._count = settings.windows_for(len(frames))
        self._windows: dict[int, tuple[DecoderFeatures, Tensor]] = {}
        self._shown_features: DecoderFeatures | None = None
        model.requires_grad_(False)
        for part in trained_levels(model, levels):
            part.requires_grad_(True)

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch of windows that is drawn with `generator`."""
        self.model.eval()
        windows = [
            self._window(number, device) for number in self._numbers(step, generator)
        ]
        features = joined([features for features, _ in windows])
        target = torch.cat([target for _, target in windows])
        logits = logits_of(self.model, features)
        return segmentation_loss(logits, target, self._settings.loss), {}

    def _numbers(self, step: int, generator: torch.Generator) -> list[int]:
        """Return the windows of a step: new ones first, then any of them."""
        new = range(step * self.batch_size, (step + 1) * self.batch_size)
        if new.stop <= self._count:
            return list(new)
        drawn = torch.randperm(self._count, generator=generator)[: self.batch_size]
        return drawn.tolist()

    def _window(
        self, number: int, device: torch.device
    ) -> tuple[DecoderFeatures, Tensor]:
        """Return features and labels ``(1, h, w)`` of a window."""
        if number not in self._windows:
            settings = self._settings
            image, target = draw_batch(
                self._frames, 1, self._crop, settings.augmentation,
                step_generator(settings.training.seed, WINDOW_STREAM, number),
            )  # fmt: skip
            made = self._frozen.features(image.to(device)), target.to(device)
            if made[0].bytes * len(self._windows) > MOST_BYTES:
                return made  # computed anew when it is next drawn
            self._windows[number] = made
        return self._windows[number]

    def preview(self) -> Any:
        """Return the foreground probability ``(H, W)`` float16 of the shown frame."""
        self.model.eval()
        device = next(self.model.parameters()).device
        try:
            with torch.no_grad(), autocast(device, self._settings.training.precision):
                if self._shown_features is None:
                    self._shown_features = self._frozen.features(self._shown.to(device))
                logits = logits_of(self.model, self._shown_features)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            with torch.no_grad():
                logits = copy.deepcopy(self.model).cpu()(self._shown)
        return in_frame(1 - class_probabilities(logits)[:, :1], self._size)

    def crop_smaller(self) -> str:
        """Halve the windows of the training; return "" if they are small already."""
        self._windows.clear()
        return super().crop_smaller()

    def start_anew(self) -> None:
        """Restore the original sizes of batches and windows, for another device."""
        self._windows.clear()
        self._shown_features = None
        super().start_anew()
