"""Pretrain a pixel embedding from the motion in loops, without any label.

The recipe ``"paper"`` follows Ma et al. (2019), 4.3: flow between frames 133 ms apart,
a U-Net without its last layer, 250 points of a picture, batches of 3, Adam at a fixed
rate of 0.001. Other objectives have their own number of points. The weights of an
objective are trained too and stored in the state, but not in the embedding that is
written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from napari_motionseg.cine import Cine
from napari_motionseg.cine.patients import patient_key
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import Job, Progress, run
from napari_motionseg.models import ModelCard, UNet, load_pwcnet
from napari_motionseg.models.devices import resolve_device
from napari_motionseg.motion import FlowCache
from napari_motionseg.training.engine.checkpointing import weights_digest
from napari_motionseg.training.engine.gradient_accumulation import check_micro_batches
from napari_motionseg.training.engine.initial_networks import (
    describe_origin,
    load_initial_network,
    with_seed,
)
from napari_motionseg.training.engine.trainer import TrainingRecord
from napari_motionseg.training.engine.training_run import TrainingRun
from napari_motionseg.training.pretrain.held_out import (
    held_out_check,
    held_out_pairs_check,
    split_loops,
)
from napari_motionseg.training.pretrain.motion_data import MovingLoop, moving_loops_job
from napari_motionseg.training.pretrain.motion_task import Learner, PretrainTask
from napari_motionseg.training.pretrain.pair_data import PairSettings, pair_pool
from napari_motionseg.training.pretrain.pair_task import PairTask
from napari_motionseg.training.pretrain.prefetch import FramePrefetcher
from napari_motionseg.training.pretrain.settings import PretrainSettings
from napari_motionseg.training.pretrain.signal import (
    check_objective,
    require_signal,
    signal_job,
)

__all__ = [
    "Learner",
    "PretrainSettings",
    "PretrainTask",
    "describe",
    "pretrain",
    "pretrain_job",
]


# what the training depends on, its record, and what the embedding explains
Outcome = tuple[dict[str, Any], TrainingRecord, dict[str, Any]]
Origin = dict[str, Any]  # kind and hash of the start; empty for random weights


def pretrain_job(
    cines: Sequence[Cine],
    settings: PretrainSettings,
    *,
    out: str | Path,
    start: str | Path | None = None,
    resume: bool = False,
    cache: FlowCache | None = None,
    anyway: bool = False,
) -> Job[Path]:
    """Learn a pixel embedding from the motion in loops.

    Parameters
    ----------
    cines
        Loops to learn from, which may differ in size and depth; none if the settings
        name synthetic pairs.
    settings
        Settings of objective, network, flow and training loop.
    out
        Path of the ``"embedding"`` checkpoint to write. The state from which `resume`
        continues is ``<name>.state.safetensors`` beside it.
    start
        Path of an ``"embedding"`` checkpoint to start from, or the name of shipped
        weights. Its network replaces that of the settings. None starts from random
        weights.
    resume
        Whether to continue the last run with the same loops, settings and start.
    cache
        Cache in which flow is searched and stored; None uses none.
    anyway
        Whether to train even if the flow has no signal; see `require_signal`.

    Yields
    ------
    Progress
        First for a few pairs, on which is measured what the flow can teach; then for
        the flow of each loop, with a message for each that is left out; then after each
        step, with ``metrics["loss"]`` and the metrics of the objective.
        Every `check_every` steps, they include what the embedding explains of held-out
        flow; see `HeldOutCheck`.
        Every `training.preview_every` steps, `preview` is a picture ``(H, 3W, 3)``
        uint8 of a frame, a random projection of its embedding and a similarity map.

    Returns
    -------
    Path
        The path `out`; after `STOP`, the file holds the result so far. After a cancel
        it is unchanged, and the state keeps the steps that were done.

    Raises
    ------
    SettingsError
        If no loop is given, loops are given beside synthetic pairs, or the objective
        does not fit the network.
    TrainingError
        If the flow has no signal, no loop has motion to learn from, or training fails;
        see `train_job`.
    WriteError
        If flow, state or checkpoint cannot be written.
    CheckpointError
        If the start cannot be read, or is no embedding of a U-Net.
    """
    if settings.pairs is None and not cines:
        raise SettingsError("pretraining needs at least one loop; got none")
    if settings.pairs is not None and cines:
        raise SettingsError(
            f"pretraining from synthetic pairs takes no loops; got {len(cines)}. Use "
            "another recipe to learn from loops"
        )
    loop_settings = dataclasses.replace(settings.training, steps=settings.steps)
    training = TrainingRun(out, loop_settings, resume)
    # checked before hours are spent on flow
    count = training.processes.count
    micro_batches = loop_settings.micro_batches or count
    check_micro_batches(micro_batches, count, settings.batch)
    model, origin = _initial_learner(settings, start)
    settings = dataclasses.replace(settings, network=model.embedding.config)
    check_objective(model, settings)
    if settings.pairs is None:
        if not (anyway or training.resumes):
            yield from _require_signal_job(cines, model, settings, cache)
        found = yield from _from_loops(model, cines, settings, origin, training, cache)
    else:
        found = yield from _from_pairs(model, settings, origin, training)
    data, record, explained = found
    card = _card(settings, data, record, explained)
    training.save(model.embedding, card, torch.float32)
    yield Progress(record.steps_done, settings.steps, f"Wrote {training.out.name}")
    return training.out


def _initial_learner(
    settings: PretrainSettings, start: str | Path | None
) -> tuple[Learner, Origin]:
    """Return the objective with a random network or with that of a checkpoint."""
    seed, objective = settings.training.seed, settings.make_objective
    if start is None:
        network = settings.network
        return with_seed(lambda: Learner(UNet(network), objective()), seed), {}
    taught, card = load_initial_network(start, "embedding", UNet, "pretraining")
    origin = {"start": describe_origin(taught, card)}
    return with_seed(lambda: Learner(taught, objective()), seed), origin


def _require_signal_job(
    cines: Sequence[Cine],
    model: Learner,
    settings: PretrainSettings,
    cache: FlowCache | None,
) -> Job[None]:
    """Refuse flow without a signal before hours are spent."""
    information = yield from signal_job(cines, model, settings, cache)
    require_signal(information, settings)
    patients = {patient_key(cine) for cine in cines}
    if len(cines) > 1 and len(patients) == 1 and None not in patients:
        words = (
            "All loops are of one patient: what is explained is measured on frames of "
            "the same loops, and tells nothing about other patients."
        )
        # with a number, so that the command line prints the message as a note
        yield Progress(0, settings.steps, words, {"patients": 1.0})


def _from_loops(
    model: Learner,
    cines: Sequence[Cine],
    settings: PretrainSettings,
    origin: Origin,
    training: TrainingRun,
    cache: FlowCache | None,
) -> Job[Outcome]:
    """Train on loops."""
    loops = yield from moving_loops_job(cines, settings.flow, cache)
    data = describe(loops, settings) | origin
    split = split_loops(loops, settings.held_out)
    check = held_out_check(split.held_out, model, settings)
    device = resolve_device(training.settings.device)
    workers = settings.workers_on(device.type)
    with closing(FramePrefetcher(split.train, workers)) as prefetcher:
        task = PretrainTask(model, split.train, settings, prefetcher, check)
        record = yield from training.train_job(task, {"pretraining": data})
    return data, record, {"held_out": split.words, **check.measure(device)}


def _from_pairs(
    model: Learner, settings: PretrainSettings, origin: Origin, training: TrainingRun
) -> Job[Outcome]:
    """Train on synthetic pairs."""
    pairs = settings.pairs or PairSettings()
    pool = pair_pool(pairs, settings.flow, training.settings.seed)
    yield from training.fill_job(pool, "Making picture pairs with known flow")
    data = describe((), settings) | origin
    check = held_out_pairs_check(model, settings)
    task = PairTask(model, pool, settings, pairs.size, check)
    record = yield from training.train_job(task, {"pretraining": data})
    explained = check.measure(resolve_device(training.settings.device))
    return data, record, {"held_out": "other synthetic pairs", **explained}


def pretrain(
    cines: Sequence[Cine],
    settings: PretrainSettings | None = None,
    *,
    out: str | Path,
    start: str | Path | None = None,
    resume: bool = False,
    cache: FlowCache | None = None,
    anyway: bool = False,
) -> Path:
    """Run `pretrain_job` to its end, by default with the recipe ``"loops"``."""
    settings = settings or PretrainSettings.recipe("loops")
    return run(
        pretrain_job(
            cines,
            settings,
            out=out,
            start=start,
            resume=resume,
            cache=cache,
            anyway=anyway,
        )
    )


def describe(loops: Sequence[MovingLoop], settings: PretrainSettings) -> dict[str, Any]:
    """Return what a training depends on, without `TrainingSettings` and names."""
    own = dataclasses.asdict(settings)
    del own["training"], own["steps"], own["workers"], own["flow"]["device"]
    del own["check_every"]  # weights do not depend on it
    weights = None
    exact = settings.pairs is not None and not settings.pairs.estimated
    if settings.flow.method == "pwcnet" and not exact:
        weights = weights_digest(load_pwcnet(settings.flow.weights))
    del own["flow"]["weights"]  # a path on this computer; the digest identifies them
    return {
        **own,
        "loops": [loop.hashes.content for loop in loops],
        "gaps": [loop.gap for loop in loops],
        "flow_weights_sha256": weights,
    }


def _card(
    settings: PretrainSettings,
    data: dict[str, Any],
    record: TrainingRecord,
    explained: dict[str, Any],
) -> ModelCard:
    return ModelCard(
        kind="embedding",
        architecture="UNet",
        configuration=dataclasses.asdict(settings.network),
        provenance={
            "pretraining": data,
            "explained": explained,
            "training": record.provenance,
        },
    )
