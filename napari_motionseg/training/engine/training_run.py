"""Run a training that writes a checkpoint, with its state and its log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from napari_motionseg.jobs import Job
from napari_motionseg.models import ModelCard, save_model
from napari_motionseg.training.engine.checkpointing import state_path_of, steps_done
from napari_motionseg.training.engine.distributed import join
from napari_motionseg.training.engine.example_pool import ExamplePool
from napari_motionseg.training.engine.loop import train_job
from napari_motionseg.training.engine.run_log import log_folder_of
from napari_motionseg.training.engine.settings import TrainingSettings
from napari_motionseg.training.engine.task import Task
from napari_motionseg.training.engine.trainer import TrainingRecord


class TrainingRun:
    """Train a task, and write its checkpoint with state and log beside it.

    Parameters
    ----------
    out
        Path of the checkpoint. The state is in ``<name>.state.safetensors`` beside it,
        and the log in the folder ``<name>.log``.
    settings
        Settings of the training loop.
    resume
        Whether to continue from the state, if there is one.

    Attributes
    ----------
    processes
        Processes that train together; the constructor joins them.
    """

    def __init__(
        self, out: str | Path, settings: TrainingSettings, resume: bool
    ) -> None:
        self.out = Path(out)
        self.settings = settings
        self.processes = join()
        self._resume = resume

    @property
    def resumes(self) -> bool:
        """Whether a state is there and the training continues from it."""
        path = state_path_of(self.out)
        return self._resume and self.processes.once(path.exists)

    def fill_job(self, pool: ExamplePool[Any], message: str) -> Job[None]:
        """Make the examples that the pool holds at the step at which training begins.

        Parameters
        ----------
        pool
            Pool whose missing blocks are made.
        message
            Text for `Progress`.
        """
        path = state_path_of(self.out)
        done = self.processes.once(lambda: steps_done(path)) if self._resume else 0
        yield from pool.fill_job(done, message)

    def train_job(self, task: Task, identity: Mapping[str, Any]) -> Job[TrainingRecord]:
        """Train the task; see `engine.loop.train_job`.

        Parameters
        ----------
        task
            Task whose model is trained in place.
        identity
            JSON values that must be equal to resume.
        """
        return (
            yield from train_job(
                task,
                self.settings,
                state_path=state_path_of(self.out),
                resume=self._resume,
                log_folder=log_folder_of(self.out),
                identity=identity,
            )
        )

    def save(
        self, model: nn.Module, card: ModelCard, dtype: torch.dtype = torch.float16
    ) -> None:
        """Write the checkpoint on the main process.

        Parameters
        ----------
        model
            Network whose weights are written.
        card
            Model card of the network.
        dtype
            Data type of the weights in the file.
        """
        self.processes.once(lambda: save_model(self.out, model, card, dtype=dtype))
