"""The Cine dock: the properties of a loop, its ECG, playback and subtraction."""

from __future__ import annotations

from typing import Any

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QWidget

from napari_motionseg.cine import Cine
from napari_motionseg.cine.displayed_frames import DisplayedFrames
from napari_motionseg.cine.mask_subtraction import first_subtraction, subtract_masks
from napari_motionseg.cine.summary import summarize_cine
from napari_motionseg.errors import MotionSegError
from napari_motionseg.widgets.cine.ecg_strip import EcgStrip
from napari_motionseg.widgets.cine.playback import Player
from napari_motionseg.widgets.common.autosaved_dock import AutosavedDock
from napari_motionseg.widgets.common.choosers import LoopChooser
from napari_motionseg.widgets.common.dock_layout import button, hint
from napari_motionseg.widgets.common.listening import listen
from napari_motionseg.widgets.common.plain_labels import WrappedLabel, plain_label
from napari_motionseg.widgets.common.viewers import (
    DERIVED,
    errors_shown,
    frame_shown,
    placement,
    show_frame,
)

UNKNOWN_RATE = 15.0  # frames per second, if the file of a loop gives no rate
SPEEDS = {"¼ ×": 0.25, "½ ×": 0.5, "1 ×": 1.0, "2 ×": 2.0}


class CineDock(AutosavedDock):
    """Dock that shows the properties of a loop, plays it and subtracts its mask.

    Attributes
    ----------
    ecg
        The strip with the ECG under the time slider.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.chooser = LoopChooser(self.viewer, "The loop to look at")
        self.section("Loop").addRow(self.chooser)
        self._build_playback()
        self.properties = self.section("Properties")
        self.empty = hint("Open a DICOM file or folder, or File ▸ Open Sample.")
        self.add(self.empty)
        self._build_subtraction()
        self.ecg = EcgStrip()
        self.ecg.clicked.connect(self._show_frame)
        self.destroyed.connect(self.ecg.deleteLater)
        listen(self, self.viewer.dims.events.current_step, self._frame_changed)
        self.chooser.layer_changed.connect(self._show_loop)
        self._show_loop(self.chooser.layer)

    def _placed_in_window(self) -> None:
        self.ecg.place(self)
        # the ECG is not shown if the time slider was not found
        self.ecg.show_loop(self._cine())

    def _frame_changed(self, event: object = None) -> None:
        layer = self.chooser.layer
        if layer is not None:
            self.ecg.show_frame(frame_shown(self.viewer, layer))

    def _build_playback(self) -> None:
        self.player = Player(self._show_frame)
        self.play_button = button("Play", "Play at the recorded rate, and pause")
        self.play_button.clicked.connect(self._toggle)
        self.speed = QComboBox()
        self.speed.addItems(SPEEDS)
        self.speed.setCurrentText("1 ×")
        self.speed.setToolTip("Speed, as a multiple of the recorded rate")
        self.speed.currentTextChanged.connect(self._speed_changed)
        self.rate = plain_label()
        self.rate.setToolTip("Frames a second: reached, and recorded")
        self.player.rate_changed.connect(self._show_rate)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.play_button)
        layout.addWidget(self.speed)
        form = self.section("Playback")
        form.addRow(row)
        form.addRow(self.rate)

    def _build_subtraction(self) -> None:
        self.subtract_button = button(
            "Show subtraction",
            "Add the loop minus its mask frames as a layer, computed frame by frame",
        )
        self.subtract_button.clicked.connect(self._subtract)
        self.add(self.subtract_button)

    def _cine(self) -> Cine | None:
        layer = self.chooser.layer
        if layer is None:
            return None
        try:
            return self.session.loop(layer).cine
        except MotionSegError:
            return None

    def _show_loop(self, layer: Layer | None) -> None:
        self._pause()
        cine = self._cine()
        if self.ecg.parentWidget() is not None:
            self.ecg.show_loop(cine)
        self._frame_changed()
        while self.properties.rowCount():
            self.properties.removeRow(0)
        for name, value in summarize_cine(cine) if cine is not None else ():
            label = WrappedLabel(value)
            self.properties.addRow(f"{name}  ", label)
        self.empty.setVisible(cine is None)
        self.play_button.setEnabled(cine is not None and len(cine) > 1)
        self.subtract_button.setVisible(
            cine is not None and first_subtraction(cine) is not None
        )
        self._show_rate(None)

    def _recorded_rate(self) -> float | None:
        cine = self._cine()
        return None if cine is None else cine.frame_rate

    def _show_rate(self, reached: float | None) -> None:
        recorded = self._recorded_rate()
        wanted = (
            f"rate unknown, taken as {UNKNOWN_RATE:g} frames/s" if recorded is None
            else f"recorded at {recorded:.3g} frames/s"
        )  # fmt: skip
        shown = "paused" if reached is None else f"{reached:.1f} frames/s shown"
        self.rate.setText(f"{shown} · {wanted}")

    def _toggle(self) -> None:
        if self.player.playing:
            self._pause()
            return
        layer = self.chooser.layer
        if layer is None:
            return
        rate = (self._recorded_rate() or UNKNOWN_RATE) * self._factor()
        self.player.play(layer.data.shape[0], rate, frame_shown(self.viewer, layer))
        self.play_button.setText("Pause")

    def _factor(self) -> float:
        return SPEEDS[self.speed.currentText()]

    def _speed_changed(self, text: str) -> None:
        if self.player.playing:
            self._pause()
            self._toggle()

    def _pause(self) -> None:
        self.player.stop()
        self.play_button.setText("Play")
        self._show_rate(None)

    def _show_frame(self, t: int) -> None:
        layer = self.chooser.layer
        if layer is None or layer not in self.viewer.layers:
            self._pause()
            return
        show_frame(self.viewer, layer, t)

    def _subtract(self) -> None:
        layer = self.chooser.layer
        with errors_shown():
            if layer is not None:
                loop = self.session.loop(layer)
                attributes: dict[str, Any] = placement(layer, 3)
                self.viewer.add_image(
                    DisplayedFrames(subtract_masks(loop.cine)),
                    name=f"{layer.name} subtracted",
                    colormap="gray",
                    contrast_limits=(-0.5, 0.2),
                    metadata={DERIVED: "subtraction"},
                    **attributes,
                )
