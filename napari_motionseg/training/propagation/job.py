"""Train a propagation network on synthetic frames whose parts are known.

The result is a checkpoint of kind ``"propagation"``, which keeps the whole network.
Pretraining with the objective of the same paper keeps only the image encoder.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import torch

from napari_motionseg.errors import CheckpointError
from napari_motionseg.jobs import Job, Progress, run
from napari_motionseg.models import ModelCard, SegmentationNet, load_model
from napari_motionseg.models.devices import resolve_device
from napari_motionseg.models.light_propagation import LightPropagationNet
from napari_motionseg.models.propagation_models import PROPAGATION, PropagationModel
from napari_motionseg.models.propagation_network import ConditionalPropagationNet
from napari_motionseg.models.propagation_start import propagation_from_masks
from napari_motionseg.synthesis.config import SynthesisConfig
from napari_motionseg.synthesis.part_stills import PartStills, part_stills
from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.initial_networks import (
    describe_origin,
    with_seed,
)
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.engine.synthetic_training import (
    held_out_seed,
    identity_of,
    pool_of,
)
from napari_motionseg.training.engine.training_run import TrainingRun
from napari_motionseg.training.propagation.held_out_motions import held_out_scores
from napari_motionseg.training.propagation.propagation_task import PropagationTask
from napari_motionseg.training.propagation.settings import PropagationTrainingSettings

STARTS = (PROPAGATION, "segmentation")


def train_propagation_job(
    settings: PropagationTrainingSettings,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
) -> Job[Path]:
    """Train a propagation network only on synthetic frames.

    Parameters
    ----------
    settings
        Settings of data, network and training loop.
    out
        Path of the ``"propagation"`` checkpoint to write, in float16. The state from
        which `resume` continues is ``<name>.state.safetensors`` beside it.
    resume
        Whether to continue the last run with the same settings.
    start
        Path of a ``"propagation"`` checkpoint to start from, or of a ``"segmentation"``
        checkpoint whose U-Net becomes the image encoder; None starts from scratch.

    Yields
    ------
    Progress
        First while frames are made, then after each step with ``metrics["loss"]`` and
        ``metrics["error_px"]``. `preview` is a uint8 picture of a frame beside what
        moves with one of its parts.

    Returns
    -------
    Path
        The path `out`; after `STOP`, the file holds the result so far.

    Raises
    ------
    CheckpointError
        If `start` cannot be used for the network.
    TrainingError
        If training fails; see `train_job`.
    """
    training = TrainingRun(out, settings.training, resume)
    model, origin = initial_network(start, settings)
    if settings.freeze_encoder and isinstance(model, LightPropagationNet):
        model.freeze_encoder()
    pool = part_pool(settings)
    yield from training.fill_job(pool, "Making frames whose parts are known")
    seed = held_out_seed(settings)
    held_out = _make_stills(settings, settings.held_out, seed)
    task = PropagationTask(model, pool, held_out, settings)
    whole = dataclasses.asdict(settings)
    identified = {"propagation": identity_of(settings), "start": origin}
    record = yield from training.train_job(task, identified)
    examples = [
        task.example(held_out, place, step_generator(seed, place))
        for place in range(len(held_out.pictures))
    ]
    scores = held_out_scores(model, examples)
    provenance = {
        "settings": whole,
        "start": origin,
        "training": record.provenance,
        **scores,
    }
    name = type(model).__name__
    card = ModelCard(PROPAGATION, name, model.configuration(), provenance)
    training.save(model, card)
    yield Progress(record.steps_done, settings.training.steps, "Done", scores)
    return training.out


def train_propagation(
    settings: PropagationTrainingSettings | None = None,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
) -> Path:
    """Run `train_propagation_job` to its end."""
    settings = settings or PropagationTrainingSettings()
    return run(train_propagation_job(settings, out=out, resume=resume, start=start))


def part_pool(settings: PropagationTrainingSettings) -> ExamplePool[PartStills]:
    """Return the empty pool from which a training with these settings draws."""
    return pool_of(ExamplePool, partial(_make_stills, settings), settings)


def _make_stills(
    settings: PropagationTrainingSettings, count: int, seed: int
) -> PartStills:
    config = settings.synthesis or SynthesisConfig.preset("xa-coronary")
    draw = torch.Generator().manual_seed(seed)
    if float(torch.rand((), generator=draw)) < settings.layer_share:
        config = SynthesisConfig.preset("generic-layers")
    device = resolve_device(settings.training.device)
    made = part_stills(count, settings.still_size, seed, config, device)
    return made._replace(pictures=made.pictures.half(), flow=made.flow.half())


def initial_network(
    start: str | Path | None, settings: PropagationTrainingSettings
) -> tuple[PropagationModel, dict[str, Any]]:
    """Return the network to train, and its origin for the model card.

    Parameters
    ----------
    start
        Path of a checkpoint to start from; None for a new network.
    settings
        Settings with the layout and the seed of a new network.

    Raises
    ------
    CheckpointError
        If the checkpoint is of another kind, or does not fit the layout.
    """
    seed = settings.training.seed
    light = settings.network == "light"
    if start is None:
        build = LightPropagationNet if light else ConditionalPropagationNet
        return with_seed(lambda: build(), seed), {"kind": "scratch"}
    found, card = load_model(start, kind=STARTS)
    origin = describe_origin(found, card)
    if isinstance(found, LightPropagationNet) and light:
        return found, origin
    if isinstance(found, ConditionalPropagationNet) and not light:
        return found, origin
    if isinstance(found, SegmentationNet) and light:
        masks = found
        return with_seed(lambda: propagation_from_masks(masks), seed), origin
    raise CheckpointError(
        f"{start}: holds a {type(found).__name__}, from which a network of the layout "
        f"{settings.network!r} cannot start; choose another checkpoint"
    )
