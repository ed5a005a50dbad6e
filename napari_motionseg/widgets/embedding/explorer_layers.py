"""The layers of the explorer's pictures: in cells beside a loop, or over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_motionseg.embedding.embedding_views import view_of
from napari_motionseg.viewmodel.cells import CheckpointCells
from napari_motionseg.viewmodel.explorer_state import ExplorerResult
from napari_motionseg.widgets.common.picture_layers import (
    CAPTIONS,
    Captions,
    PictureLayers,
)
from napari_motionseg.widgets.common.viewers import placement

OVER_OPACITY = 0.8
CAPTION_PX = 8
ABOVE = 1 / 60  # of a frame's height, between a picture and its caption


class ExplorerLayers(PictureLayers):
    """Show the pictures of an embedding and their captions.

    All layers are removed when another loop is shown.

    Parameters
    ----------
    owner
        The widget with which the connections to the viewer end.
    viewer
        The viewer that holds the layers.
    dropped
        A function that is called with the name of a picture when the user has removed
        its layer.
    """

    def __init__(
        self, owner: QObject, viewer: Viewer, dropped: Callable[[str], None]
    ) -> None:
        super().__init__(owner, viewer, dropped, CAPTION_PX)
        self._placed: dict[str, tuple[Any, ...]] = {}
        self._pictures: dict[str, tuple[Any, ...]] = {}
        self._quick: set[str] = set()  # whose thumbnails are of an earlier picture

    def show(self, found: ExplorerResult, stale: str = "", quick: bool = False) -> None:
        """Show pictures, and nothing but these, if their loop is in the viewer.

        Parameters
        ----------
        found
            The pictures.
        stale
            A note that the captions add about the age of the pictures, or "".
        quick
            Whether thumbnails are left for later, because an anchor is being dragged.
        """
        if found.request.layer not in self._viewer.layers:
            return
        if found.request.layer is not self._loop:
            self.remove()
            self._loop = found.request.layer
        with self._own_changes(keep_active=True):
            self._hide([n for n in self._known if n not in (*found.names, CAPTIONS)])
            for block, name in enumerate(found.names, 1):
                self._show_picture(block, name, found, quick)
            self.caption(found, stale)
        self._fit(found.grid)

    def caption(self, found: ExplorerResult, stale: str = "") -> None:
        """Write above each cell what it shows; nothing if there is no picture."""
        if self._loop_is_open:
            self._write_captions(captions_of(found, stale) if found.names else ())

    def hide(self) -> None:
        """Hide all layers; `show` brings them back as they were."""
        self._hide(list(self._known))
        if self.grid is not None and self._loop_is_open:
            self._fit(CheckpointCells(self.grid.size))

    def remove(self) -> None:
        """Remove all layers."""
        with self._own_changes():
            for name in list(self._known):
                self._remove(name)
        if self._loop_is_open:
            loop_alone = CheckpointCells(self.grid.size) if self.grid else None
            self._fit(loop_alone)
        self._loop = None

    def _show_picture(
        self, block: int, name: str, found: ExplorerResult, quick: bool
    ) -> None:
        grid, over = found.grid, found.request.choices.over
        pictures = tuple(p[name] for p in found.pictures)
        at = (0, 0) if over else grid.corner(block)
        place = (at, grid.members, tuple(found.request.layer.scale))
        known = self._known.get(name)
        if known is None:
            attributes = placement(found.request.layer, 2, at) | looks_of(name)
            if over:
                attributes["opacity"] = OVER_OPACITY
            self._add(name, stacked(pictures, grid), view_of(name).kind, attributes)
        else:
            shown = [*map(id, self._pictures.get(name, ()))] == [*map(id, pictures)]
            if not shown or (name in self._quick and not quick):
                update(known, stacked(pictures, grid), quick)
                (self._quick.add if quick else self._quick.discard)(name)
            if place != self._placed.get(name):
                self._place(known, at)
                known.opacity = OVER_OPACITY if over else 1.0
            self._unhide(name)
        self._pictures[name], self._placed[name] = pictures, place

    def _is_picture(self, name: str) -> bool:
        return name != CAPTIONS

    def _smallest(self, name: str, layer: Layer) -> Any:
        return np.asarray(layer.data)[:1, :1].copy()

    def _forget(self, name: str) -> None:
        self._placed.pop(name, None)
        self._pictures.pop(name, None)

    def _index(self, name: str) -> int:
        """Return an index above the loop's pictures, below anchors and captions."""
        layers = self._viewer.layers
        if name == CAPTIONS:
            return len(layers)
        below = [self._loop, *(x for n, x in self._known.items() if n != CAPTIONS)]
        highest: int = max(layers.index(x) for x in below if x in layers)
        return 1 + highest


def looks_of(name: str) -> dict[str, Any]:
    """Return attributes of a new layer of a picture."""
    view = view_of(name)
    if view.kind == "labels":
        return {"opacity": 0.8}
    if view.limits is None:
        return {"rgb": True}
    return {"colormap": view.colormap, "contrast_limits": view.limits}


def update(layer: Layer, picture: Any, quick: bool) -> None:
    """Show another picture in a layer.

    One of the same shape goes into the layer's own array: new data would have napari
    look at the extent of every layer, which takes longer than the map took to compute.
    """
    own = layer.data
    if (own.shape, own.dtype) != (picture.shape, picture.dtype):
        layer.data = picture
        return
    own[...] = picture
    layer.refresh(thumbnail=not quick, highlight=False, extent=False)


def stacked(pictures: tuple[Any, ...], grid: CheckpointCells) -> Any:
    """Return pictures of one or two checkpoints as a new one, a row of cells apart.

    One layer for both has one contrast, whatever a person does to it.
    """
    if len(pictures) == 1:
        return pictures[0].copy()
    first, second = pictures
    blank = np.nan if first.dtype.kind == "f" else 0
    room = np.full((grid.row_step - len(first), *first.shape[1:]), blank, first.dtype)
    return np.concatenate([first, room, second])


def captions_of(found: ExplorerResult, stale: str) -> Captions:
    """Return where captions end, row and column in px, and their texts."""
    grid, look = found.grid, found.request
    up = look.size[0] * ABOVE
    captions = []
    for model, chosen in enumerate(look.models):
        head = chosen.title if len(look.models) > 1 else ""
        if look.choices.over:
            words = [head, *(view_of(name).title for name in found.names), stale]
            texts = ["\n".join(filter(None, words))]
        else:
            age = f"\n{stale}" if stale else ""
            narrow = len(look.models) > 1
            texts = [head, *(_words(name, narrow) + age for name in found.names)]
        for block, text in enumerate(texts):
            row, column = grid.corner(block, model)
            if text:
                captions.append(((row - up, column), text))
    return tuple(captions)


def _words(name: str, narrow: bool) -> str:
    """Return a caption in two lines, with the values of its colours where they fit."""
    view = view_of(name)
    what, how = view.title.split(": ")
    number = name.removeprefix(name.rstrip("0123456789"))
    which = f" {number}" if number else ""
    if view.limits is None or narrow:
        return f"{what}\n{how}{which}"
    low, high = (f"{limit:g}".replace("-", "\u2212") for limit in view.limits)
    return f"{what}\n{how}{which}, {low} to {high}"
