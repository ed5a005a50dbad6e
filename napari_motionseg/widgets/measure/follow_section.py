"""Follow the measured vessel through the loop, in a section of the dock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_motionseg.measurement.loop_numbers import LoopNumbers
from napari_motionseg.viewmodel.measure_jobs import follow_layer_job
from napari_motionseg.viewmodel.measure_state import MeasureState
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common.dock_layout import button, hint
from napari_motionseg.widgets.common.endings import ESTIMATING
from napari_motionseg.widgets.common.job_panel import JobPanel
from napari_motionseg.widgets.common.viewers import errors_shown
from napari_motionseg.widgets.measure.beat_strip import BeatStrip
from napari_motionseg.widgets.measure.kymographs import Kymographs, end_diastoles


class FollowSection(QWidget):
    """A button that follows the vessel, the job, the pictures and the numbers.

    Parameters
    ----------
    session
        The session that runs the job.
    state
        The measured vessel.

    Signals
    -------
    frame_wanted
        Emitted with the index of a frame that was clicked.
    section_shown
        Emitted with the index of the cross-section under the cursor.
    """

    frame_wanted = Signal(int)
    section_shown = Signal(int)

    def __init__(self, session: Session, state: MeasureState) -> None:
        super().__init__()
        self._session, self._state = session, state
        self._wanted = False  # as soon as the vessel is measured
        self.button = button(
            "Follow through the loop",
            "Carry every cross-section along the optical flow, and measure it in every "
            "frame. The flow is estimated first, which takes a second or two a frame; "
            "it is kept",
        )
        self.button.clicked.connect(self._follow)
        self.panel = JobPanel(session)
        self.panel.ended.connect(lambda _: self.show_state())
        self.pictures = Kymographs()
        self.pictures.clicked.connect(self._clicked)
        self.words = hint("")
        self.strip = BeatStrip()
        self.strip.clicked.connect(self.frame_wanted)
        self.destroyed.connect(self.strip.deleteLater)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.button, self.panel, self.pictures, self.words):
            layout.addWidget(part)
        self.show_state()

    def show_state(self) -> None:
        """Show what the state holds."""
        state = self._state
        several = state.cine is not None and len(state.cine) > 1
        ready = several and state.measured is not None and not self.panel.running
        self.button.setEnabled(ready)
        times = None if state.cine is None else state.cine.frame_times
        self.pictures.show_followed(state.followed, state.numbers, times)
        self._mark_beats(times)
        words = "" if state.numbers is None else loop_words(state.numbers)
        self.words.setText(words)
        self.words.setVisible(bool(words))
        moved = state.follow_again and not state.held
        if (self._wanted or moved) and not state.being_measured:
            self._follow()

    def _mark_beats(self, times: NDArray[np.float64] | None) -> None:
        beats = end_diastoles(self._state.numbers, times)
        self.strip.show_heart(self._state.cine, beats)
        if self.strip.wanted and self.strip.parentWidget() is None:
            self.strip.place(self)
            self.strip.show_heart(self._state.cine, beats)

    def show_frame(self, frame: int) -> None:
        """Move the cursor to the frame that is shown."""
        self.strip.show_frame(frame)
        if self._state.followed is not None:
            self.pictures.show_cursor(frame)

    def _follow(self) -> None:
        state = self._state
        # a vessel that is measured again meanwhile would be followed in vain
        self._wanted = state.being_measured
        state.follow_again = False
        if state.cine is None or state.measured is None or self._wanted:
            return
        measured = state.measured
        profile = measured.profile
        with errors_shown():
            self.panel.start(
                "Following", follow_layer_job, state.cine, measured.frame,
                profile.line, profile.calibration, self._session.device,
                done=lambda found: state.follow(found, profile), endings=ESTIMATING,
            )  # fmt: skip
            self.button.setEnabled(False)

    def _clicked(self, frame: int, section: int) -> None:
        self.pictures.show_cursor(frame, section)
        self.frame_wanted.emit(frame)
        self.section_shown.emit(section)


def loop_words(numbers: LoopNumbers) -> str:
    """Return what the whole loop says about a vessel, a line for each number."""
    found = numbers.as_dict()
    unit = numbers.unit
    lines = []
    if found["heart_rate_bpm"] is not None:
        beats = len(found["end_diastoles_ms"])
        lines.append(
            f"Heart rate {found['heart_rate_bpm']:.0f} /min from motion; {beats} end "
            "diastoles"
        )
    if found["median_wall_strain"] is not None:
        lines.append(f"Wall strain {100 * found['median_wall_strain']:.1f} % (median)")
    speed = found[f"front_speed_{unit}_per_s"]
    if speed is not None:
        lines.append(f"Contrast front {speed:.0f} {unit}/s")
        lines.append(
            f"TIMI frame count {found['timi_frame_count']:.1f} at 30 frames/s, one "
            f"frame of this loop is {found['timi_resolution']:.1f}"
        )
    lines += [f"{note[:1].upper()}{note[1:]}." for note in numbers.notes]
    return "\n".join(lines)
