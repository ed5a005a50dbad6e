"""Train a flow network on synthetic angiograms, whose flow is known exactly.

The loss is the multi-scale loss of Sun et al. (2018). The data follow Ma et al. (2019),
4.5: vessels and background move differently.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from napari_motionseg.jobs import Job, Progress, run
from napari_motionseg.models import (
    FlowNet,
    LayeredPWCNet,
    ModelCard,
    PWCNet,
    resolve_device,
)
from napari_motionseg.synthesis import training_pairs
from napari_motionseg.training.engine.initial_networks import (
    describe_origin,
    load_initial_network,
)
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.engine.synthetic_training import (
    held_out_seed,
    identity_of,
    pool_of,
)
from napari_motionseg.training.engine.training_run import TrainingRun
from napari_motionseg.training.flow.flow_initialization import initialize_weights
from napari_motionseg.training.flow.flow_task import FlowTask, end_point_errors
from napari_motionseg.training.flow.pairs import PairPool, Pairs
from napari_motionseg.training.flow.settings import FlowTrainingSettings, Network

INITIAL_STREAM = 2**31  # larger than the number of any step
NETWORKS: Mapping[Network, type[FlowNet]] = MappingProxyType(
    {"layered": LayeredPWCNet, "published": PWCNet}
)
PYRAMID = ("features",)


def train_flow_job(
    settings: FlowTrainingSettings,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
) -> Job[Path]:
    """Train PWC-Net on synthetic pairs.

    Parameters
    ----------
    settings
        Settings of data, network and training loop.
    out
        Path of the ``"flow"`` checkpoint to write, in float16. The state from which
        `resume` continues is ``<name>.state.safetensors`` beside it.
    resume
        Whether to continue the last run with the same settings.
    start
        Path of a ``"flow"`` checkpoint to start from; None starts from scratch.

    Yields
    ------
    Progress
        First while pairs are made, then after each step with ``metrics["loss"]`` and
        ``metrics["epe"]`` (px). `preview` is a uint8 picture of predicted and true
        flow.

    Returns
    -------
    Path
        The path `out`; after `STOP`, the file holds the result so far.

    Raises
    ------
    CheckpointError
        If `start` is not a PWC-Net checkpoint.
    TrainingError
        If training fails; see `train_job`.
    """
    training = TrainingRun(out, settings.training, resume)
    pool = pair_pool(settings)
    model, origin = initial_network(start, settings)
    yield from training.fill_job(pool, "Making picture pairs with known flow")
    held_out = _make_pairs(settings, settings.held_out, held_out_seed(settings))
    task = FlowTask(model, pool, held_out, settings)
    if origin["fresh"]:
        generator = step_generator(settings.training.seed, INITIAL_STREAM)
        kept = PYRAMID if start is not None else ()
        initialize_weights(model, task.batch(0, generator)[0], generator, kept)
    whole = dataclasses.asdict(settings)
    record = yield from training.train_job(
        task, {"flow": identity_of(settings), "start": origin}
    )
    errors = end_point_errors(model, held_out)
    provenance = {
        "settings": whole,
        "start": origin,
        "training": record.provenance,
        "held_out_epe_px": errors,
    }
    training.save(model, flow_card(model, provenance))
    yield Progress(record.steps_done, settings.training.steps, "Done", errors)
    return training.out


def train_flow(
    settings: FlowTrainingSettings,
    *,
    out: str | Path,
    resume: bool = False,
    start: str | Path | None = None,
) -> Path:
    """Run `train_flow_job` to its end."""
    return run(train_flow_job(settings, out=out, resume=resume, start=start))


def pair_pool(settings: FlowTrainingSettings) -> PairPool:
    """Return the empty pool from which a training with these settings draws."""
    return pool_of(PairPool, partial(_make_pairs, settings), settings)


def _make_pairs(settings: FlowTrainingSettings, count: int, seed: int) -> Pairs:
    device = resolve_device(settings.training.device)
    return Pairs.of(
        training_pairs(
            count, settings.pair_size, seed, config=settings.synthesis, device=device
        )
    )


def initial_network(
    start: str | Path | None, settings: FlowTrainingSettings
) -> tuple[FlowNet, dict[str, Any]]:
    """Return the network to train, and its origin for the model card.

    Parameters
    ----------
    start
        Path of a flow checkpoint to start from; None for a new network. If it has
        another architecture, only its feature pyramid is used.
    settings
        Settings that choose the architecture.

    Raises
    ------
    CheckpointError
        If `start` is not a flow network.
    """
    wanted = NETWORKS[settings.network]
    if start is None:
        fresh = wanted(settings.in_channels, settings.normalized)
        return fresh, {"kind": "scratch", "fresh": True}
    model, card = load_initial_network(start, "flow", FlowNet, "flow training")
    origin = describe_origin(model, card)
    if isinstance(model, wanted):
        return model, {**origin, "fresh": False}
    fresh = wanted(model.in_channels, model.normalized)
    fresh.features.load_state_dict(model.features.state_dict())
    return fresh, {**origin, "fresh": True}


def flow_card(model: FlowNet, provenance: dict[str, Any]) -> ModelCard:
    """Return the model card of a flow network.

    Parameters
    ----------
    model
        Network that will be written.
    provenance
        Settings, data and results of its training, without patient attributes.
    """
    configuration = {"in_channels": model.in_channels, "normalized": model.normalized}
    return ModelCard("flow", type(model).__name__, configuration, provenance)
