"""Keep everything that was painted and trained, as it happens.

A project is a folder ``NAME.motionseg``. Strokes are appended to a journal within two
seconds. A kill at any moment loses nothing older, and the project can always be opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.project.autosave import Autosaver as Autosaver
    from napari_motionseg.project.autosave import SaveStatus as SaveStatus
    from napari_motionseg.project.folder import Project as Project
    from napari_motionseg.project.manifest import LayerRecord as LayerRecord
    from napari_motionseg.project.manifest import LoopRecord as LoopRecord
    from napari_motionseg.project.manifest import Manifest as Manifest
    from napari_motionseg.project.manifest import ModelRecord as ModelRecord
    from napari_motionseg.project.recent_projects import (
        RecentProjects as RecentProjects,
    )
    from napari_motionseg.project.recent_projects import Recoverable as Recoverable
    from napari_motionseg.project.references import is_same as is_same
    from napari_motionseg.project.references import read_loop as read_loop

_PUBLIC = {
    "Autosaver": "autosave",
    "SaveStatus": "autosave",
    "Project": "folder",
    "LayerRecord": "manifest",
    "LoopRecord": "manifest",
    "Manifest": "manifest",
    "ModelRecord": "manifest",
    "RecentProjects": "recent_projects",
    "Recoverable": "recent_projects",
    "is_same": "references",
    "read_loop": "references",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
