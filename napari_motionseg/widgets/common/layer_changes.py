"""Add and remove layers without the work that napari does for a user's own changes."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from napari.layers import Layer
from napari.viewer import Viewer

WINDOWS = "win32"


@contextmanager
def active_kept(viewer: Viewer) -> Iterator[None]:
    """Keep the active layer while this block adds and removes others.

    napari makes each new layer the active one and shows its controls, and then those of
    the former one again. Either takes up to a tenth of a second.

    Parameters
    ----------
    viewer
        The viewer whose layers change.
    """
    layers = viewer.layers
    active = layers.selection.active
    # not public; a version of napari without it makes new layers active meanwhile
    before = getattr(layers, "_activate_on_insert", None)
    if before:
        layers._activate_on_insert = False
    try:
        yield
    finally:
        if before:
            layers._activate_on_insert = before
        known = active is None or active in layers
        if known and layers.selection.active is not active:
            layers.selection.active = active


def take_out(viewer: Viewer, layer: Layer) -> None:
    """Remove a layer, without a search of the whole memory for garbage.

    napari collects garbage whenever a layer is removed: drivers of Windows may crash if
    textures of the layer are still there when the rest is drawn. The collection
    examines every object of the process, which takes some hundred milliseconds.
    Elsewhere, it is left to a later one, see `RestingCollection`.

    Parameters
    ----------
    viewer
        The viewer whose active layer stays active.
    layer
        A layer of the viewer.
    """
    with active_kept(viewer), old_objects_skipped():
        viewer.layers.remove(layer)


@contextmanager
def old_objects_skipped() -> Iterator[None]:
    """Let collections in this block examine only the objects that the block makes."""
    # objects that others have frozen must stay so
    if sys.platform == WINDOWS or gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
