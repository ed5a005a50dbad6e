"""Train any task on any device, in one or several processes, with exact resume.

A task defines the batches and the loss; the loop does the rest. Batches depend only on
the seed and the number of the step. A run that was stopped, cancelled or killed
therefore reaches exactly the weights of an uninterrupted run, and one process those of
several (see `training.engine.gradient_accumulation`).
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

    Under torchrun, all processes call this function with the same arguments. Each
    computes its share of every step, and all have the same weights after it. Only the
    main process writes files.

    Parameters
    ----------
    task
        Task to train; see `Task`. If memory runs out, a `ResizableTask` gets half the
        batch, and then a `CroppingTask` gets smaller pictures.
    settings
        Settings of the loop.
    state_path
        Path of a safetensors file for the state. It is written every `checkpoint_every`
        steps and whenever training ends: after the last step, stopped, cancelled or
        failed.
        None writes no state.
    resume
        Whether to continue from `state_path`; if it is missing, training starts anew.
    identity
        JSON values that must be equal to resume: settings of the task, hashes of data.
    log_folder
        Folder for curves and previews, see `RunLog`; None writes none.

    Yields
    ------
    Progress
        After each step, with ``metrics["loss"]`` and the task's own metrics.

    Raises
    ------
    SettingsError
        If the numbers of micro-batches, processes and pictures do not fit together.
    TrainingError
        If the loss or its gradient is not finite (the weights are then those of the
        previous step), if there is too little memory for one picture, or if the state
        belongs to another run.
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
                log.write(progress, trainer.throughput.waiting_s)
                signal = yield progress
                stopped = any(processes.all_gather(signal == STOP))
                notice = ""
        trainer.save(path)
    finally:
        trainer.rescue(path)
    return trainer.record(stopped)
