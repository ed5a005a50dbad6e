"""Evaluate few-shot segmentation: protocols, peer methods and their tables."""

from napari_motionseg.evaluation.fewshot import FewShotSettings, fewshot_job
from napari_motionseg.evaluation.paired_statistics import summarize
from napari_motionseg.evaluation.reference_loops import (
    ReferenceLoop,
    read_references,
    synthetic_references,
)

__all__ = [
    "FewShotSettings",
    "ReferenceLoop",
    "fewshot_job",
    "read_references",
    "summarize",
    "synthetic_references",
]
