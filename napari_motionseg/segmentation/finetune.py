"""Fine-tune an embedding with a new last layer on a few labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_motionseg.errors import TrainingMemoryError
from napari_motionseg.jobs import STOP, Job, Signal, run
from napari_motionseg.models import (
    ModelCard,
    SegmentationNet,
    resolve_device,
    save_model,
)
from napari_motionseg.models.folded_unet import folded
from napari_motionseg.models.precision import place
from napari_motionseg.models.weight_means import blend_with_start, copy_weights
from napari_motionseg.segmentation.dataset import (
    LabelledFrame,
    count_pixels,
    describe_dataset,
    gather_frames,
)
from napari_motionseg.segmentation.discriminant_head import fit_new_head
from napari_motionseg.segmentation.early_stopping import EarlyStopping
from napari_motionseg.segmentation.feature_whitening import (
    frames_between,
    whiten_features,
)
from napari_motionseg.segmentation.finetune_task import FinetuneTask
from napari_motionseg.segmentation.initialization import (
    SCRATCH,
    earned_share,
    fits,
    initial_network,
    relearn_foreign_classes,
    whole_agreement,
    whole_frames,
)
from napari_motionseg.segmentation.kept_catheters import kept_catheters
from napari_motionseg.segmentation.labelled_classes import LabelledLoop
from napari_motionseg.segmentation.new_class_scores import fit_new_classes
from napari_motionseg.segmentation.pseudo_labels import with_pseudo_labels
from napari_motionseg.segmentation.quick_task import QuickTask
from napari_motionseg.segmentation.settings import FinetuneSettings
from napari_motionseg.segmentation.snapshots import Snapshots
from napari_motionseg.segmentation.weak_labels import gather_carried
from napari_motionseg.training.engine.loop import (
    TrainingRecord,
    TrainingSettings,
    train_job,
)


def finetune_job(
    examples: Sequence[LabelledLoop],
    settings: FinetuneSettings,
    *,
    start: str | Path | None,
    out: str | Path,
    shown: NDArray[np.float32] | None = None,
    snapshots: Snapshots | None = None,
) -> Job[Path]:
    """Train a segmentation network on a few labelled frames.

    Parameters
    ----------
    examples
        Loops with their labels, which may differ in size. Only labelled frames are
        decoded.
    settings
        Settings of dataset, network and training loop.
    start
        Path of an ``"embedding"`` checkpoint, or of a ``"segmentation"`` checkpoint to
        continue; ``"default"`` for the weights of the package; or ``"scratch"`` (also
        None).
    out
        Path of the checkpoint to write.
    shown
        Frame ``(H, W)`` in [0, 1] for previews, as `Cine.normalized` returns it; None
        uses the first labelled frame.
    snapshots
        Where the network is written while it is trained; None writes only the result.
        Snapshots are not blended with the start.

    Yields
    ------
    Progress
        After each step, with ``metrics["loss"]``. Every `training.preview_every` steps,
        `preview` is the foreground probability ``(H, W)`` float16 of the shown frame.

    Returns
    -------
    Path
        The path `out`. After `STOP`, the file holds the result so far; after a cancel
        it is not written.

    Raises
    ------
    LabelError
        If labels do not fit their loop, or a class has no labelled pixel.
    CheckpointError
        If `start` is not a suitable checkpoint.
    MotionError
        If labels are carried along the flow, and the flow of a loop cannot be
        estimated.
    """
    out = Path(out)
    frames = gather_frames(examples)
    classes = max(labels.classes for _, labels in examples)
    counts = count_pixels(frames, classes)
    model, origin, frames = _start_of(start, classes, settings, examples, frames)
    beside = kept_catheters(model, frames)
    settings, agreed = _settings_for(model, origin["kind"], frames, settings)
    training = settings.training_for(len(frames))
    frames, before = _use_start(model, origin, frames, settings, agreed)
    if settings.carry is not None:
        found = yield from gather_carried(examples, settings.carry, training.device)
        frames += at_working_size(found, model)
    first = frames[0].image if shown is None else torch.from_numpy(shown)[None, None]
    kind = FinetuneTask if settings.levels is None else QuickTask
    task = kind(model, frames, settings, first)
    job = _train_where_it_fits(task, training, settings.early_stopping_every)
    if snapshots is not None:
        job = snapshots.taken_job(job, model, _card(model, beside))
    record, steady = yield from job
    if before is not None:
        blend_with_start(model, before, origin["kept"])
    provenance = {
        "examples": describe_dataset(examples),
        "labelled_pixels": counts,
        "start": origin,
        **beside,
        **_ended(settings, record, steady),
    }
    save_model(out, model, _card(model, provenance))
    return out


def _ended(
    settings: FinetuneSettings, record: TrainingRecord, steady: bool
) -> dict[str, Any]:
    """Return how a training went, for the model card."""
    return {
        "settings": dataclasses.asdict(settings),
        "training": record.provenance,
        "steps_done": record.steps_done,
        "stopped": record.stopped and not steady,
        "steady": steady,
    }


def at_working_size(
    frames: Sequence[LabelledFrame], model: SegmentationNet
) -> list[LabelledFrame]:
    """Return frames at the size that suits a network."""
    return [frame.at_working_size(model.embedding.config) for frame in frames]


def _start_of(
    start: str | Path | None,
    classes: int,
    settings: FinetuneSettings,
    examples: Sequence[LabelledLoop],
    frames: Sequence[LabelledFrame],
) -> tuple[SegmentationNet, dict[str, Any], list[LabelledFrame]]:
    """Return the network to train, its origin, and the frames at its working size.

    An embedding is made ready: its features get one scale, and its last layer is
    fitted.
    """
    seed = settings.training.seed
    model, origin = initial_network(start, classes, settings.network, seed)
    frames = at_working_size(frames, model)
    if origin["kind"] == "embedding":
        cines = [cine for cine, _ in examples]
        pictures = frames_between(cines, settings.whitening_frames)
        whiten_features(model.embedding, pictures)
        if settings.fitted_head:
            fit_new_head(model, frames)
    return model, origin, frames


def _settings_for(
    model: SegmentationNet,
    kind: str,
    frames: Sequence[LabelledFrame],
    settings: FinetuneSettings,
) -> tuple[FinetuneSettings, float | None]:
    """Return the settings for a start of some kind and for what is labelled.

    The second value is the agreement of the start with whole frames, if it has masks
    and a setting depends on it.
    """
    asked = settings.levels is not None or settings.kept == "earned"
    known = kind == "segmentation" and asked
    agreed = whole_agreement(model, frames) if known else None
    whole, depth = bool(whole_frames(frames)), decoder_depth(model)
    return settings.for_start(kind, depth, fits=fits(agreed), whole=whole), agreed


def _use_start(
    model: SegmentationNet,
    origin: dict[str, Any],
    frames: list[LabelledFrame],
    settings: FinetuneSettings,
    agreed: float | None,
) -> tuple[list[LabelledFrame], dict[str, Tensor] | None]:
    """Return the frames with pseudo-labels, and the weights to blend with at the end.

    The weights are None if the start is not a segmentation network. The share of them
    that is kept is recorded in `origin`. `agreed` is the agreement of the start with
    whole frames.
    """
    if origin["kind"] != "segmentation":
        return frames, None
    known = origin.get("classes", model.classes)
    seed = settings.training.seed
    foreign = relearn_foreign_classes(model, frames, known, seed)
    origin["relearned"] = foreign
    new = [*foreign, *range(known, model.classes)]
    fit_new_classes(model, frames, new)
    before = copy_weights(model)
    earned = settings.kept == "earned"
    kept = earned_share(agreed, frames) if earned else float(settings.kept)
    origin["kept"] = kept
    if settings.pseudo_labels:
        start = folded(model)
        place(start, next(model.parameters()).device)
        frames = with_pseudo_labels(start, frames, new)
    return frames, before


def decoder_depth(model: SegmentationNet) -> int:
    """Return the number of levels of a network's decoder; 0 if it has none."""
    config = model.embedding.config
    return config.depth if config.head == "decoder" else 0


def _card(model: SegmentationNet, provenance: dict[str, Any]) -> ModelCard:
    network = dataclasses.asdict(model.embedding.config)
    configuration = {**network, "classes": model.classes}
    return ModelCard("segmentation", "SegmentationNet", configuration, provenance)


def finetune(
    examples: Sequence[LabelledLoop],
    settings: FinetuneSettings | None = None,
    *,
    start: str | Path | None = SCRATCH,
    out: str | Path,
) -> Path:
    """Run `finetune_job` to its end; the default is `FinetuneSettings.quick()`."""
    settings = settings or FinetuneSettings.quick()
    return run(finetune_job(examples, settings, start=start, out=out))


def _train_where_it_fits(
    task: FinetuneTask, training: TrainingSettings, every: int
) -> Job[tuple[TrainingRecord, bool]]:
    """Train, on the CPU if another device has too little memory for one picture."""
    try:
        return (yield from _train_until_steady(task, training, every))
    except TrainingMemoryError:
        device = resolve_device(training.device)
        if device.type == "cpu":
            raise
    task.start_anew()
    training = dataclasses.replace(training, device="cpu")
    words = f"{device} has too little memory; training continues on the CPU."
    return (yield from _train_until_steady(task, training, every, words))


def _train_until_steady(
    task: FinetuneTask, training: TrainingSettings, every: int, notice: str = ""
) -> Job[tuple[TrainingRecord, bool]]:
    """Train; return the record, and whether it ended because the mask was steady."""
    watch, steady = EarlyStopping(), False
    job = train_job(task, training)
    signal: Signal | None = None
    try:
        progress = next(job)
        while True:
            if every and progress.step % every == 0:
                seen = task.preview() if progress.preview is None else progress.preview
                steady = watch.update(seen)
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
