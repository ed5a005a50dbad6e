"""Pretrain a pixel embedding from the motion in loops, without any label."""

from __future__ import annotations

from napari_motionseg.training.pretrain.job import pretrain, pretrain_job

__all__ = ["pretrain", "pretrain_job"]
