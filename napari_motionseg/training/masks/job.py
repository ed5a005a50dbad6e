"""Train a network to segment synthetic angiograms, whose masks are exact.

The result is a segmentation checkpoint. It segments loops without any painting, and
fine-tuning with few labels can start from it.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import torch

from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import Job, Progress, run
from napari_motionseg.models import ModelCard, SegmentationNet, resolve_device
from napari_motionseg.models.catheter_net import KIND
from napari_motionseg.models.class_names import CATHETER, CLASS_NAMES, VESSEL
from napari_motionseg.models.familiarity import familiarity_of
from napari_motionseg.models.mask_overlap import dice
from napari_motionseg.models.more_classes import with_classes
from napari_motionseg.models.stripe_removal import take_out_stripes
from napari_motionseg.models.unet_config import UNetConfig
from napari_motionseg.models.weight_means import blend_with_start, copy_weights
from napari_motionseg.synthesis import Stills, training_stills
from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.initial_networks import (
    describe_origin,
    load_initial_network,
    with_seed,
)
from napari_motionseg.training.engine.synthetic_training import (
    held_out_seed,
    identity_of,
    pool_of,
)
from napari_motionseg.training.engine.training_run import TrainingRun
from napari_motionseg.training.masks.mask_task import MaskTask, probabilities
from napari_motionseg.training.masks.settings import Finds, MaskTrainingSettings
from napari_motionseg.training.masks.teacher import load_teacher

CLASSES = len(CLASS_NAMES)


def train_masks_job(
    settings: MaskTrainingSettings,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
    teacher: str | Path | None = None,
) -> Job[Path]:
    """Train a segmentation network only on synthetic frames.

    Parameters
    ----------
    settings
        Settings of data, network and training loop.
    out
        Path of the checkpoint to write, in float16, of kind ``"segmentation"``, or of
        kind ``"catheters"`` if the settings say so. The state from
        which `resume` continues is ``<name>.state.safetensors`` beside it.
    resume
        Whether to continue the last run with the same settings.
    start
        Path of a ``"segmentation"`` checkpoint to start from, of two or three classes;
        a network of two learns the catheter as a new one. None starts from scratch.
    teacher
        Path of a ``"segmentation"`` checkpoint whose vessels are learnt too; see
        `Teacher`. None learns the exact masks alone.

    Yields
    ------
    Progress
        First while frames are made, then after each step with ``metrics["loss"]`` and
        ``metrics["dice"]``. `preview` is a uint8 picture of a frame beside its
        prediction.

    Returns
    -------
    Path
        The path `out`; after `STOP`, the file holds the result so far.

    Raises
    ------
    CheckpointError
        If `start` or `teacher` is not a segmentation network.
    TrainingError
        If training fails; see `train_job`.
    """
    training = TrainingRun(out, settings.training, resume)
    model, origin = initial_network(start, settings)
    guide, guided = load_teacher(teacher, settings.teacher_share)
    origins = {"start": origin, **guided}
    before = copy_weights(model) if settings.kept else {}
    pool = still_pool(settings)
    yield from training.fill_job(pool, "Making frames whose vessels are known")
    held_out = _make_stills(settings, settings.held_out, held_out_seed(settings))
    task = MaskTask(model, pool, held_out, settings, guide)
    record = yield from training.train_job(
        task, {"masks": identity_of(settings), **origins}
    )
    if settings.kept:
        blend_with_start(model, before, settings.kept)
    striped = take_out_stripes(model, held_out.pictures[:, None])
    scores = _held_out_scores(model, held_out)
    camera = task.photographed(held_out, settings.training.seed)
    known = familiarity_of(model.embedding, camera)
    provenance = {
        "familiar": known.for_card(),
        "class_names": list(CLASS_NAMES),
        "settings": dataclasses.asdict(settings),
        **origins,
        "training": record.provenance,
        "directions_of_stripes_taken_out": striped,
        **scores,
    }
    training.save(model, _card(model, provenance, settings.finds))
    yield Progress(record.steps_done, settings.training.steps, "Done", scores)
    return training.out


def _card(
    model: SegmentationNet, provenance: dict[str, Any], finds: Finds
) -> ModelCard:
    network = dataclasses.asdict(model.embedding.config)
    configuration = {**network, "classes": CLASSES}
    kind = KIND if finds == "catheters" else "segmentation"
    return ModelCard(kind, "SegmentationNet", configuration, provenance)


def _held_out_scores(model: SegmentationNet, held_out: Stills) -> dict[str, float]:
    """Return the Dice of vessels and catheters on frames never trained on."""
    found = probabilities(model, held_out.pictures).argmax(dim=1)
    return {
        "held_out_dice": dice(found == VESSEL, held_out.masks),
        "held_out_catheter_dice": dice(found == CATHETER, held_out.catheters),
    }


def train_masks(
    settings: MaskTrainingSettings | None = None,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
    teacher: str | Path | None = None,
) -> Path:
    """Run `train_masks_job` to its end."""
    settings = settings or MaskTrainingSettings()
    job = train_masks_job(
        settings, out=out, resume=resume, start=start, teacher=teacher
    )
    return run(job)


def still_pool(settings: MaskTrainingSettings) -> ExamplePool[Stills]:
    """Return the empty pool from which a training with these settings draws."""
    return pool_of(ExamplePool, partial(_make_stills, settings), settings)


def _make_stills(settings: MaskTrainingSettings, count: int, seed: int) -> Stills:
    device = resolve_device(settings.training.device)
    size, kinds = settings.still_size, settings.synthesis
    shares = [(count + number) // len(kinds) for number in range(len(kinds))]
    parts = [
        training_stills(share, size, seed + 2 * number, kinds[number], device)
        for number, share in enumerate(shares)
        if share
    ]
    made = Stills(*(torch.cat(part) for part in zip(*parts, strict=True)))
    # half precision only now: autocast cannot join half tensors on a CPU
    return made._replace(pictures=made.pictures.half())


def initial_network(
    start: str | Path | None, settings: MaskTrainingSettings
) -> tuple[SegmentationNet, dict[str, Any]]:
    """Return the network to train, and its origin for the model card.

    Parameters
    ----------
    start
        Path of a segmentation checkpoint of two or three classes; None for a new
        network.
    settings
        Settings with the configuration and the seed of a new network.

    Raises
    ------
    CheckpointError
        If `start` is not a segmentation network.
    SettingsError
        If it has more classes; or if some of a start is to be kept and there is none.
    """
    seed = settings.training.seed
    if start is None and settings.kept:
        raise SettingsError(
            "a network from scratch has no start to keep; give one, or set kept to 0"
        )
    if start is None:
        model = with_seed(lambda: SegmentationNet(settings.network, CLASSES), seed)
        return model, {"kind": "scratch"}
    model, card = load_initial_network(
        start, ("segmentation", KIND), SegmentationNet, "mask training"
    )
    if model.classes > CLASSES:
        raise SettingsError(
            f"{start}: has {model.classes} classes; mask training needs a network of "
            "background and vessel, or of background, vessel and catheter"
        )
    if model.classes < CLASSES:
        narrow = model
        model = with_seed(lambda: with_classes(narrow, CLASSES), seed)
    origin = describe_origin(model, card)
    if settings.finds == "catheters":
        model = at_size_of(settings.network, model)
    return model, origin


def at_size_of(config: UNetConfig, model: SegmentationNet) -> SegmentationNet:
    """Return a network with the same weights that sees pictures at another size.

    Parameters
    ----------
    config
        Configuration whose octaves and sides are taken.
    model
        Network whose layers are taken.
    """
    own = dataclasses.replace(
        model.embedding.config,
        octaves=config.octaves,
        least_side=config.least_side,
        largest_side=config.largest_side,
    )
    resized = SegmentationNet(own, model.classes)
    resized.load_state_dict(model.state_dict())
    return resized
