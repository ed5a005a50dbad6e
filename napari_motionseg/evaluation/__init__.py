"""Evaluate few-shot segmentation: protocols, peer methods and their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.evaluation.fewshot import FewShotSettings as FewShotSettings
    from napari_motionseg.evaluation.fewshot import fewshot_job as fewshot_job
    from napari_motionseg.evaluation.paired_statistics import summarize as summarize
    from napari_motionseg.evaluation.reference_loops import (
        ReferenceLoop as ReferenceLoop,
    )
    from napari_motionseg.evaluation.reference_loops import (
        read_references as read_references,
    )
    from napari_motionseg.evaluation.reference_loops import (
        synthetic_references as synthetic_references,
    )

_PUBLIC = {
    "FewShotSettings": "fewshot",
    "fewshot_job": "fewshot",
    "summarize": "paired_statistics",
    "ReferenceLoop": "reference_loops",
    "read_references": "reference_loops",
    "synthetic_references": "reference_loops",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
