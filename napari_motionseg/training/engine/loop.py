"""The one training loop: any task, any device, several processes, exact resume.

A task says what a batch is and what its loss is; everything else is here. Batches
derive from the seed and the number of the step alone, so that a run that was stopped,
cancelled or killed goes on to the very weights that an undisturbed run reaches, and one
process to those of several (see `training.engine.gradient_accumulation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_motionseg.jobs import STOP, Job
from napari_motionseg.models.precision import autocast
from napari_motionseg.training.engine.distributed import join
from napari_motionseg.training.engine.run_log import RunLog
from napari_motionseg.training.engine.seeds import step_generator
from napari_motionseg.training.engine.settings import (
    Precision,
    Schedule,
    TrainingSettings,
)
from napari_motionseg.training.engine.task import ResizableTask, Task
from napari_motionseg.training.engine.trainer import Trainer, TrainingRecord

__all__ = [
    "Precision",
    "ResizableTask",
    "Schedule",
    "Task",
    "TrainingRecord",
    "TrainingSettings",
    "autocast",
    "step_generator",
    "train_job",
]


def train_job(
    task: Task,
    settings: TrainingSettings,
    *,
    state_path: str | Path | None = None,
    resume: bool = False,
    identity: Mapping[str, Any] | None = None,
    log_folder: str | Path | None = None,
) -> Job[TrainingRecord]:
    """Train `task.model` in place.

    Under torchrun all processes call this with the same arguments; each computes its
    share of every step, and all have the same weights after it. The first one alone
    writes files.

    Parameters
    ----------
    task
        See `Task`; when memory runs out, a `ResizableTask` has its batch halved, and
        then a `CroppingTask` its pictures.
    settings
        See `TrainingSettings`.
    state_path
        Safetensors file for the state, written every `checkpoint_every` steps and
        whenever training ends: at the last step, stopped, cancelled or failed.
    resume
        Go on from `state_path`; from the beginning where that does not exist.
    identity
        JSON values that must be equal for a resume: the task's settings, data hashes.
    log_folder
        Where curves and previews are written, see `RunLog`; nowhere if None.

    Yields
    ------
    Progress
        After each step, with ``metrics["loss"]`` and the task's own metrics.

    Raises
    ------
    SettingsError
        If micro-batches, processes and batch do not divide one another.
    TrainingError
        If the loss or its gradient is not finite (the weights stay those of the step
        before), if memory does not suffice for one picture, or if the state belongs to
        another run.
    WriteError
        If the state or a curve cannot be written.
    """
    processes = join()
    trainer = Trainer(task, settings, identity or {}, processes)
    path = None if state_path is None else Path(state_path)
    notice = trainer.resume(path) if resume and path is not None else ""
    folder = None if log_folder is None or not processes.is_main else Path(log_folder)
    stopped = False
    try:
        with RunLog(folder, settings, trainer.step) as log:
            while trainer.step < settings.steps and not stopped:
                notice = " ".join(filter(None, (notice, trainer.advance())))
                if trainer.step % settings.checkpoint_every == 0:
                    trainer.save(path)
                progress = trainer.progress(notice)
                log.write(progress)
                signal = yield progress
                stopped = any(processes.all_gather(signal == STOP))
                notice = ""
        trainer.save(path)
    finally:
        trainer.rescue(path)
    return trainer.record(stopped)
