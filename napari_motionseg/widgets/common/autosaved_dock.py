"""The base of every dock of the plugin: a column whose viewer is autosaved."""

from __future__ import annotations

from napari.viewer import Viewer

from napari_motionseg.widgets.common.dock_layout import Dock
from napari_motionseg.widgets.common.project_controller import controller_of


class AutosavedDock(Dock):
    """A dock that starts the autosave of its viewer.

    Which docks a user opens, and in which order, must not decide whether strokes are
    saved; so each dock asks for the viewer's one project controller.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to; napari passes it by this name.

    Attributes
    ----------
    controller
        The controller of the viewer's project, which all docks of the viewer share.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.controller = controller_of(self.viewer)
