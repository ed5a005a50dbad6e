"""Pretraining: learn a pixel embedding from how loops move, without any label.

By default as in Ma et al. (2019), 4.3: flow between frames 133 ms apart, a U-Net
without its last layer, 250 points an image, batches of 3, Adam at a fixed rate of
0.001. Other objectives bring their own points; what weights an objective has of its own
are trained along, kept for a resume, and left out of the embedding that is written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import Job, Progress, run
from napari_motionseg.models import ModelCard, UNet, load_pwcnet, save_model
from napari_motionseg.models.devices import resolve_device
from napari_motionseg.motion import FlowCache
from napari_motionseg.training.engine.checkpointing import state_path_of, weights_digest
from napari_motionseg.training.engine.distributed import join
from napari_motionseg.training.engine.gradient_accumulation import check_parts
from napari_motionseg.training.engine.loop import TrainingRecord, train_job
from napari_motionseg.training.engine.run_log import log_folder_of
from napari_motionseg.training.pretrain.motion_data import MovingLoop, moving_loops_job
from napari_motionseg.training.pretrain.motion_task import Learner, PretrainTask
from napari_motionseg.training.pretrain.prefetch import Foresight
from napari_motionseg.training.pretrain.preview import project
from napari_motionseg.training.pretrain.settings import PretrainSettings

__all__ = [
    "Learner",
    "PretrainSettings",
    "PretrainTask",
    "describe",
    "pretrain",
    "pretrain_job",
    "project",
]


def pretrain_job(
    cines: Sequence[Cine],
    settings: PretrainSettings,
    *,
    out: str | Path,
    resume: bool = False,
    cache: FlowCache | None = None,
) -> Job[Path]:
    """Learn a pixel embedding from the motion in loops.

    Parameters
    ----------
    cines
        Loops; they may differ in size and depth.
    settings
        See `PretrainSettings`.
    out
        The ``"embedding"`` checkpoint to write. Beside it lies
        ``<name>.state.safetensors``, from which `resume` goes on.
    resume
        Go on where the last run with these loops and settings ended.
    cache
        Where the loops' flow is looked for first, and kept; None for nowhere.

    Yields
    ------
    Progress
        First of the flow of each loop, with a message for each that is left out; then
        after each step, with ``metrics["loss"]`` and the objective's own. `preview` is
        a frame, a random projection of its embedding and a similarity side by side,
        ``(H, 3W, 3)`` uint8, every `training.preview_every` steps.

    Returns
    -------
    Path
        `out`. After `STOP` it holds what was learnt so far; after a cancel it is as it
        was, and the state keeps the steps that were taken.

    Raises
    ------
    SettingsError
        If there is no loop.
    TrainingError
        If no loop has motion to learn from, or see `train_job`.
    WriteError
        If there is no room for flow, state or checkpoint.
    """
    if not cines:
        raise SettingsError("pretraining needs at least one loop; got none")
    out = Path(out)
    # before flow is estimated for hours
    processes = join()
    parts = settings.training.parts or processes.count
    check_parts(parts, processes.count, settings.batch)
    training = dataclasses.replace(settings.training, steps=settings.steps)
    loops = yield from moving_loops_job(cines, settings.flow, cache)
    with torch.random.fork_rng(devices=[]):
        # the layers' own initialisation knows no generator
        torch.manual_seed(training.seed)
        model = Learner(UNet(settings.network), settings.make_objective())
    data = describe(loops, settings)
    workers = settings.workers_on(resolve_device(training.device).type)
    with closing(Foresight(loops, workers)) as foresight:
        record = yield from train_job(
            PretrainTask(model, loops, settings, foresight),
            training,
            state_path=state_path_of(out),
            resume=resume,
            log_folder=log_folder_of(Path(out)),
            identity={"pretraining": data},
        )
    card = _card(settings, data, record)
    processes.once(lambda: save_model(out, model.embedding, card))
    yield Progress(record.steps_done, settings.steps, f"Wrote {out.name}")
    return out


def pretrain(
    cines: Sequence[Cine],
    settings: PretrainSettings | None = None,
    *,
    out: str | Path,
    resume: bool = False,
    cache: FlowCache | None = None,
) -> Path:
    """Run `pretrain_job` to its end."""
    settings = settings or PretrainSettings()
    return run(pretrain_job(cines, settings, out=out, resume=resume, cache=cache))


def describe(loops: Sequence[MovingLoop], settings: PretrainSettings) -> dict[str, Any]:
    """Return what a training depends on, beside `TrainingSettings`; no file's name."""
    own = dataclasses.asdict(settings)
    del own["training"], own["steps"], own["workers"], own["flow"]["device"]
    weights = None
    if settings.flow.method == "pwcnet":
        weights = weights_digest(load_pwcnet(settings.flow.weights))
    del own["flow"]["weights"]  # a path on this machine; the digest says which
    return {
        **own,
        "loops": [loop.hashes.content for loop in loops],
        "gaps": [loop.gap for loop in loops],
        "flow_weights_sha256": weights,
    }


def _card(
    settings: PretrainSettings, data: dict[str, Any], record: TrainingRecord
) -> ModelCard:
    return ModelCard(
        kind="embedding",
        architecture="UNet",
        configuration=dataclasses.asdict(settings.network),
        provenance={"pretraining": data, "training": record.provenance},
    )
