"""Pretrain a pixel embedding from the motion in loops, without any label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.training.pretrain.job import pretrain as pretrain
    from napari_motionseg.training.pretrain.job import pretrain_job as pretrain_job

_PUBLIC = {
    "pretrain": "job",
    "pretrain_job": "job",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
