"""Training: the one loop, and what is learnt before anyone has labelled anything."""

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
