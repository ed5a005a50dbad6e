"""Read and write cine loops, labels, masks and flow."""

from napari_motionseg.io.label_writers import write_masks
from napari_motionseg.io.labels import Labels, read_labels
from napari_motionseg.io.reading import can_read, read_cine, read_cines

__all__ = [
    "Labels",
    "can_read",
    "read_cine",
    "read_cines",
    "read_labels",
    "write_masks",
]
