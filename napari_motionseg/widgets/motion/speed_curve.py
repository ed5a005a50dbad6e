"""Plot the mean speed of each frame, on the labelled vessel if there is one."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer

from napari_motionseg.cine.field_of_view import find_cine_field_of_view
from napari_motionseg.io.label_numbers import without_background
from napari_motionseg.motion import mean_speed
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.curve_plot import FrameCurve
from napari_motionseg.widgets.common.dock_layout import Dock, hint
from napari_motionseg.widgets.common.listening import HeardLayer, listen
from napari_motionseg.widgets.common.viewers import frame_shown, show_frame
from napari_motionseg.widgets.motion.motion_views import Scene

EVERYWHERE = "field of view"
NOTHING_LABELLED = "No pixel is labelled: the mean is that of the field of view."


class SpeedCurve:
    """Curve of the mean speed with the current frame, and a chooser of labels.

    Parameters
    ----------
    dock
        The dock that the section belongs to.
    """

    def __init__(self, dock: Dock) -> None:
        self._viewer = dock.viewer
        self._scene: Scene | None = None
        form = dock.section("Speed over time")
        self.where = LayerChooser(
            self._viewer, self._fits, "Labels of the pixels whose mean speed is drawn, "
            "such as a vessel", EVERYWHERE,
        )  # fmt: skip
        self.curve = FrameCurve()
        self.curve.setToolTip("Mean speed at each frame; a click goes to the frame")
        self.curve.clicked.connect(self._go_to)
        self.hint = hint("")
        self.hint.setVisible(False)
        form.addRow("Mean of", self.where)
        form.addRow(self.hint)
        form.addRow(self.curve)
        self.speeds = Latest(dock, self._show)
        self._heard = HeardLayer(dock, paint=self._ask, data=self._ask)
        self.where.layer_changed.connect(self._other_labels)
        listen(dock, self._viewer.dims.events.current_step, self._move_playhead)
        self._other_labels(self.where.layer)

    def look_at(self, scene: Scene | None) -> None:
        """Draw the speed of another loop's flow, or nothing."""
        self._scene = scene
        self.where.refresh()
        self._ask()

    def _fits(self, layer: Layer) -> bool:
        return (
            self._scene is not None
            and isinstance(layer, Labels)
            and tuple(layer.data.shape) == self._scene.loop.cine.shape
        )

    def _other_labels(self, layer: Layer | None) -> None:
        self._heard.turn_to(layer)
        self._ask()

    def _ask(self, event: object = None) -> None:
        if self._scene is None:
            self.curve.show_curves({})
            return
        layer = self.where.layer
        masks = None if layer is None else (layer.data, dict(layer.metadata))
        self.speeds.ask(_speeds, self._scene, masks)
        self._move_playhead()

    def _show(self, answer: tuple[Scene, dict[str, Any], str]) -> None:
        scene, curves, words = answer
        if scene is self._scene:
            self.curve.show_curves(curves, scene.scale.unit)
            self.hint.setText(words)
            self.hint.setVisible(bool(words))

    def _move_playhead(self, event: object = None) -> None:
        if self._scene is not None:
            self.curve.move_playhead(frame_shown(self._viewer, self._scene.layer))

    def _go_to(self, t: int) -> None:
        if self._scene is not None and self._scene.layer in self._viewer.layers:
            show_frame(self._viewer, self._scene.layer, t)


def _speeds(
    scene: Scene, labels: tuple[Any, dict[str, Any]] | None
) -> tuple[Scene, dict[str, Any], str]:
    """Compute a curve for each flow, and a note for the user; runs in a thread."""
    if labels is not None:
        curves = _mean_speeds(scene, without_background(*labels))
        if curves:
            return scene, curves, ""
    cine = scene.loop.cine
    field = np.broadcast_to(find_cine_field_of_view(cine).mask, cine.shape)
    words = "" if labels is None else NOTHING_LABELLED
    return scene, _mean_speeds(scene, field), words


def _mean_speeds(scene: Scene, masks: Any) -> dict[str, Any]:
    """Return the curve of each flow by its title; nothing if the mask is empty."""
    curves = [mean_speed(flow, masks, scene.scale) for flow in scene.flows]
    some = any(np.isfinite(curve).any() for curve in curves)
    return dict(zip(scene.titles, curves, strict=True)) if some else {}
