"""Provide the base class of the plugin's docks, which starts the autosave.

A dock also offers to recover work of an earlier window, and shows one loop at a time.
"""

from __future__ import annotations

from napari.viewer import Viewer

from napari_motionseg.widgets.common.dock_layout import Dock
from napari_motionseg.widgets.common.layer_arrivals import arrivals_of
from napari_motionseg.widgets.common.project_controller import controller_of
from napari_motionseg.widgets.common.recovery import RecoveryBanner, recovery_of


class AutosavedDock(Dock):
    """A dock that starts the autosave of its viewer.

    Strokes must be saved whichever docks the user opens, and in any order. Each dock
    therefore uses the one project controller of the viewer.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to; napari passes it by this name.

    Attributes
    ----------
    controller
        The controller of the viewer's project, which all docks of the viewer share.
    banner
        The offer to recover work, which is hidden if there is no work to recover.
    """

    # False: only work on loops that are open is offered
    offers_work_on_any_loop = False

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self.controller = controller_of(self.viewer)
        arrivals_of(self.viewer)
        self.banner = RecoveryBanner(
            recovery_of(self.viewer), of_any_loop=self.offers_work_on_any_loop
        )
        self.add(self.banner)
