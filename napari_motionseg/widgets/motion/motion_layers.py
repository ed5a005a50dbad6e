"""The layers that views of motion are shown in: over a loop, and in cells beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.experimental import link_layers, unlink_layers
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_motionseg.motion import VIEWS
from napari_motionseg.motion.flow_views import Picture
from napari_motionseg.viewmodel.cells import FlowCells
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.viewers import DERIVED, placement
from napari_motionseg.widgets.motion.captions import caption_looks, captions_of
from napari_motionseg.widgets.motion.shown_views import ShownViews

LOOP, CAPTIONS = "loop again", "captions"
ORDER = (LOOP, *VIEWS, CAPTIONS)  # from the lowest to the highest
FOLLOWS_LOOP = ("contrast_limits", "gamma", "colormap")


class MotionLayers:
    """Adds, updates and removes the layers of views.

    They are known by identity, so a loop or a view that is renamed stays what it is.
    A view that is switched off is hidden and comes back as the user left it. It is not
    removed: with napari 0.9, Mesa's OpenGL often crashes when layers come and go.

    Parameters
    ----------
    owner
        The widget with which it ends.
    viewer
        Where layers are.
    dropped
        Called with the name of a view whose layer the user has removed.
    """

    def __init__(
        self, owner: QObject, viewer: Viewer, dropped: Callable[[str], None]
    ) -> None:
        self._viewer = viewer
        self._dropped = dropped
        self._known: dict[str, Layer] = {}
        self._hidden: set[str] = set()  # by this class, not by the user
        self._loop: Layer | None = None
        self._sheet: FlowCells | None = None
        self._full_px: float | None = None
        self._captions: tuple[Any, ...] = ()
        self._changing = False
        listen(owner, viewer.layers.events.removed, self._removed)

    def layer(self, name: str) -> Layer | None:
        """Return the layer of a view that is shown, or None."""
        return None if name in self._hidden else self._known.get(name)

    def show(self, shown: ShownViews, arrow_length: float) -> None:
        """Show views, and nothing but these, where their loop is in the viewer."""
        if shown.loop not in self._viewer.layers:
            return
        if shown.loop is not self._loop:
            self._turn_to(shown.loop)
        active = self._viewer.layers.selection.active
        self._changing = True
        try:
            unwanted = [n for n in VIEWS if n not in shown.pictures]
            self._hide(unwanted)
            self._show_loop_again(shown)
            beside = 0
            for name, picture in shown.pictures.items():
                beside += not VIEWS[name].over
                at = (0, 0) if VIEWS[name].over else shown.sheet.corner(beside)
                self._show_view(name, picture, at, shown)
            arrows = self.layer("arrows")
            if arrows is not None:
                arrows.length = arrow_length
            self._full_px = shown.options.full_px
            self._show_captions(shown)
            self._viewer.layers.selection.active = active
        finally:
            self._changing = False
        self._fit(shown.sheet)

    def hide(self) -> None:
        """Show nothing; what belongs to a loop that is gone goes, too."""
        self._changing = True
        try:
            self._hide([*self._known])
            if self._loop is not None and self._loop not in self._viewer.layers:
                self._forget_loop()
                for layer in self._known.values():
                    self._remove(layer)
                self._known, self._hidden, self._captions = {}, set(), ()
        finally:
            self._changing = False
        if self._sheet is not None and self._loop is not None:
            self._fit(FlowCells(self._sheet.size))

    def _turn_to(self, loop: Layer) -> None:
        """Let the layers belong to another loop, above which they lie."""
        self.hide()
        self._changing = True
        self._forget_loop()
        self._loop, self._captions = loop, ()
        loop.events.name.connect(self._rename)
        self._rename()
        layers = self._viewer.layers
        for name in [name for name in ORDER if name in self._known]:
            layers.move(layers.index(self._known[name]), len(layers))
        self._changing = False

    def _forget_loop(self) -> None:
        if self._loop is not None:
            self._loop.events.name.disconnect(self._rename)
        again = self._known.pop(LOOP, None)
        self._hidden.discard(LOOP)
        if again is not None:
            unlink_layers([again])
            self._remove(again)
        self._loop = None

    def _remove(self, layer: Layer) -> None:
        if layer in self._viewer.layers:  # else all layers are being removed
            self._viewer.layers.remove(layer)

    def _show_view(
        self, name: str, picture: Picture, at: tuple[int, int], shown: ShownViews
    ) -> None:
        view = VIEWS[name]
        place = placement(shown.loop, 2, at)
        limits = None if view.limits is None else view.limits(shown.options)
        known = self._known.get(name)
        if known is None:
            looks = dict(view.looks)
            if limits is not None:
                looks["contrast_limits"] = limits
            self._add(name, picture, view.kind, place | looks)
            return
        known.data = picture
        for attribute, value in place.items():
            setattr(known, attribute, value)
        if limits is not None and shown.options.full_px != self._full_px:
            known.contrast_limits = limits
        self._unhide(name)

    def _show_loop_again(self, shown: ShownViews) -> None:
        """Show the loop a second time, below what is over it of a second flow."""
        if shown.sheet.members == 1:
            self._hide([LOOP])
            return
        loop = shown.loop
        attributes = placement(loop, loop.ndim, shown.sheet.corner(0, 1))
        if LOOP in self._known:
            for attribute, value in attributes.items():
                setattr(self._known[LOOP], attribute, value)
            self._unhide(LOOP)
            return
        if loop.rgb:
            attributes["rgb"] = True
        else:
            attributes |= {name: getattr(loop, name) for name in FOLLOWS_LOOP}
        self._add(LOOP, loop.data, "image", attributes)
        if not loop.rgb:
            link_layers([loop, self._known[LOOP]], FOLLOWS_LOOP)

    def _show_captions(self, shown: ShownViews) -> None:
        """Write above each cell what it shows and by which method."""
        captions = captions_of(shown, self.layer) if shown.sheet.cells > 1 else ()
        if not captions:
            self._hide([CAPTIONS])
            return
        self._unhide(CAPTIONS)
        if captions == self._captions:
            return
        self._captions = captions
        corners, texts = zip(*captions, strict=True)
        points, features = np.asarray(corners, float), {"caption": list(texts)}
        place = placement(shown.loop, 2)
        known = self._known.get(CAPTIONS)
        if known is None:
            looks = {"features": features, **caption_looks(self._viewer.theme)}
            self._add(CAPTIONS, points, "points", place | looks)
            return
        known.data, known.features = points, features
        for attribute, value in place.items():
            setattr(known, attribute, value)
        known.refresh_text()

    def _add(self, name: str, data: Any, kind: str, attributes: dict[str, Any]) -> None:
        attributes |= {"name": self._name(name), "metadata": {DERIVED: name}}
        layer = Layer.create(data, attributes, kind)
        self._known[name] = layer
        self._insert(name, layer)

    def _insert(self, name: str, layer: Layer) -> None:
        """Put a layer below those that belong above it, else on top."""
        above = [self._known.get(n) for n in ORDER[ORDER.index(name) + 1 :]]
        layers = self._viewer.layers
        places = [layers.index(other) for other in above if other is not None]
        layers.insert(min(places, default=len(layers)), layer)

    def _hide(self, names: list[str]) -> None:
        for name in names:
            if name in self._known and name not in self._hidden:
                # first: napari does not look again at what a hidden layer holds, and
                # then draws the texts of points that are gone
                self._draw_in(name, self._known[name])
                self._known[name].visible = False
                self._hidden.add(name)

    def _draw_in(self, name: str, layer: Layer) -> None:
        """Let a layer take no room: cameras take in what is not seen, too."""
        if self._loop not in self._viewer.layers:
            return
        if name in VIEWS:
            layer.data = VIEWS[name].blank((1, 1))
        elif name == CAPTIONS:
            layer.data, self._captions = np.zeros((1, 2)), ()
        for attribute, value in placement(self._loop, layer.ndim).items():
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
                if name == CAPTIONS:
                    self._captions = ()
                was_shown = name not in self._hidden
                self._hidden.discard(name)
                if name in VIEWS and was_shown:
                    self._dropped(name)

    def _rename(self, event: object = None) -> None:
        for name, layer in self._known.items():
            layer.name = self._name(name)

    def _name(self, name: str) -> str:
        return name if self._loop is None else f"{self._loop.name} {name}"

    def _fit(self, sheet: FlowCells) -> None:
        """Let the camera take in all cells, when there are others than before."""
        before, self._sheet = self._sheet, sheet
        cells = 1 if before is None else before.cells
        if sheet.cells != cells:
            self._viewer.reset_view()
