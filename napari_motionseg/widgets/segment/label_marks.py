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
    """Tells the session's marks which frames are painted on.

    Parameters
    ----------
    owner
        The object with whose end this one ends.
    state
        The state of the dock.
    viewer
        The viewer.
    """

    def __init__(self, owner: QObject, state: SegmentState, viewer: Viewer) -> None:
        super().__init__(owner)
        self._state = state
        self._viewer = viewer
        # napari tells of a stroke before the pixels have changed
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._shown_frame)
        # an undo tells of itself by the last of these alone
        seen = dict.fromkeys(("paint", "labels_update", "set_data"), self._painted)
        self._heard = HeardLayer(self, data=self._all_frames, **seen)
        for changed in (state.events.painting, state.events.loop, state.events.job):
            changed.connect(self._all_frames)
        self._all_frames()

    def _painted(self, event: object = None) -> None:
        self._soon.start(0)

    def _all_frames(self, event: object = None) -> None:
        """Look at every frame: another layer was chosen, or it has other pixels."""
        painting, loop = self._state.painting, self._state.loop
        self._heard.turn_to(painting)
        if loop is not None and self._looks_at_loop():
            frames = [] if painting is None else painted_frames(painting)
            self._state.session.marks.set_labelled(frames)

    def _shown_frame(self) -> None:
        """Look at the shown frame alone, which is where strokes go."""
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
