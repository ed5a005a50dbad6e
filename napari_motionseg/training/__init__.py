"""Train networks: the loop, pretraining, flow and masks."""

from __future__ import annotations

from napari_motionseg.training.engine.loop import (
    Task,
    TrainingRecord,
    TrainingSettings,
    train_job,
)
from napari_motionseg.training.pretrain.job import PretrainSettings, pretrain_job

__all__ = [
    "PretrainSettings",
    "Task",
    "TrainingRecord",
    "TrainingSettings",
    "pretrain_job",
    "train_job",
]
