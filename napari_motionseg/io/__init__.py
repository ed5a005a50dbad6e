"""Read and write cine loops, labels, masks and flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.io.label_writers import write_masks as write_masks
    from napari_motionseg.io.labels import Labels as Labels
    from napari_motionseg.io.labels import read_labels as read_labels
    from napari_motionseg.io.reading import can_read as can_read
    from napari_motionseg.io.reading import read_cine as read_cine
    from napari_motionseg.io.reading import read_cines as read_cines

_PUBLIC = {
    "write_masks": "label_writers",
    "Labels": "labels",
    "read_labels": "labels",
    "can_read": "reading",
    "read_cine": "reading",
    "read_cines": "reading",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
