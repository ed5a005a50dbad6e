"""Mark the labelled frames of the chosen loop on the time slider."""

from __future__ import annotations

import numpy as np
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_motionseg.viewmodel.painting import painted_frames
from napari_motionseg.viewmodel.segment_state import SegmentState
from napari_motionseg.widgets.common.listening import HeardLayer
from napari_motionseg.widgets.common.viewers import frame_shown


class LabelMarks(QObject):
    """Update the labelled frames in the marks of the session.

    Parameters
    ----------
    owner
        Qt parent of this object; both are destroyed together.
    state
        The state of the dock.
    viewer
        The viewer.
    """

    def __init__(self, owner: QObject, state: SegmentState, viewer: Viewer) -> None:
        super().__init__(owner)
        self._state = state
        self._viewer = viewer
        # napari emits the event of a stroke before it changes the pixels
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._shown_frame)
        # an undo emits only the last of these events
        seen = dict.fromkeys(("paint", "labels_update", "set_data"), self._painted)
        self._heard = HeardLayer(self, data=self._all_frames, **seen)
        for changed in (state.events.painting, state.events.loop, state.events.job):
            changed.connect(self._all_frames)
        self._all_frames()

    def _painted(self, event: object = None) -> None:
        self._soon.start(0)

    def _all_frames(self, event: object = None) -> None:
        """Check all frames after another layer was chosen or got other pixels."""
        painting, loop = self._state.painting, self._state.loop
        self._heard.turn_to(painting)
        if loop is not None and self._looks_at_loop():
            frames = [] if painting is None else painted_frames(painting)
            self._state.session.marks.set_labelled(frames)

    def _shown_frame(self) -> None:
        """Check only the displayed frame, on which the user paints."""
        painting, marks = self._state.painting, self._state.session.marks
        if painting is None or painting.ndim < 3 or not self._looks_at_loop():
            return
        t = frame_shown(self._viewer, painting)
        other = marks.labelled - {t}
        marks.set_labelled(other | {t} if np.any(painting.data[t]) else other)

    def _looks_at_loop(self) -> bool:
        loop = self._state.loop
        if loop is None or loop.ndim < 3:
            return False
        return self._state.session.marks.look_at(loop, loop.data.shape[0])
