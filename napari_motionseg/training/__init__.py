"""Train networks: the loop, pretraining, flow and masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.training.engine.loop import Task as Task
    from napari_motionseg.training.engine.loop import TrainingRecord as TrainingRecord
    from napari_motionseg.training.engine.loop import (
        TrainingSettings as TrainingSettings,
    )
    from napari_motionseg.training.engine.loop import train_job as train_job
    from napari_motionseg.training.pretrain.job import pretrain_job as pretrain_job
    from napari_motionseg.training.pretrain.settings import (
        PretrainSettings as PretrainSettings,
    )

_PUBLIC = {
    "Task": "engine.loop",
    "TrainingRecord": "engine.loop",
    "TrainingSettings": "engine.loop",
    "train_job": "engine.loop",
    "PretrainSettings": "pretrain.settings",
    "pretrain_job": "pretrain.job",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
