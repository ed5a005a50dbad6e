"""Define the task of fine-tuning: batches of labelled windows, and the loss."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from napari_motionseg.models import SegmentationNet
from napari_motionseg.models.devices import is_out_of_memory
from napari_motionseg.models.eval_mode import eval_mode
from napari_motionseg.models.resizing import Size, resized, size_of
from napari_motionseg.models.working_size import to_working_size
from napari_motionseg.segmentation.dataset import (
    CROP_MULTIPLE,
    LabelledFrame,
    draw_batch,
)
from napari_motionseg.segmentation.losses import segmentation_loss
from napari_motionseg.segmentation.settings import FinetuneSettings

LEAST_CROP = 64  # px; smaller windows show too little of a vessel's surroundings


class FinetuneTask:
    """Train on batches of labelled windows.

    Parameters
    ----------
    model
        Segmentation network, trained in place.
    frames
        Labelled frames that batches are drawn from.
    settings
        Settings of batches and loss.
    shown
        Picture ``(1, 1, H, W)`` in [0, 1] for previews.

    Attributes
    ----------
    batch_size
        Number of pictures in a step. The training loop halves it if memory runs out;
        after that, windows are halved.
    """

    def __init__(
        self,
        model: SegmentationNet,
        frames: Sequence[LabelledFrame],
        settings: FinetuneSettings,
        shown: Tensor,
    ) -> None:
        self.model = model
        self.batch_size, self._crop = settings.batch, settings.crop
        self._frames = frames
        self._settings = settings
        self._size = size_of(shown)
        self._shown = to_working_size(shown, model.embedding.config)

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch that is drawn with `generator`."""
        settings = self._settings
        images, targets = draw_batch(
            self._frames,
            self.batch_size,
            self._crop,
            settings.augmentation,
            generator,
        )
        logits = self.model(images.to(device))
        return segmentation_loss(logits, targets.to(device), settings.loss), {}

    def preview(self) -> Any:
        """Return the foreground probability ``(H, W)`` float16 of the shown frame."""
        with eval_mode(self.model):
            try:
                return _foreground(self.model, self._shown, self._size)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                model = copy.deepcopy(self.model).cpu()
                return _foreground(model, self._shown, self._size)

    def crop_smaller(self) -> str:
        """Halve the windows of the training; return "" if they are small already."""
        largest = max(side for frame in self._frames for side in frame.size)
        half = min(self._crop or largest, largest) // 2
        if half < LEAST_CROP:
            return ""
        self._crop = half - half % CROP_MULTIPLE
        return f"windows of {self._crop} pixels"

    def start_anew(self) -> None:
        """Restore the original sizes of batches and windows, for another device."""
        self.batch_size, self._crop = self._settings.batch, self._settings.crop


def _foreground(model: SegmentationNet, image: Tensor, size: Size) -> Any:
    """Return the foreground probability ``(H, W)`` float16, in the size of a frame."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        foreground = 1 - model.probabilities(image.to(device))[:, :1]
    return in_frame(foreground, size)


def in_frame(foreground: Tensor, size: Size) -> Any:
    """Return a probability ``(1, 1, H, W)`` as ``(H, W)`` float16 of a frame's size."""
    found = resized(foreground.float(), size, averaged=True)[0, 0]
    return found.cpu().to(torch.float16).numpy()
