"""The layers of the explorer's pictures: a grid beside a loop, or over it."""

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
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.viewers import DERIVED, placement
from napari_motionseg.widgets.motion.captions import caption_looks

CAPTIONS = "captions"
Captions = tuple[tuple[tuple[float, float], str], ...]
OVER_OPACITY = 0.8
CAPTION_PX = 8
ABOVE = 1 / 60  # of a frame's height, between a picture and its caption


class ExplorerLayers:
    """Adds each layer once, updates it in place, and survives whatever is deleted.

    Layers are known by identity, so one that is renamed or moved stays what it is. A
    view that is switched off is hidden, and comes back as the user left it: with napari
    0.9, Mesa's OpenGL often crashes when layers come and go.

    Parameters
    ----------
    owner
        The widget with which it ends.
    viewer
        Where layers are.
    dropped
        Called with the name of a picture whose layer the user has removed.
    """

    def __init__(
        self, owner: QObject, viewer: Viewer, dropped: Callable[[str], None]
    ) -> None:
        self._viewer = viewer
        self._dropped = dropped
        self._known: dict[str, Layer] = {}
        self._hidden: set[str] = set()  # by this class, not by the user
        self._loop: Layer | None = None
        self._placed: dict[str, tuple[Any, ...]] = {}
        self._pictures: dict[str, tuple[Any, ...]] = {}
        self._quick: set[str] = set()  # whose thumbnails are of an earlier picture
        self._captions: tuple[Any, ...] = ()
        self._changing = False
        self.grid: CheckpointCells | None = None
        listen(owner, viewer.layers.events.removed, self._removed)

    @property
    def known(self) -> dict[str, Layer]:
        """All layers by what they show."""
        return dict(self._known)

    def layer(self, name: str) -> Layer | None:
        """Return the layer of a picture that is shown, or None."""
        return None if name in self._hidden else self._known.get(name)

    def show(self, found: ExplorerResult, stale: str = "", quick: bool = False) -> None:
        """Show pictures, and nothing but these, where their loop is in the viewer.

        Parameters
        ----------
        found
            The pictures.
        stale
            What their captions say of their age.
        quick
            Leave thumbnails for later: a hand moves an anchor.
        """
        if found.request.layer not in self._viewer.layers:
            return
        if found.request.layer is not self._loop:
            self.remove()
            self._loop = found.request.layer
        active = self._viewer.layers.selection.active
        self._changing = True
        try:
            self._hide([n for n in self._known if n not in (*found.names, CAPTIONS)])
            for block, name in enumerate(found.names, 1):
                self._show_picture(block, name, found, quick)
            self.caption(found, stale)
            self._viewer.layers.selection.active = active
        finally:
            self._changing = False
        self._fit(found.grid)

    def caption(self, found: ExplorerResult, stale: str = "") -> None:
        """Write above each cell what it shows; nothing where there is no picture."""
        captions = captions_of(found, stale) if found.names else ()
        same = captions == self._captions and CAPTIONS not in self._hidden
        if same or self._loop not in self._viewer.layers:
            return
        self._captions = captions
        self._unhide(CAPTIONS)
        corners, texts = zip(*captions, strict=True) if captions else (((0, 0),), ("",))
        points, features = np.asarray(corners, float), {"caption": list(texts)}
        known = self._known.get(CAPTIONS)
        if known is None:
            looks = {"features": features, **caption_looks(self._viewer.theme)}
            looks["text"] = {**looks["text"], "size": CAPTION_PX}
            self._add(CAPTIONS, points, "points", placement(self._loop, 2) | looks)
            return
        known.data, known.features = points, features
        known.refresh_text()

    def hide(self) -> None:
        """Show nothing, and let it come back as it was."""
        self._hide(list(self._known))
        if self.grid is not None and self._loop in self._viewer.layers:
            self._fit(CheckpointCells(self.grid.size))

    def remove(self) -> None:
        """Remove all layers."""
        self._changing = True
        try:
            for layer in self._known.values():
                if layer in self._viewer.layers:
                    self._viewer.layers.remove(layer)
        finally:
            self._changing = False
        for kept in (self._known, self._placed, self._pictures):
            kept.clear()
        self._hidden.clear()
        self._captions = ()
        if self._loop is not None and self._loop in self._viewer.layers:
            self._fit(
                CheckpointCells(self.grid.size) if self.grid is not None else None
            )
        self._loop = None

    def _show_picture(
        self, block: int, name: str, found: ExplorerResult, quick: bool
    ) -> None:
        grid = found.grid
        pictures = tuple(p[name] for p in found.pictures)
        at = (0, 0) if found.request.choices.over else grid.corner(block)
        place = (at, grid.members, tuple(found.request.layer.scale))
        known = self._known.get(name)
        if known is None:
            attributes = placement(found.request.layer, 2, at) | looks_of(name)
            if found.request.choices.over:
                attributes["opacity"] = OVER_OPACITY
            kind = view_of(name).kind
            self._add(name, stacked(pictures, grid), kind, attributes)
        else:
            shown = [*map(id, self._pictures.get(name, ()))] == [*map(id, pictures)]
            if not shown or (name in self._quick and not quick):
                update(known, stacked(pictures, grid), quick)
                (self._quick.add if quick else self._quick.discard)(name)
            if place != self._placed.get(name):
                self._put(known, at, found.request.choices.over)
            self._unhide(name)
        self._pictures[name], self._placed[name] = pictures, place

    def _put(self, layer: Layer, at: tuple[int, int], over: bool) -> None:
        for attribute, value in placement(self._loop, 2, at).items():
            setattr(layer, attribute, value)
        layer.opacity = OVER_OPACITY if over else 1.0

    def _add(self, name: str, data: Any, kind: str, attributes: dict[str, Any]) -> None:
        loop = self._loop
        if loop is None:
            raise RuntimeError(f"layer {name!r} has no loop to lie on")
        attributes |= {
            "name": f"{loop.name} {name}", "metadata": {DERIVED: name},
        }  # fmt: skip
        layer = Layer.create(data, attributes, kind)
        self._known[name] = layer
        layers = self._viewer.layers
        if name == CAPTIONS:
            layers.append(layer)
        else:  # above what it belongs to, below anchors and captions
            below = [loop, *(x for n, x in self._known.items() if n != CAPTIONS)]
            layers.insert(1 + max(layers.index(x) for x in below if x in layers), layer)

    def _hide(self, names: list[str]) -> None:
        for name in names:
            if name not in self._hidden:
                # first: napari looks no more at what a hidden layer holds
                self._draw_in(name, self._known[name])
                self._known[name].visible = False
                self._hidden.add(name)

    def _draw_in(self, name: str, layer: Layer) -> None:
        """Let a layer take no room: cameras take in what is not seen, too."""
        if self._loop not in self._viewer.layers:
            return
        if name == CAPTIONS:
            layer.data, self._captions = np.zeros((1, 2)), ()
        else:
            layer.data = np.asarray(layer.data)[:1, :1].copy()
            self._pictures.pop(name, None)
            self._placed.pop(name, None)
        for attribute, value in placement(self._loop, 2).items():
            setattr(layer, attribute, value)

    def _unhide(self, name: str) -> None:
        """Show what was hidden here; what the user has hidden stays hidden."""
        if name in self._hidden:
            self._hidden.remove(name)
            self._known[name].visible = True

    def _removed(self, event: Any) -> None:
        if self._changing:
            return
        for name, layer in list(self._known.items()):
            if layer is event.value:
                del self._known[name]
                self._placed.pop(name, None)
                self._pictures.pop(name, None)
                was_shown = name not in self._hidden
                self._hidden.discard(name)
                if name == CAPTIONS:
                    self._captions = ()
                elif was_shown:
                    self._dropped(name)

    def _fit(self, grid: CheckpointCells | None) -> None:
        """Let the camera take in all cells, when there are others than before."""
        cells = 1 if self.grid is None else self.grid.cells
        self.grid = grid
        if grid is not None and grid.cells != cells:
            self._viewer.reset_view()


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
