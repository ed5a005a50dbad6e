"""Load masks and references from files as layers over the open loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.utils.notifications import show_info
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_motionseg.contributions import VESSEL, LayerTuple
from napari_motionseg.errors import LabelError, MotionSegError
from napari_motionseg.viewmodel.mask_files import (
    LoadedMasks,
    OpenLoop,
    load_masks,
)
from napari_motionseg.widgets.common.dock_layout import Dock
from napari_motionseg.widgets.common.loop_display import loop_display_of
from napari_motionseg.widgets.common.project_layers import MASKS, ROLE, SEGMENTS
from napari_motionseg.widgets.common.viewers import (
    DERIVED,
    LOOP,
    errors_shown,
    frame_shown,
    is_loop,
    placement,
    session_of,
)

FILES = "Masks (*.npz *.tif *.tiff *.png *.nii *.nii.gz *.dcm)"
REFERENCE_COLOR = "#2bd9a8"  # of outlines of a reference


def read_mask_layers(viewer: Viewer, path: str) -> list[LayerTuple]:
    """Read masks as a layer over their loop in a viewer.

    Parameters
    ----------
    viewer
        The viewer, in which the loop is open.
    path
        Path of a file of masks, or of a folder of images.

    Raises
    ------
    MotionSegError
        If no open loop fits, or the file cannot be read.
    """
    loaded = load_masks(path, open_loops(viewer), loop_display_of(viewer).loop)
    show_info(loaded.words())
    return [mask_layer(viewer, loaded)]


def open_loops(viewer: Viewer) -> list[OpenLoop]:
    """Return the loops that are open in a viewer, the newest last."""
    found, session = [], session_of(viewer)
    for layer in viewer.layers:
        if is_loop(layer):
            try:
                cine = session.loop(layer).cine
            except MotionSegError:
                continue  # the image is not a loop, for example an RGB picture
            frame = frame_shown(viewer, layer)
            found.append(OpenLoop(layer, cine, layer.name, frame))
    return found


def mask_layer(viewer: Viewer, loaded: LoadedMasks, role: str = MASKS) -> LayerTuple:
    """Return masks as a layer over their loop.

    Parameters
    ----------
    viewer
        The viewer that the layer is made for.
    loaded
        The masks with their loop.
    role
        ``"masks"`` for masks to view, correct and export; ``"reference"`` for labels
        that masks are compared with.
    """
    loop = loaded.loop.layer
    name = f"{loop.name} {role}"
    if name in viewer.layers:
        name = f"{loop.name} {loaded.path.name}"
    color = VESSEL if role == MASKS else REFERENCE_COLOR
    masks = loaded.masks if loop.ndim == 3 else loaded.masks[0]
    metadata = {
        DERIVED: role, ROLE: role, LOOP: loop.name, "cine": loop.metadata.get("cine"),
        "done": loaded.labelled, "file": loaded.path.name,
    }  # fmt: skip
    if loaded.segments:
        metadata[SEGMENTS] = list(loaded.segments)
    attributes: dict[str, Any] = {
        "name": name,
        "metadata": metadata,
        "opacity": 0.6,
        "colormap": {0: "transparent", 1: color, None: "gold"},
        **placement(loop, loop.ndim),
    }
    return np.ascontiguousarray(masks), attributes, "labels"


def load_onto_loop(
    viewer: Viewer, path: Path, role: str = MASKS, besides: Layer | None = None
) -> Layer:
    """Read masks, add them over their loop, and return the new layer.

    Parameters
    ----------
    viewer
        The viewer with the loop.
    path
        Path of a file with masks, or of a folder of images.
    role
        Role of the layer: ``"masks"`` or ``"reference"``.
    besides
        Image layer that must not be taken for a loop, or None.

    Raises
    ------
    MotionSegError
        If no open loop fits, or the file cannot be read.
    """
    loops = [loop for loop in open_loops(viewer) if loop.layer is not besides]
    loaded = load_masks(path, loops, loop_display_of(viewer).loop)
    data, attributes, _ = mask_layer(viewer, loaded, role)
    layer = viewer.add_labels(data, **attributes)
    show_info(loaded.words())
    return layer


def replace_image(viewer: Viewer, image: Layer, path: Path) -> Layer | None:
    """Replace an image that napari has read by the masks that its file holds.

    Parameters
    ----------
    viewer
        The viewer with the image.
    image
        Layer that napari has made from the file.
    path
        Path of the file, which this program has written.

    Returns
    -------
    Layer or None
        The new layer. If the masks fit no open loop, None, and the image stays.
    """
    try:
        layer = load_onto_loop(viewer, path, besides=image)
    except LabelError as error:
        show_info(f"{error}.")
        return None
    viewer.layers.remove(image)
    return layer


class LoadMasksButton(QPushButton):
    """Button that asks for files of masks and loads them over their loops.

    Parameters
    ----------
    dock
        The dock that the button belongs to.
    role
        Role of the new layers: ``"masks"`` or ``"reference"``.
    text
        Text of the button.

    Signals
    -------
    loaded
        Emitted with each layer that was added.
    """

    loaded = Signal(object)

    def __init__(
        self, dock: Dock, role: str = MASKS, text: str = "Load masks…"
    ) -> None:
        super().__init__(text)
        self.setToolTip(
            "Read masks from .npz, TIFF, PNG or NIfTI onto the open loop that they "
            "were made for. The loop is found by the file's hash, name or size"
        )
        self._dock, self._role = dock, role
        self.clicked.connect(self._ask)

    def _ask(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, self.text(), "", FILES)
        for name in names:
            with errors_shown():
                layer = load_onto_loop(self._dock.viewer, Path(name), self._role)
                self.loaded.emit(layer)
