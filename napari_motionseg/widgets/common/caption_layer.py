"""Show captions in a points layer, if marks cannot be drawn in the canvas."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer
from napari.utils.theme import get_theme
from napari.viewer import Viewer

from napari_motionseg.widgets.common.canvas_marks import CAPTION_PT, Marks
from napari_motionseg.widgets.common.layer_changes import active_kept
from napari_motionseg.widgets.common.viewers import DERIVED, placement

CAPTIONS = "captions"


class CaptionLayer:
    """Show the captions of marks in a points layer; other marks are left out.

    Parameters
    ----------
    viewer
        The viewer that holds the layer.
    """

    busy = False  # as of `CanvasMarks`: the layer is added at once

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Layer | None = None
        self.marks = Marks()

    def show(self, loop: Layer, marks: Marks) -> None:
        """Show exactly these captions, at pixels of a loop."""
        if marks.captions == self.marks.captions and self._is_there:
            return
        self.clear()
        self.marks = marks
        if not marks.captions:
            return
        corners, texts = zip(*marks.captions, strict=True)
        self._layer = Layer.create(
            np.asarray(corners, float), self._appearance(loop, list(texts)), "points"
        )
        with active_kept(self._viewer):
            self._viewer.layers.append(self._layer)

    def clear(self) -> None:
        """Remove the layer."""
        if self._is_there:
            self._viewer.layers.remove(self._layer)
        self._layer, self.marks = None, Marks()

    @property
    def _is_there(self) -> bool:
        return self._layer is not None and self._layer in self._viewer.layers

    def _appearance(self, loop: Layer, texts: list[str]) -> dict[str, Any]:
        """Return the attributes of points that show nothing but their texts."""
        return {
            "name": f"{loop.name} {CAPTIONS}", "metadata": {DERIVED: CAPTIONS},
            "features": {"caption": texts}, "size": 1,
            "face_color": "transparent", "border_color": "transparent",
            "text": {
                "string": "{caption}", "size": CAPTION_PT,
                "color": get_theme(self._viewer.theme).text.as_hex(),
                # the text ends above its point, in the gap between two pictures
                "anchor": "upper_left",
            },
            **placement(loop, 2),
        }  # fmt: skip
