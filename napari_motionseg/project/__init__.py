"""Keep everything that was painted and trained, as it happens.

A project is a folder ``NAME.motionseg``. Strokes are appended to a journal within two
seconds. A kill at any moment loses nothing older, and the project can always be opened.
"""

from napari_motionseg.project.autosave import Autosaver, SaveStatus
from napari_motionseg.project.folder import Project
from napari_motionseg.project.manifest import (
    LayerRecord,
    LoopRecord,
    Manifest,
    ModelRecord,
)
from napari_motionseg.project.recent_projects import RecentProjects, Recoverable
from napari_motionseg.project.references import is_same, read_loop

__all__ = [
    "Autosaver",
    "LayerRecord",
    "LoopRecord",
    "Manifest",
    "ModelRecord",
    "Project",
    "RecentProjects",
    "Recoverable",
    "SaveStatus",
    "is_same",
    "read_loop",
]
