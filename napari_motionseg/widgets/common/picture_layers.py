"""Layers of pictures that lie over a loop or in cells beside it, with captions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.utils.theme import get_theme
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_motionseg.viewmodel.cells import CellGrid
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.viewers import DERIVED, placement

CAPTIONS = "captions"
Captions = tuple[tuple[tuple[float, float], str], ...]


class PictureLayers(ABC):
    """Add, update, hide and remove the layers of pictures that belong to one loop.

    Layers are known by identity, so a layer that is renamed or moved keeps its role. A
    picture that is switched off is hidden, not removed, and comes back as the user left
    it: with napari 0.9, Mesa's OpenGL often crashes when layers come and go.

    Subclasses say which pictures there are, which data take no room, and where in the
    list of layers a new layer goes.

    Parameters
    ----------
    owner
        The widget with which the connections to the viewer end.
    viewer
        The viewer that holds the layers.
    dropped
        A function that is called with the name of a picture when the user has removed
        its layer.
    caption_px
        Height of the captions' letters in pixels.
    """

    def __init__(
        self,
        owner: QObject,
        viewer: Viewer,
        dropped: Callable[[str], None],
        caption_px: int,
    ) -> None:
        self._viewer = viewer
        self._dropped = dropped
        self._caption_px = caption_px
        self._known: dict[str, Layer] = {}
        self._hidden: set[str] = set()  # by this class, not by the user
        self._loop: Layer | None = None
        self._captions: Captions = ()
        self._changing = False
        self.grid: CellGrid | None = None
        listen(owner, viewer.layers.events.removed, self._removed)

    @property
    def known(self) -> dict[str, Layer]:
        """All layers, hidden ones too, by what they show."""
        return dict(self._known)

    def layer(self, name: str) -> Layer | None:
        """Return the layer of a picture that is shown, or None."""
        return None if name in self._hidden else self._known.get(name)

    @abstractmethod
    def _is_picture(self, name: str) -> bool:
        """Return whether the user can drop the layer, and with it the wish for it."""

    @abstractmethod
    def _smallest(self, name: str, layer: Layer) -> Any:
        """Return data of the kind of a picture that take the least room."""

    @abstractmethod
    def _index(self, name: str) -> int:
        """Return the index in the list of layers at which a new layer is inserted."""

    def _forget(self, name: str) -> None:  # noqa: B027 - most subclasses keep nothing
        """Forget what a subclass knows of the data that a layer shows."""

    @contextmanager
    def _own_changes(self, keep_active: bool = False) -> Iterator[None]:
        """Take removed layers for the program's doing, not for the user's.

        Parameters
        ----------
        keep_active
            Whether the active layer is the same afterwards, so that a brush stays a
            brush.
        """
        active = self._viewer.layers.selection.active
        self._changing = True
        try:
            yield
            if keep_active:
                self._viewer.layers.selection.active = active
        finally:
            self._changing = False

    @property
    def _loop_is_open(self) -> bool:
        return self._loop is not None and self._loop in self._viewer.layers

    def _add(self, name: str, data: Any, kind: str, attributes: dict[str, Any]) -> None:
        """Create a layer and insert it where it belongs.

        Parameters
        ----------
        name
            What the layer shows; the end of its name, and stored in its metadata.
        data
            The data of the layer.
        kind
            The type of the layer, such as ``"image"``.
        attributes
            Further attributes of the layer, its place included.
        """
        attributes = attributes | {
            "name": self._layer_name(name), "metadata": {DERIVED: name},
        }  # fmt: skip
        layer = Layer.create(data, attributes, kind)
        self._known[name] = layer
        self._viewer.layers.insert(self._index(name), layer)

    def _layer_name(self, name: str) -> str:
        return name if self._loop is None else f"{self._loop.name} {name}"

    def _place(self, layer: Layer, at: tuple[int, int] = (0, 0)) -> None:
        """Put a layer over the loop, or into the cell that begins at a pixel."""
        for attribute, value in placement(self._loop, layer.ndim, at).items():
            setattr(layer, attribute, value)

    def _write_captions(self, captions: Captions) -> None:
        """Show texts, each with its lower left end at row and column in px, or none."""
        if not captions:
            self._hide([CAPTIONS])
            return
        self._unhide(CAPTIONS)
        if captions == self._captions:
            return
        self._captions = captions
        corners, texts = zip(*captions, strict=True)
        points, features = np.asarray(corners, float), {"caption": list(texts)}
        known = self._known.get(CAPTIONS)
        if known is None:
            looks = caption_looks(self._viewer.theme, self._caption_px)
            place = placement(self._loop, 2)
            self._add(
                CAPTIONS, points, "points", {"features": features, **looks, **place}
            )
            return
        known.data, known.features = points, features
        self._place(known)
        known.refresh_text()

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
        if not self._loop_is_open:
            return
        if name == CAPTIONS:
            layer.data, self._captions = np.zeros((1, 2)), ()
        elif self._is_picture(name):
            layer.data = self._smallest(name, layer)
            self._forget(name)
        self._place(layer)

    def _unhide(self, name: str) -> None:
        """Show what was hidden here; what the user has hidden stays hidden."""
        if name in self._hidden:
            self._hidden.remove(name)
            self._known[name].visible = True

    def _remove(self, name: str) -> None:
        """Remove a layer, unless the viewer has removed it already."""
        layer = self._known.pop(name)
        self._hidden.discard(name)
        self._forget(name)
        if name == CAPTIONS:
            self._captions = ()
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _removed(self, event: Any) -> None:
        """Forget a layer that the user has removed."""
        if self._changing:
            return
        for name, layer in list(self._known.items()):
            if layer is event.value:
                was_shown = self.layer(name) is not None
                self._remove(name)
                if was_shown and self._is_picture(name):
                    self._dropped(name)

    def _fit(self, grid: CellGrid | None) -> None:
        """Let the camera take in all cells if their number has changed."""
        cells = 1 if self.grid is None else self.grid.cells
        self.grid = grid
        if grid is not None and grid.cells != cells:
            self._viewer.reset_view()


def caption_looks(theme: str, size_px: int) -> dict[str, Any]:
    """Return the attributes of a points layer that shows nothing but its texts.

    Parameters
    ----------
    theme
        Name of the napari theme whose colour of text is used.
    size_px
        Height of the letters in pixels.
    """
    return {
        "text": {
            "string": "{caption}", "size": size_px,
            "color": get_theme(theme).text.as_hex(),
            "anchor": "upper_left",  # ends above its point, where no picture is
        },
        "size": 1, "face_color": "transparent", "border_color": "transparent",
    }  # fmt: skip
