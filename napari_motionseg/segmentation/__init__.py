"""Segment loops from few labels: fine-tune, predict, measure."""

from __future__ import annotations

from napari_motionseg.segmentation.augmentation import AugmentSettings
from napari_motionseg.segmentation.finetune import finetune, finetune_job
from napari_motionseg.segmentation.metrics import (
    Evaluation,
    cldice,
    dice,
    evaluate,
    hd95,
)
from napari_motionseg.segmentation.predict import (
    Segmentation,
    load_segmentation,
    segment,
    segment_job,
)
from napari_motionseg.segmentation.settings import FinetuneSettings

__all__ = [
    "AugmentSettings",
    "Evaluation",
    "FinetuneSettings",
    "Segmentation",
    "cldice",
    "dice",
    "evaluate",
    "finetune",
    "finetune_job",
    "hd95",
    "load_segmentation",
    "segment",
    "segment_job",
]
