"""How long a button blocks the window, beside what bare napari needs for its layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer
from qtpy.QtWidgets import QWidget
from window_hand import Hand, LoopClock, settle, wait

ALLOWED_MS = 100  # beyond what bare napari needs
SETTLE_S = 0.3
OPENING = "open the "  # how rows begin that open a dock
DOCK_PX = 380  # width of a dock as it is opened
LOOKS = ("scale", "translate", "opacity", "blending", "colormap")


class ButtonTimes:
    """Measure the longest block of the event loop for each button, from its click.

    Parameters
    ----------
    viewer
        The viewer whose layers buttons add and remove.
    hand
        The hand that presses.
    """

    def __init__(self, viewer: Viewer, hand: Hand) -> None:
        self._viewer, self._hand = viewer, hand
        self._clock = LoopClock()
        self._rows: list[dict[str, Any]] = []
        self._layers: list[list[Layer]] = []

    def measure(
        self, words: str, press: Callable[[], None], done: Callable[[], bool]
    ) -> None:
        """Press, wait until it is done, and keep block and layers."""
        before = list(self._viewer.layers)
        settle(SETTLE_S)
        self._clock.restart()
        press()
        settle(SETTLE_S)
        wait(done)
        settle(SETTLE_S)
        block, after = self._clock.longest_ms(), list(self._viewer.layers)
        changed = [x for x in after if x not in before]
        changed += [x for x in before if x not in after]
        self._rows.append({"button": words, "block_ms": round(block, 1)})
        print(words, f"{block:.0f} ms", flush=True)
        self._layers.append([plain_copy(layer) for layer in changed])

    def beside_bare_napari(self, window: list[int]) -> list[dict[str, Any]]:
        """Add and remove the same layers in a viewer without docks.

        Parameters
        ----------
        window
            Width and height of the window in px.

        Returns
        -------
        list
            For each button its longest block and that of bare napari, in ms. For a
            dock that is opened, napari adds an empty one of the same width; for a
            button that changes no layer, it hides and shows the loop, because any
            change redraws the canvas.
        """
        viewer = Viewer(title="napari")
        viewer.window._qt_window.resize(*window)
        loop = viewer.add_image(np.zeros((16, 512, 512), np.uint8))
        settle(1.0)
        for row, layers in zip(self._rows, self._layers, strict=True):
            # each row anew, because a block is as long as the machine is busy then
            times = [self._longest(viewer, layer) for layer in layers]
            if row["button"].startswith(OPENING):
                times.append(self._empty_dock(viewer, row["button"]))
            elif not layers:
                times.append(self._redrawing(loop))
            row |= {"layers": len(layers), "bare_ms": round(max(times), 1)}
        viewer.close()
        return self._rows

    def _redrawing(self, layer: Layer) -> float:
        """Return the longest block while a layer is hidden, and while it is shown."""
        times = []
        for visible in (False, True):
            settle(SETTLE_S)
            self._clock.restart()
            layer.visible = visible
            settle(SETTLE_S)
            times.append(self._clock.longest_ms())
        return max(times)

    def _empty_dock(self, viewer: Viewer, name: str) -> float:
        """Return the longest block while an empty dock is added."""
        content = QWidget()
        content.setMinimumWidth(DOCK_PX)
        settle(SETTLE_S)
        self._clock.restart()
        viewer.window.add_dock_widget(content, name=name, area="right", tabify=True)
        settle(SETTLE_S)
        return self._clock.longest_ms()

    def _longest(self, viewer: Viewer, layer: Layer) -> float:
        """Return the longest block while a layer comes, and while it goes."""
        times = []
        for change in (viewer.layers.append, viewer.layers.remove):
            settle(SETTLE_S)
            self._clock.restart()
            change(layer)
            settle(SETTLE_S)
            times.append(self._clock.longest_ms())
        return max(times)


def plain_copy(layer: Layer) -> Layer:
    """Return a layer that looks the same, without the metadata and connections."""
    data, attributes, kind = layer.as_layer_data_tuple()
    kept = {name: attributes[name] for name in LOOKS if name in attributes}
    if attributes.get("rgb"):
        kept["rgb"] = True
    made = Layer.create(np.array(data), kept, kind)
    if isinstance(layer, Labels):
        made.contour = layer.contour  # masks are outlines, and layer tuples lack it
    return made
