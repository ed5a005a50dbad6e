"""Find and make the labels layers of loops, and add classes to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer

from napari_motionseg.io import Labels as PaintedLabels
from napari_motionseg.io.label_numbers import CLASSES
from napari_motionseg.viewmodel.class_colors import label_colors
from napari_motionseg.viewmodel.painting import (
    NEW_NAMES,
    has_screen_numbers,
    names_of,
    of_frames,
)
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.widgets.common.layer_changes import active_kept
from napari_motionseg.widgets.common.painted_labels import painted_labels
from napari_motionseg.widgets.common.viewers import (
    DERIVED,
    LOOP,
    has_paint,
    is_painting,
    placement,
    same_place,
)

OPACITY = 0.9  # strokes are solid, unlike masks and the preview


def painting_of(viewer: Viewer, loop: Layer) -> Labels | None:
    """Return the labels layer that docks have made for a loop, if there is one.

    Labels of another origin, such as the truth of a sample, are painted on only after
    the user has chosen them.
    """
    for layer in reversed(viewer.layers):
        own = is_painting(layer) and has_screen_numbers(layer)
        if own and layer.metadata.get(LOOP) == loop.name:
            return layer
    return None


def labels_of_loop(
    viewer: Viewer, state: SegmentState, loop: Layer
) -> PaintedLabels | None:
    """Return what is painted on a loop; None if nothing that fits it is.

    Parameters
    ----------
    viewer
        The viewer.
    state
        The state of the dock, whose own layer of labels is used for its loop.
    loop
        The image layer of the loop.
    """
    own = loop is state.loop and state.painting is not None
    painting = state.painting if own else painting_of(viewer, loop)
    if painting is None or not has_paint(painting) or not same_place(loop, painting):
        return None
    mode = state.label_mode
    return painted_labels(viewer, state.session, loop, painting, mode)[1]


def new_painting(viewer: Viewer, loop: Layer) -> Labels:
    """Add an empty labels layer over a loop; the active layer stays active."""
    painting = Labels(
        np.zeros(loop.data.shape[: loop.ndim], np.uint8),
        name=f"{loop.name} labels",
        metadata={CLASSES: list(NEW_NAMES), LOOP: loop.name},
        colormap=label_colors(NEW_NAMES),
        opacity=OPACITY,
        **placement(loop, loop.ndim),
    )
    painting.selected_label = 1
    painting.preserve_labels = False
    if viewer.layers.selection.active is None:
        viewer.add_layer(painting)
    else:
        with active_kept(viewer):
            viewer.add_layer(painting)
    return painting


def add_class(painting: Labels, name: str, mode: str) -> int:
    """Add a class to a labels layer and return its number, 0 = background.

    The labels of a layer of another origin are first converted to the numbers of the
    screen, so that they keep their meaning.

    Parameters
    ----------
    painting
        The labels layer.
    name
        Name of the class.
    mode
        Label mode that the layer was painted in, if it is of another origin.
    """
    names = [*names_of(painting), name]
    if not has_screen_numbers(painting):
        labels = of_frames(painting, mode)
        painting.metadata[CLASSES] = names
        painting.data = labels
    painting.metadata[CLASSES] = names
    painting.colormap = label_colors(names)
    return len(names) - 1


def derived(what: str, loop: Layer) -> dict[str, Any]:
    """Return the metadata of a layer that a dock has made for a loop.

    Parameters
    ----------
    what
        Role of the layer, such as ``"masks"``.
    loop
        The image layer of the loop.
    """
    return {DERIVED: what, LOOP: loop.name, "cine": loop.metadata.get("cine")}
