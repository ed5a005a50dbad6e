"""Store in a project which loop and which frame were displayed."""

from __future__ import annotations

from typing import Any
from weakref import ref

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject

from napari_motionseg.cine import Cine
from napari_motionseg.project.watched import LoopFacts
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common.loop_display import is_read_loop, loop_display_of
from napari_motionseg.widgets.common.viewers import frame_shown, show_frame

SETTINGS = "shown"  # key of the loop and the frame that are kept with a project


def shown_loop_of(viewer: Viewer, cine: Cine) -> Layer | None:
    """Return the layer that already shows a loop of the same file, or None."""
    facts = LoopFacts.of(cine)
    shown = [layer for layer in viewer.layers if is_read_loop(layer)]
    return next((x for x in shown if facts.is_of(x.metadata["cine"])), None)


class ShownMemory(QObject):
    """Record the displayed loop in the session, and show it when a project is opened.

    Parameters
    ----------
    viewer
        The viewer, which is held weakly.
    session
        The session, whose settings are stored in the project.
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self._viewer, self._session = ref(viewer), session
        loop_display_of(viewer).changed.connect(self.keep)

    def keep(self, _: object = None) -> None:
        """Record the displayed loop and frame, if a loop is displayed."""
        viewer = self._viewer()
        loop: Any = None if viewer is None else loop_display_of(viewer).loop
        if viewer is not None and loop in viewer.layers:
            shown = {"loop": loop.name, "frame": frame_shown(viewer, loop)}
            self._session.keep_settings(SETTINGS, shown)

    def restore(self, settings: dict[str, Any]) -> None:
        """Show the loop and the frame recorded in a project, if they exist.

        Parameters
        ----------
        settings
            Settings of all docks, as stored in the project's file.
        """
        viewer, kept = self._viewer(), settings.get(SETTINGS)
        if viewer is None or not isinstance(kept, dict):
            return
        loops = [layer for layer in viewer.layers if is_read_loop(layer)]
        frame = kept.get("frame")
        for loop in (x for x in loops if x.name == kept.get("loop")):
            loop_display_of(viewer).show(loop)
            if type(frame) is int:
                t = min(max(frame, 0), loop.data.shape[0] - 1)
                show_frame(viewer, loop, t)
