"""Run everything on a synthetic loop, whose truth is known."""

from napari_motionseg.demo.result import FILES, DemoFiles, DemoResult
from napari_motionseg.demo.settings import DemoSettings
from napari_motionseg.demo.stages import (
    STAGES,
    Demo,
    demo_job,
    liveliest_frame,
    thickest_point,
)

__all__ = [
    "FILES",
    "STAGES",
    "Demo",
    "DemoFiles",
    "DemoResult",
    "DemoSettings",
    "demo_job",
    "liveliest_frame",
    "thickest_point",
]
