"""Few-shot segmentation of X-ray angiography cine loops, taught by motion.

Research use only; not a medical device.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_motionseg.version import __version__

if TYPE_CHECKING:
    from napari_motionseg.cine import Cine as Cine
    from napari_motionseg.errors import MotionSegError as MotionSegError
    from napari_motionseg.io import read_cine as read_cine
    from napari_motionseg.motion import FlowSequence as FlowSequence
    from napari_motionseg.motion import estimate_flow as estimate_flow
    from napari_motionseg.segmentation.finetune import finetune as finetune
    from napari_motionseg.segmentation.predict import segment as segment
    from napari_motionseg.synthesis import SynthesisConfig as SynthesisConfig
    from napari_motionseg.synthesis import synthesize_cine as synthesize_cine
    from napari_motionseg.training.pretrain import pretrain as pretrain

_PUBLIC = {
    "Cine": "cine",
    "MotionSegError": "errors",
    "read_cine": "io",
    "FlowSequence": "motion",
    "estimate_flow": "motion",
    "pretrain": "training.pretrain",
    "finetune": "segmentation",
    "segment": "segmentation",
    "SynthesisConfig": "synthesis",
    "synthesize_cine": "synthesis",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch and Qt cost seconds."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
