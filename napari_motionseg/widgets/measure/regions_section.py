"""Plot the contrast over time in drawn regions, and save the curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout, QWidget

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError, MotionSegError
from napari_motionseg.measurement.time_density import (
    TimeDensity,
    time_density,
    write_time_density,
)
from napari_motionseg.viewmodel.measure_state import MeasureState
from napari_motionseg.widgets.common.background import Latest
from napari_motionseg.widgets.common.choosers import LoopChooser
from napari_motionseg.widgets.common.curve_plot import GRAY, keep_height
from napari_motionseg.widgets.common.dock_layout import button
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.plain_labels import WrappedLabel
from napari_motionseg.widgets.common.viewers import DERIVED, placement

REGIONS = "regions"
COLORS = ("#6cb8ff", "#f08c4b", "#4caf7d", "#d58cf0", "#ffd166", "#ff7d7d")
HEIGHT = 150
Found = tuple[Cine, list[TimeDensity] | str]


class RegionsSection(QWidget):
    """A button that begins a region, the curves, their numbers, and a table to save.

    Parameters
    ----------
    form
        The form that gets the rows.
    viewer
        The viewer.
    chooser
        Chooser of the loop.
    state
        State of the dock, which knows the loop.

    Signals
    -------
    said
        Emitted with a sentence on what was written, or why not.
    """

    said = Signal(str)

    def __init__(
        self, form: QFormLayout, viewer: Viewer, chooser: LoopChooser,
        state: MeasureState,
    ) -> None:  # fmt: skip
        super().__init__()
        self._viewer, self._chooser, self._state = viewer, chooser, state
        self._latest = Latest(self, self._show)
        self.layer: Layer | None = None
        self.curves: list[TimeDensity] = []
        self.draw = button(
            "Draw a region",
            "Draw a polygon on the picture: click its corners, and double-click to "
            "end. Its mean darkness is plotted over time. The region stays where it is",
        )
        self.draw.clicked.connect(self.begin)
        self.save = button("Save curves...", "Write a table with a row for each frame")
        self.save.clicked.connect(self._save)
        self.plot = pyqtgraph.PlotWidget(background=None)
        keep_height(self.plot, HEIGHT)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        for side in ("bottom", "left"):
            self.plot.getAxis(side).setPen(GRAY)
            self.plot.getAxis(side).setTextPen(GRAY)
            self.plot.getAxis(side).enableAutoSIPrefix(False)
        self.plot.setLabel("left", "darkness", color=GRAY)
        self.words = WrappedLabel()
        for part in (self.draw, self.plot, self.words, self.save):
            form.addRow(part)
        listen(self, viewer.layers.events.removed, self._removed)
        self._show_curves()

    def begin(self) -> None:
        """Let the user draw a polygon: add the layer if needed, and make it active."""
        loop = self._chooser.layer
        if loop is None or self._state.cine is None:
            return
        if self.layer is None:
            self.layer = self._viewer.add_shapes(
                ndim=2, name=f"{loop.name} {REGIONS}", edge_width=1,
                edge_color=COLORS[0], face_color="#6cb8ff30",
                metadata={DERIVED: REGIONS}, **placement(loop, 2),
            )  # fmt: skip
            self.layer.events.data.connect(self._edited)
        self._viewer.layers.selection.active = self.layer
        self.layer.mode = "add_polygon"

    def loop_changed(self) -> None:
        """Forget the curves of another loop, and remove its regions."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        self.curves = []
        self._show_curves()

    def _removed(self, event: Any) -> None:
        if event.value is self.layer:
            self.layer, self.curves = None, []
            self._show_curves()

    def _edited(self, event: Any = None) -> None:
        # "adding" and "changing" are emitted before the change
        if str(getattr(event, "action", "")).lower().endswith("ing"):
            return
        cine, layer = self._state.cine, self.layer
        if cine is None or layer is None:
            return
        masks = layer.to_masks(cine.shape[1:]) if len(layer.data) else []
        regions = {
            f"region {n}": np.asarray(mask)
            for n, mask in enumerate(masks, 1)
            if np.any(mask)  # a polygon that has just been begun has no pixel
        }
        self._latest.ask(_measured, cine, regions)

    def _show(self, found: Found) -> None:
        cine, curves = found
        if cine is not self._state.cine or self.layer is None:
            return
        if isinstance(curves, str):
            self.said.emit(curves)
        else:
            self.curves = curves
            self._show_curves()

    def _show_curves(self) -> None:
        cine = self._state.cine
        times = None if cine is None else cine.frame_times
        for part in (self.plot, self.words, self.save):
            part.setVisible(bool(self.curves))
        self.plot.clear()
        unit = "frame" if times is None else "time (s)"
        self.plot.setLabel("bottom", unit, color=GRAY)
        for number, one in enumerate(self.curves):
            pen = pyqtgraph.mkPen(COLORS[number % len(COLORS)], width=2)
            frames = np.arange(len(one.darkness))
            self.plot.plot(
                frames if times is None else times / 1000, one.darkness, pen=pen
            )
        self.words.setText("\n".join(map(curve_words, self.curves)))

    def _save(self) -> None:
        cine = self._state.cine
        if cine is None or not self.curves:
            return
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save curves", f"{cine.name}_time_density.csv", "CSV (*.csv)"
        )
        if not chosen:
            return
        try:
            write_time_density(chosen, cine, self.curves)
            self.said.emit(f"{chosen} was written.")
        except MotionSegError as error:
            self.said.emit(str(error))


def _measured(cine: Cine, regions: dict[str, np.ndarray]) -> Found:
    try:
        return cine, time_density(cine, regions) if regions else []
    except MeasurementError as error:
        return cine, str(error)


def curve_words(one: TimeDensity) -> str:
    """Return the numbers of a region as a sentence."""
    parts = [f"darkest in frame {one.peak_frame}"]
    if np.isfinite(one.arrival_ms):
        parts.append(f"contrast arrives at {one.arrival_ms / 1000:.2f} s")
    if np.isfinite(one.wash_out_ms):
        parts.append(f"half washed out at {one.wash_out_ms / 1000:.2f} s")
    return f"{one.name[:1].upper()}{one.name[1:]}: {', '.join(parts)}."
