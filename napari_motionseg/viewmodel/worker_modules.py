"""Modules that a worker process imports while it waits for a job of a dock.

They are named, not imported: the window itself needs few of them. A test starts from
each job of the docks and checks that all of its package's modules are here.
"""

from __future__ import annotations

WORKER_MODULES = (
    "torch",
    "napari_motionseg.segmentation",
    "napari_motionseg.segmentation.predict",
    "napari_motionseg.segmentation.temporal_smoothing",
    "napari_motionseg.motion.pwcnet_estimator",
    "napari_motionseg.training",
    "napari_motionseg.training.flow.adaptation",
    "napari_motionseg.embedding.activation_maximization",
    "napari_motionseg.viewmodel.layer_jobs",
)
