"""Build the dataset of fine-tuning: labelled frames, decoded once and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError
from napari_motionseg.io.labels import Labels
from napari_motionseg.models import UNetConfig
from napari_motionseg.models.resizing import resized, size_of
from napari_motionseg.models.working_size import (
    labels_at,
    to_working_size,
    working_size,
)
from napari_motionseg.segmentation.augmentation import AugmentSettings, augment
from napari_motionseg.segmentation.labelled_classes import (
    LabelledLoop,
    require_all_classes,
)

CROP_MULTIPLE = 16  # a U-Net halves its input four times


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """A labelled frame of the dataset.

    Parameters
    ----------
    image
        Picture ``(1, 1, H, W)`` float32 in [0, 1].
    target
        Labels ``(1, H, W)`` int16, -1 for unlabelled.
    foreground
        Row and column ``(N, 2)`` of the pixels of all classes except the background.
    weight
        Probability ``(1, H, W)`` with which the label of a pixel takes part in a batch,
        so that the loss needs no weights. None is 1 for all.
    """

    image: Tensor
    target: Tensor
    foreground: Tensor
    weight: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return size_of(self.image)

    def at_working_size(self, config: UNetConfig) -> LabelledFrame:
        """Return the frame at the size that suits a network; see `working_size`."""
        size = working_size(self.size, config)
        if size == self.size:
            return self
        target, weight = labels_at(self.target, size), self.weight
        if weight is not None:
            weight = resized(weight[None], size, averaged=True)[0]
        image = to_working_size(self.image, config)
        return LabelledFrame(image, target, (target[0] > 0).nonzero(), weight)

    def believed(self, generator: torch.Generator) -> Tensor:
        """Return the labels of a batch: weak labels are drawn by their weight."""
        if self.weight is None:
            return self.target
        drawn = torch.rand(self.weight.shape, generator=generator) < self.weight
        return torch.where(drawn, self.target, torch.full_like(self.target, -1))


def gather_frames(examples: Sequence[LabelledLoop]) -> list[LabelledFrame]:
    """Decode the labelled frames of all loops; damaged frames are left out.

    Raises
    ------
    LabelError
        If there is no example, labels do not fit their loop, or every labelled frame is
        damaged.
    """
    if not examples:
        raise LabelError("there is no labelled loop; give at least one with labels")
    for cine, labels in examples:
        try:
            labels.require_shape(cine.shape)
        except LabelError as error:
            raise LabelError(f"{cine.name}: {error}") from error
    found = [
        _frame(cine, labels, t)
        for cine, labels in examples
        for t in labels.frames
        if cine.frames.usable(t)
    ]
    if not found and any(labels.frames for _, labels in examples):
        name = examples[0][0].name
        raise LabelError(
            f"{name}: every labelled frame is damaged; label a frame that can be "
            "decoded"
        )
    return found


def _frame(cine: Cine, labels: Labels, t: int) -> LabelledFrame:
    target = torch.from_numpy(labels.target(t))
    image = torch.from_numpy(cine.normalized(t))
    return LabelledFrame(image[None, None], target[None], (target > 0).nonzero())


def count_pixels(frames: Sequence[LabelledFrame], classes: int) -> list[int]:
    """Return the number of labelled pixels of each class.

    Raises
    ------
    LabelError
        If a class has none, because a network would then learn a constant answer.
    """
    counts = torch.zeros(classes, dtype=torch.long)
    for frame in frames:
        known = frame.target[frame.target >= 0].long()
        counts += torch.bincount(known, minlength=classes)
    require_all_classes(counts.tolist())
    return counts.tolist()


def describe_dataset(examples: Sequence[LabelledLoop]) -> list[dict[str, Any]]:
    """Describe the dataset for the model card: hashes of the pixels, without names."""
    return [
        {
            "content_hash": cine.content_hash(),
            "shape": list(cine.shape),
            "labelled_frames": [t for t in labels.frames if cine.frames.usable(t)],
            "label_mode": labels.mode,
        }
        for cine, labels in examples
    ]


def draw_batch(
    frames: Sequence[LabelledFrame],
    batch: int,
    crop: int | None,
    settings: AugmentSettings,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Draw pictures at random, and augment them.

    Parameters
    ----------
    frames
        Labelled frames, drawn without replacement if there are enough. They may differ
        in size; without `crop`, all frames of a batch have the same size.
    batch
        Number of pictures.
    crop
        Side of the windows in pixels, less if a frame is smaller; None uses whole
        frames. Every second window is centred near a foreground pixel, because vessels
        fill only a few percent of a frame.
    settings, generator
        Ranges of the changes, and generator of the random numbers; see `augment`.

    Returns
    -------
    image, target
        Pictures ``(B, 1, h, w)`` float32, and labels ``(B, h, w)`` int16.
    """
    first = frames[_integer(len(frames), generator)]
    if crop is None:
        frames = [f for f in frames if f.size == first.size]
        size = first.size
    else:
        least = [min(f.size[axis] for f in frames) for axis in (0, 1)]
        size = (_side(crop, least[0]), _side(crop, least[1]))
    if batch > len(frames):
        chosen = [_integer(len(frames), generator) for _ in range(batch)]
    else:
        chosen = torch.randperm(len(frames), generator=generator)[:batch].tolist()
    pairs = [
        augment(
            frame.image, frame.believed(generator), settings, generator,
            size=size, centers=_center(frame, size, generator),
        )
        for frame in (frames[i] for i in chosen)
    ]  # fmt: skip
    images, targets = zip(*pairs, strict=True)
    return torch.cat(images), torch.cat(targets)


def _side(crop: int, available: int) -> int:
    """Return the side of the crop: at most what is available."""
    if available >= crop:
        return crop
    return max(available - available % CROP_MULTIPLE, min(available, CROP_MULTIPLE))


def _center(
    frame: LabelledFrame, size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """Draw the centre of a window that lies inside the frame."""
    half = torch.tensor(size, dtype=torch.float64) / 2
    extent = torch.tensor(frame.size, dtype=torch.float64)
    low, high = half - 0.5, extent - half - 0.5
    center = low + torch.rand(2, generator=generator, dtype=torch.float64) * (
        high - low
    )
    near_foreground = _integer(2, generator) == 1
    if near_foreground and len(frame.foreground):
        pixel = frame.foreground[_integer(len(frame.foreground), generator)]
        center = pixel + (torch.rand(2, generator=generator) - 0.5) * half
    # on pixel centres, so that a crop without augmentation is not resampled
    center = low + (torch.maximum(low, torch.minimum(center, high)) - low).round()
    return center[None]


def _integer(below: int, generator: torch.Generator) -> int:
    return int(torch.randint(below, (), generator=generator))
