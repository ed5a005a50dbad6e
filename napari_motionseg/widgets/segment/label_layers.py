"""The labels layers of loops: found, made, and given another class."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer

from napari_motionseg.viewmodel.class_colors import label_colors
from napari_motionseg.viewmodel.layer_arrays import CLASSES
from napari_motionseg.viewmodel.painting import BACKGROUND_NAME, VESSEL_NAME, names_of
from napari_motionseg.widgets.common.viewers import (
    DERIVED,
    LOOP,
    is_painting,
    placement,
)

BRUSH_SHARE = 1 / 100  # of the shorter side of a frame


def painting_of(viewer: Viewer, loop: Layer) -> Labels | None:
    """Return the labels layer that belongs to a loop, if there is one."""
    for layer in reversed(viewer.layers):
        if is_painting(layer) and layer.metadata.get(LOOP) == loop.name:
            return layer
    return None


def new_painting(viewer: Viewer, loop: Layer) -> Labels:
    """Add an empty labels layer over a loop; the active layer stays active."""
    active = viewer.layers.selection.active
    names = [BACKGROUND_NAME, VESSEL_NAME]
    painting = viewer.add_labels(
        np.zeros(loop.data.shape[: loop.ndim], np.uint8),
        name=f"{loop.name} labels",
        metadata={CLASSES: names, LOOP: loop.name},
        colormap=label_colors(names),
        opacity=0.7,
        **placement(loop, loop.ndim),
    )
    painting.brush_size = max(2, round(min(loop.data.shape[1:3]) * BRUSH_SHARE))
    painting.selected_label = 2
    painting.preserve_labels = False
    if active is not None:
        viewer.layers.selection.active = active
    return painting


def add_class(painting: Labels, name: str) -> int:
    """Add a class to a labels layer and return its number, 0 = background."""
    names = [*names_of(painting), name]
    painting.metadata[CLASSES] = names
    painting.colormap = label_colors(names)
    return len(names) - 1


def derived(what: str, loop: Layer) -> dict[str, Any]:
    """Return the metadata of a layer that a dock has made of a loop.

    Parameters
    ----------
    what
        What the layer shows, such as ``"masks"``.
    loop
        The image layer of the loop.
    """
    return {DERIVED: what, LOOP: loop.name, "cine": loop.metadata.get("cine")}
