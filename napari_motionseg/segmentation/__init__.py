"""Segment loops from few labels: fine-tune, predict, measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.segmentation.augmentation import (
        AugmentSettings as AugmentSettings,
    )
    from napari_motionseg.segmentation.finetune import finetune_job as finetune_job
    from napari_motionseg.segmentation.metrics import Evaluation as Evaluation
    from napari_motionseg.segmentation.metrics import cldice as cldice
    from napari_motionseg.segmentation.metrics import dice as dice
    from napari_motionseg.segmentation.metrics import evaluate as evaluate
    from napari_motionseg.segmentation.metrics import hd95 as hd95
    from napari_motionseg.segmentation.predict import Segmentation as Segmentation
    from napari_motionseg.segmentation.predict import (
        load_segmentation as load_segmentation,
    )
    from napari_motionseg.segmentation.predict import segment as segment
    from napari_motionseg.segmentation.predict import segment_job as segment_job
    from napari_motionseg.segmentation.settings import (
        FinetuneSettings as FinetuneSettings,
    )

_PUBLIC = {
    "AugmentSettings": "augmentation",
    "finetune_job": "finetune",
    "Evaluation": "metrics",
    "cldice": "metrics",
    "dice": "metrics",
    "evaluate": "metrics",
    "hd95": "metrics",
    "Segmentation": "predict",
    "load_segmentation": "predict",
    "segment": "predict",
    "segment_job": "predict",
    "FinetuneSettings": "settings",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
