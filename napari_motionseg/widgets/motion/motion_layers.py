"""The layers that views of motion are shown in: over a loop, and in cells beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.experimental import link_layers, unlink_layers
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_motionseg.motion import VIEWS
from napari_motionseg.motion.flow_views import Picture
from napari_motionseg.viewmodel.cells import FlowCells
from napari_motionseg.widgets.common.picture_layers import CAPTIONS, PictureLayers
from napari_motionseg.widgets.common.viewers import placement
from napari_motionseg.widgets.motion.captions import CAPTION_PX, captions_of
from napari_motionseg.widgets.motion.shown_views import ShownViews

LOOP = "loop again"
ORDER = (LOOP, *VIEWS, CAPTIONS)  # from the lowest to the highest
FOLLOWS_LOOP = ("contrast_limits", "gamma", "colormap")


class MotionLayers(PictureLayers):
    """Show views of flow, their captions, and the loop below a second flow's views.

    Layers stay when another loop is shown, and move above it.

    Parameters
    ----------
    owner
        The widget with which the connections to the viewer end.
    viewer
        The viewer that holds the layers.
    dropped
        A function that is called with the name of a view when the user has removed its
        layer.
    """

    def __init__(
        self, owner: QObject, viewer: Viewer, dropped: Callable[[str], None]
    ) -> None:
        super().__init__(owner, viewer, dropped, CAPTION_PX)
        self._full_px: float | None = None

    def show(self, shown: ShownViews, arrow_length: float) -> None:
        """Show views, and nothing but these, if their loop is in the viewer.

        Parameters
        ----------
        shown
            The views of one frame.
        arrow_length
            The factor by which arrows are longer than the motion.
        """
        if shown.loop not in self._viewer.layers:
            return
        if shown.loop is not self._loop:
            self._turn_to(shown.loop)
        with self._own_changes(keep_active=True):
            self._hide([n for n in VIEWS if n not in shown.pictures])
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
            several = shown.sheet.cells > 1
            self._write_captions(captions_of(shown, self.layer) if several else ())
        self._fit(shown.sheet)

    def hide(self) -> None:
        """Hide all layers, and remove those of a loop that is gone."""
        with self._own_changes():
            self._hide(list(self._known))
            if self._loop is not None and not self._loop_is_open:
                self._forget_loop()
                for name in list(self._known):
                    self._remove(name)
        if self.grid is not None and self._loop is not None:
            self._fit(FlowCells(self.grid.size))

    def _turn_to(self, loop: Layer) -> None:
        """Let the layers belong to another loop, above which they lie."""
        self.hide()
        with self._own_changes():
            self._forget_loop()
            self._loop, self._captions = loop, ()
            loop.events.name.connect(self._rename)
            self._rename()
            layers = self._viewer.layers
            for name in [name for name in ORDER if name in self._known]:
                layers.move(layers.index(self._known[name]), len(layers))

    def _forget_loop(self) -> None:
        if self._loop is not None:
            self._loop.events.name.disconnect(self._rename)
        if LOOP in self._known:
            unlink_layers([self._known[LOOP]])
            self._remove(LOOP)
        self._loop = None

    def _show_view(
        self, name: str, picture: Picture, at: tuple[int, int], shown: ShownViews
    ) -> None:
        view = VIEWS[name]
        limits = None if view.limits is None else view.limits(shown.options)
        known = self._known.get(name)
        if known is None:
            looks = dict(view.looks)
            if limits is not None:
                looks["contrast_limits"] = limits
            self._add(name, picture, view.kind, placement(shown.loop, 2, at) | looks)
            return
        known.data = picture
        self._place(known, at)
        if limits is not None and shown.options.full_px != self._full_px:
            known.contrast_limits = limits
        self._unhide(name)

    def _show_loop_again(self, shown: ShownViews) -> None:
        """Show the loop a second time, below what is over it of a second flow."""
        if shown.sheet.members == 1:
            self._hide([LOOP])
            return
        loop, at = shown.loop, shown.sheet.corner(0, 1)
        if LOOP in self._known:
            self._place(self._known[LOOP], at)
            self._unhide(LOOP)
            return
        attributes = placement(loop, loop.ndim, at)
        if loop.rgb:
            attributes["rgb"] = True
        else:
            attributes |= {name: getattr(loop, name) for name in FOLLOWS_LOOP}
        self._add(LOOP, loop.data, "image", attributes)
        if not loop.rgb:
            link_layers([loop, self._known[LOOP]], FOLLOWS_LOOP)

    def _is_picture(self, name: str) -> bool:
        return name in VIEWS

    def _smallest(self, name: str, layer: Layer) -> Any:
        return VIEWS[name].blank((1, 1))

    def _index(self, name: str) -> int:
        """Return the lowest index of those that belong above it, else the top."""
        above = [self._known.get(n) for n in ORDER[ORDER.index(name) + 1 :]]
        layers = self._viewer.layers
        places = [layers.index(other) for other in above if other is not None]
        return min(places, default=len(layers))

    def _rename(self, event: object = None) -> None:
        for name, layer in self._known.items():
            layer.name = self._layer_name(name)
