"""The classes that are painted: names, colours, and the labels layer that has them.

In a layer that a dock has made, 0 is not painted, 1 is background, 2 the vessel; what
is not painted *means* is said beside it, and never changes a number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_motionseg.contributions import VESSEL
from napari_motionseg.viewmodel.layer_arrays import CLASSES
from napari_motionseg.widgets.common.viewers import DERIVED, is_painting, placement

BACKGROUND_NAME, VESSEL_NAME = "background", "vessel"
# of 1, 2, 3, ...; red and blue stay apart for all kinds of colour vision
PALETTE = (
    "#3d8bfd", VESSEL, "#ffd23f", "#2bd9a8", "#c77dff", "#f48fb1", "#9ccc65", "#b0bec5",
)  # fmt: skip
LOOP = "loop"  # the key in a painting's metadata of the loop's name
BRUSH_SHARE = 1 / 100  # of the shorter side
UNPAINTED = {
    "dense": "What is not painted on a painted frame is background: paint all of the "
    "vessel.",
    "scribbles": "What is not painted is not known: a few strokes of each class are "
    "enough.",
}


def names_of(painting: Layer) -> list[str]:
    """Return the names of a layer's classes, the background first."""
    return list(painting.metadata.get(CLASSES, (BACKGROUND_NAME, VESSEL_NAME)))


def colour_of(number: int) -> str:
    """Return the colour of class `number`, 0 = background."""
    return PALETTE[number % len(PALETTE)]


def label_colours(names: list[str], first: int = 1) -> dict[int | None, str]:
    """Return napari's colours of a labels layer whose background is `first`."""
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    for number in range(len(names)):
        if first + number > 0:
            colours[first + number] = colour_of(number)
    return colours


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
        colormap=label_colours(names),
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
    painting.colormap = label_colours(names)
    return len(names) - 1


def coloured(
    probabilities: NDArray[np.float32], opaque: float = 0.85
) -> NDArray[np.uint8]:
    """Return the likeliest class of each pixel in its colour, as opaque as it is sure.

    Parameters
    ----------
    probabilities
        ``(C, H, W)``, the background first, which is clear.
    opaque
        Of what is certain.

    Returns
    -------
    NDArray
        ``(H, W, 4)`` uint8.
    """
    likeliest = probabilities[1:].argmax(axis=0)
    colours = np.array([_rgb(colour_of(n)) for n in range(1, len(probabilities))])
    picture = np.empty((*likeliest.shape, 4), np.uint8)
    picture[..., :3] = colours.astype(np.uint8)[likeliest]
    sure = np.clip((1 - probabilities[0] - 0.1) / 0.9, 0, 1)
    picture[..., 3] = sure * (255 * opaque)
    return picture


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def derived(what: str, loop: Layer) -> dict[str, Any]:
    """Return the metadata of a layer that a dock has made of a loop."""
    return {DERIVED: what, LOOP: loop.name, "cine": loop.metadata.get("cine")}
