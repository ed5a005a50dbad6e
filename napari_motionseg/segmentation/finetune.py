"""Fine-tuning: add the last layer to an embedding and train both on a few labels.

As in Ma et al. (2019), 4.3 and 4.4: binary cross entropy, Adam at a fixed rate of
0.001, flips, rotations, scalings and shears, the same for a pretrained start and for
scratch. `FinetuneSettings()` is the paper's recipe, `FinetuneSettings.tuned()` the one
that trials on real loops bore out.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from napari_motionseg.errors import CheckpointError, SettingsError
from napari_motionseg.jobs import Job, run
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNet,
    UNetConfig,
    checkpoint_path,
    load_model,
    save_model,
)
from napari_motionseg.segmentation.augment import AugmentSettings
from napari_motionseg.segmentation.examples import (
    CROP_MULTIPLE,
    Example,
    LabelledFrame,
    count_pixels,
    describe_examples,
    draw_batch,
    gather_frames,
)
from napari_motionseg.segmentation.losses import LossName, segmentation_loss
from napari_motionseg.training.loop import TrainingSettings, train_job
from napari_motionseg.training.settings import positive

Recipe = Literal["tuned", "paper"]
SCRATCH = "scratch"
TUNED_KNOWN_RATE = 0.2


@dataclass(frozen=True)
class FinetuneSettings:
    """How to fine-tune; the defaults are the paper's.

    Parameters
    ----------
    steps
        Optimizer steps: the paper's 200 epochs, where an epoch of the few labelled
        frames is one batch.
    loss
        ``"bce"`` (cross entropy where there are more than two classes) or
        ``"bce+dice"``.
    batch
        Pictures a step; the paper's limit is 3.
    crop
        Side in pixels, a multiple of 16, of the random windows that are trained on;
        whole frames if None.
    augmentation
        Random changes of the pictures.
    network
        The network of a scratch start; a checkpoint brings its own.
    known_rate
        Factor on the learning rate where the start segments already: few labels shall
        correct what it knows, not replace it.
    training
        Learning rate, schedule, precision, device, seed. Its `steps` are not used.

    Raises
    ------
    SettingsError
        If a value is none of the above.
    """

    steps: int = 200
    loss: LossName = "bce"
    batch: int = 3
    crop: int | None = None
    augmentation: AugmentSettings = field(default_factory=AugmentSettings)
    network: UNetConfig = field(default_factory=UNetConfig)
    known_rate: float = 1.0
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(steps=200)
    )

    def __post_init__(self) -> None:
        if self.loss not in get_args(LossName):
            raise SettingsError(f"loss must be 'bce' or 'bce+dice', not {self.loss!r}")
        positive(self, "known_rate")
        for name in ("steps", "batch"):
            if getattr(self, name) < 1:
                raise SettingsError(
                    f"{name} must be at least 1; got {getattr(self, name)}"
                )
        if self.crop is not None and (self.crop < 1 or self.crop % CROP_MULTIPLE):
            raise SettingsError(
                f"crop must be a multiple of {CROP_MULTIPLE} pixels, or None for "
                f"whole frames; got {self.crop}"
            )

    @classmethod
    def tuned(cls) -> FinetuneSettings:
        """Return the recipe that trials on real loops bore out."""
        return cls(
            steps=250,
            loss="bce+dice",
            batch=2,
            crop=256,
            network=UNetConfig(flat_field=True),
            known_rate=TUNED_KNOWN_RATE,
            training=TrainingSettings(steps=250, schedule="cosine"),
        )

    @classmethod
    def recipe(cls, name: Recipe) -> FinetuneSettings:
        """Return the settings called ``"tuned"`` or ``"paper"``."""
        recipes: dict[str, Callable[[], FinetuneSettings]] = {
            "tuned": cls.tuned,
            "paper": cls,
        }
        if name not in recipes:
            raise SettingsError(f"recipe must be 'tuned' or 'paper', not {name!r}")
        return recipes[name]()


class FinetuneTask:
    """What the training loop is given: batches of labelled pictures and their loss."""

    def __init__(
        self,
        model: SegmentationNet,
        frames: Sequence[LabelledFrame],
        settings: FinetuneSettings,
    ) -> None:
        self.model = model
        self._frames = frames
        self._settings = settings

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch that `generator` draws."""
        settings = self._settings
        images, targets = draw_batch(
            self._frames,
            settings.batch,
            settings.crop,
            settings.augmentation,
            generator,
        )
        logits = self.model(images.to(device))
        return segmentation_loss(logits, targets.to(device), settings.loss), {}

    def preview(self) -> Any:
        """Return the foreground probability ``(H, W)`` float16 of a labelled frame."""
        device = next(self.model.parameters()).device
        training = self.model.training
        self.model.eval()
        try:
            with torch.inference_mode():
                image = self._frames[0].image.to(device)
                foreground = 1 - self.model.probabilities(image)[0, 0]
        finally:
            self.model.train(training)
        return foreground.cpu().to(torch.float16).numpy()


def finetune_job(
    examples: Sequence[Example],
    settings: FinetuneSettings,
    *,
    start: str | Path | None,
    out: str | Path,
) -> Job[Path]:
    """Train a segmentation network on a few labelled frames.

    Parameters
    ----------
    examples
        Loops with their labels; they may differ in size. Only labelled frames are
        decoded.
    settings
        See `FinetuneSettings`.
    start
        An ``"embedding"`` checkpoint, a ``"segmentation"`` checkpoint to continue,
        ``"default"`` for what ships, or ``"scratch"`` (also None).
    out
        The checkpoint to write.

    Yields
    ------
    Progress
        With ``metrics["loss"]``; `preview` is the foreground probability ``(H, W)``
        float16 of the first labelled frame, every `training.preview_every` steps.

    Returns
    -------
    Path
        `out`. After `STOP` it holds what was learnt so far; after a cancel it is not
        written.

    Raises
    ------
    LabelError
        If labels do not fit their loop, or a class has no pixel.
    CheckpointError
        If `start` is no checkpoint to start from, or knows fewer classes.
    """
    out = Path(out)
    frames = gather_frames(examples)
    classes = max(labels.classes for _, labels in examples)
    counts = count_pixels(frames, classes)
    training = dataclasses.replace(settings.training, steps=settings.steps)
    model, origin = starting_network(start, classes, settings.network, training.seed)
    if origin["kind"] == "segmentation":
        rate = training.learning_rate * settings.known_rate
        training = dataclasses.replace(training, learning_rate=rate)
    task = FinetuneTask(model, frames, settings)
    record = yield from train_job(task, training)
    card = ModelCard(
        kind="segmentation",
        architecture="SegmentationNet",
        configuration={
            **dataclasses.asdict(model.embedding.config),
            "classes": model.classes,
        },
        provenance={
            "examples": describe_examples(examples),
            "labelled_pixels": counts,
            "settings": dataclasses.asdict(settings),
            "start": origin,
            "training": record.provenance,
            "steps_done": record.steps_done,
            "stopped": record.stopped,
        },
    )
    save_model(out, model, card)
    return out


def finetune(
    examples: Sequence[Example],
    settings: FinetuneSettings | None = None,
    *,
    start: str | Path | None = SCRATCH,
    out: str | Path,
) -> Path:
    """Run `finetune_job` to its end; the settings are `FinetuneSettings.tuned()`."""
    settings = settings or FinetuneSettings.tuned()
    return run(finetune_job(examples, settings, start=start, out=out))


def starting_network(
    start: str | Path | None, classes: int, network: UNetConfig, seed: int
) -> tuple[SegmentationNet, dict[str, Any]]:
    """Return the network to train and where it comes from.

    Parameters
    ----------
    start
        See `finetune_job`.
    classes
        Classes that are labelled, with the background.
    network
        What to build from scratch.
    seed
        Of the weights that no checkpoint brings.

    Raises
    ------
    CheckpointError
        If the checkpoint is of another kind or knows fewer classes.
    """
    with torch.random.fork_rng(devices=[]):
        # the layers' own initialisation knows no generator
        torch.manual_seed(seed)
        if start is None or start == SCRATCH:
            return SegmentationNet(network, classes), {"kind": SCRATCH}
        model, card = load_model(start, kind=("embedding", "segmentation"))
        digest = hashlib.sha256(checkpoint_path(start).read_bytes()).hexdigest()
        origin = {"kind": card.kind, "sha256": digest}
        if isinstance(model, UNet):
            whole = SegmentationNet(model.config, classes)
            whole.embedding = model
            return whole, origin
    if not isinstance(model, SegmentationNet):
        raise CheckpointError(
            f"{start}: holds a {type(model).__name__}, from which no segmentation can "
            "start; give an embedding or segmentation checkpoint, or 'scratch'"
        )
    if model.classes < classes:
        raise CheckpointError(
            f"{start}: knows {model.classes} classes with the background, the labels "
            f"have {classes}; start from an embedding or from scratch"
        )
    return model, origin
