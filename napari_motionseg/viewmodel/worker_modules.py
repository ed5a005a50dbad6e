"""List the modules that a worker process imports while it waits for a job.

They are listed by name and not imported, because the window itself needs few of them. A
test checks that every module of this package that a job imports is in the list.
"""

from __future__ import annotations

WORKER_MODULES = (
    "torch",
    "napari_motionseg.segmentation.finetune",
    "napari_motionseg.segmentation.predict",
    "napari_motionseg.segmentation.temporal_smoothing",
    "napari_motionseg.motion.estimators",
    "napari_motionseg.motion.pwcnet_estimator",
    "napari_motionseg.training.flow.adaptation",
    "napari_motionseg.training.pretrain.job",
    "napari_motionseg.embedding.activation_maximization",
    "napari_motionseg.viewmodel.archive_state",
    "napari_motionseg.viewmodel.layer_jobs",
    "napari_motionseg.viewmodel.measure_jobs",
    "napari_motionseg.viewmodel.training_jobs",
)
