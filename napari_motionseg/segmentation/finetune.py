"""Fine-tuning: add the last layer to an embedding and train both on a few labels.

As in Ma et al. (2019), 4.3 and 4.4: binary cross entropy, Adam at a fixed rate of
0.001, flips, rotations, scalings and shears, the same for a pretrained start and for
scratch. `FinetuneSettings()` is the paper's recipe, `FinetuneSettings.tuned()` the one
that trials on real loops bore out.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.errors import SettingsError, TrainingMemoryError
from napari_motionseg.jobs import STOP, Job, Signal, run
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    UNetConfig,
    resolve_device,
    save_model,
)
from napari_motionseg.models.devices import is_out_of_memory
from napari_motionseg.models.eval_mode import answering
from napari_motionseg.segmentation.augmentation import AugmentSettings
from napari_motionseg.segmentation.dataset import (
    CROP_MULTIPLE,
    Example,
    LabelledFrame,
    count_pixels,
    describe_examples,
    draw_batch,
    gather_frames,
)
from napari_motionseg.segmentation.early_stopping import Steadiness
from napari_motionseg.segmentation.flow_propagation import CarrySettings
from napari_motionseg.segmentation.initialization import (
    SCRATCH,
    Kept,
    copied,
    earned_share,
    earned_trust,
    keep_of_start,
    starting_network,
)
from napari_motionseg.segmentation.losses import LossName, segmentation_loss
from napari_motionseg.segmentation.pseudo_labels import with_own_answers
from napari_motionseg.segmentation.weak_labels import gather_carried
from napari_motionseg.training.engine.loop import (
    TrainingRecord,
    TrainingSettings,
    train_job,
)
from napari_motionseg.training.engine.settings import at_least

LEAST_CROP = 64  # px; smaller windows show too little of a vessel's surroundings
Recipe = Literal["tuned", "paper"]
TUNED_GROWTH = 0.4
TUNED_LOOK_EVERY = 20


@dataclass(frozen=True)
class FinetuneSettings:
    """How to fine-tune; the defaults are the paper's.

    Parameters
    ----------
    steps
        Optimizer steps for one labelled frame: the paper's 200 epochs, where an epoch
        of the few labelled frames is one batch.
    growth
        Power of the number of labelled frames with which steps grow; 0: never.
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
    kept
        Share of the start in the weights at the end where it segments already, 0 to 1,
        or ``"earned"``: the better its masks fit the labels, the more. See
        `earned_share` and `keep_of_start`.
    remember
        Whether a start that segments stands in for labels that are missing; see
        `with_own_answers`.
    look_every
        Steps between two looks at the mask of a frame; training ends when it no longer
        changes. 0: never early.
    carry
        How labels are carried along the flow to frames around theirs; None: not.
    training
        Learning rate, schedule, precision, device, seed. Its `steps` are not used.

    Raises
    ------
    SettingsError
        If a value is none of the above.
    """

    steps: int = 200
    growth: float = 0.0
    loss: LossName = "bce"
    batch: int = 3
    crop: int | None = None
    augmentation: AugmentSettings = field(default_factory=AugmentSettings)
    network: UNetConfig = field(default_factory=UNetConfig)
    kept: Kept = 0.0
    remember: bool = False
    look_every: int = 0
    carry: CarrySettings | None = None
    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(steps=200)
    )

    def __post_init__(self) -> None:
        if self.loss not in get_args(LossName):
            raise SettingsError(f"loss must be 'bce' or 'bce+dice', not {self.loss!r}")
        for name in ("look_every", "growth"):
            at_least(self, name, 0)
        number = isinstance(self.kept, int | float)
        if self.kept != "earned" and not (number and 0 <= float(self.kept) <= 1):
            raise SettingsError(f"kept must be 0 to 1 or 'earned'; got {self.kept!r}")
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

    def steps_for(self, frames: int) -> int:
        """Return the optimizer steps for so many labelled frames."""
        return round(self.steps * math.pow(frames, self.growth))

    def with_steps(self, steps: int) -> FinetuneSettings:
        """Return a copy that takes so many steps, however much is labelled."""
        return dataclasses.replace(self, steps=steps, growth=0.0)

    @classmethod
    def tuned(cls) -> FinetuneSettings:
        """Return the recipe that trials on real loops bore out."""
        return cls(
            steps=250,
            growth=TUNED_GROWTH,
            loss="bce+dice",
            batch=2,
            crop=256,
            network=UNetConfig(flat_field=True),
            kept="earned",
            remember=True,
            look_every=TUNED_LOOK_EVERY,
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
    """What the training loop is given: batches of labelled pictures and their loss.

    Parameters
    ----------
    model
        The network.
    frames
        What it learns from.
    settings
        See `FinetuneSettings`.
    shown
        ``(1, 1, H, W)``: the picture of which previews are.

    Attributes
    ----------
    batch_size
        Pictures a step, halved by the training loop where memory runs out; after that,
        windows are halved.
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
        self._shown = shown

    def loss(
        self, step: int, generator: torch.Generator, device: torch.device
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch that `generator` draws."""
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
        with answering(self.model):
            try:
                return _foreground(self.model, self._shown)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                return _foreground(copy.deepcopy(self.model).cpu(), self._shown)

    def crop_smaller(self) -> str:
        """Halve the windows that are trained on; "" where they are small already."""
        largest = max(side for frame in self._frames for side in frame.size)
        half = min(self._crop or largest, largest) // 2
        if half < LEAST_CROP:
            return ""
        self._crop = half - half % CROP_MULTIPLE
        return f"windows of {self._crop} pixels"

    def start_anew(self) -> None:
        """Take batches and windows as they were asked for, on another device."""
        self.batch_size, self._crop = self._settings.batch, self._settings.crop


def _foreground(model: SegmentationNet, image: Tensor) -> Any:
    """Return the foreground probability ``(H, W)`` float16 of an image."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        foreground = 1 - model.probabilities(image.to(device))[0, 0]
    return foreground.cpu().to(torch.float16).numpy()


def finetune_job(
    examples: Sequence[Example],
    settings: FinetuneSettings,
    *,
    start: str | Path | None,
    out: str | Path,
    shown: NDArray[np.float32] | None = None,
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
    shown
        ``(H, W)`` in [0, 1], as `Cine.normalized` gives it: the frame that previews are
        of; the first labelled one if None.

    Yields
    ------
    Progress
        With ``metrics["loss"]``; `preview` is the foreground probability ``(H, W)``
        float16 of the shown frame, every `training.preview_every` steps.

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
        If `start` is no checkpoint to start from.
    MotionError
        If labels shall be carried in a loop that no flow can be estimated of.
    """
    out = Path(out)
    frames = gather_frames(examples)
    classes = max(labels.classes for _, labels in examples)
    counts = count_pixels(frames, classes)
    training = dataclasses.replace(
        settings.training, steps=settings.steps_for(len(frames))
    )
    model, origin = starting_network(start, classes, settings.network, training.seed)
    if origin["kind"] == "segmentation":
        before = copied(model)
        earned = settings.kept == "earned"
        trust = earned_trust(model, frames) if earned or settings.remember else 0.0
        kept = earned_share(trust, frames) if earned else float(settings.kept)
        origin["kept"] = kept
        if settings.remember:
            frames = with_own_answers(model, frames, trust)
    if settings.carry is not None:
        frames += yield from gather_carried(examples, settings.carry, training.device)
    first = frames[0].image if shown is None else torch.from_numpy(shown)[None, None]
    task = FinetuneTask(model, frames, settings, first)
    record, steady = yield from _train_where_it_fits(
        task, training, settings.look_every
    )
    if origin["kind"] == "segmentation":
        keep_of_start(model, before, kept)
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
            "stopped": record.stopped and not steady,
            "steady": steady,
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


def _train_where_it_fits(
    task: FinetuneTask, training: TrainingSettings, every: int
) -> Job[tuple[TrainingRecord, bool]]:
    """Train; on the processor where another device has too little memory at all."""
    try:
        return (yield from _train_until_steady(task, training, every))
    except TrainingMemoryError:
        device = resolve_device(training.device)
        if device.type == "cpu":
            raise
    task.start_anew()
    training = dataclasses.replace(training, device="cpu")
    words = f"{device} has too little memory: training on the processor."
    return (yield from _train_until_steady(task, training, every, words))


def _train_until_steady(
    task: FinetuneTask, training: TrainingSettings, every: int, notice: str = ""
) -> Job[tuple[TrainingRecord, bool]]:
    """Train; return how it went, and whether it ended because the mask stood still."""
    watch, steady = Steadiness(), False
    job = train_job(task, training)
    signal: Signal | None = None
    try:
        progress = next(job)
        while True:
            if every and progress.step % every == 0:
                seen = task.preview() if progress.preview is None else progress.preview
                steady = watch.look(seen)
            if steady:
                words = "The mask no longer changes: done early"
                progress = dataclasses.replace(progress, message=words)
            if notice:
                words = " ".join(filter(None, (notice, progress.message)))
                progress, notice = dataclasses.replace(progress, message=words), ""
            signal = yield progress
            progress = job.send(STOP if steady else signal)
    except StopIteration as end:
        return end.value, steady
    finally:
        job.close()
