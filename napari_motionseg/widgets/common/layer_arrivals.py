"""Tell the user how a new layer can be used, and offer the next step.

Docks list only layers that they can work on. For layers that they leave out, such as a
stack of four axes, a volume, or labels of another loop, this module shows the reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, ref

from napari.layers import Image, Labels, Layer
from napari.utils.notifications import (
    NotificationSeverity,
    notification_manager,
    show_info,
)
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_motionseg.cine import Cine
from napari_motionseg.io.program_marks import is_own
from napari_motionseg.viewmodel.layer_words import (
    words_on_image,
    words_on_labels,
    words_on_loop,
)
from napari_motionseg.viewmodel.mask_files import IMAGES
from napari_motionseg.widgets.common.loop_display import is_read_loop, loop_display_of
from napari_motionseg.widgets.common.mask_loading import replace_image
from napari_motionseg.widgets.common.offers import Offer
from napari_motionseg.widgets.common.open_docks import (
    docks_of,
    open_dock,
    open_docks,
)
from napari_motionseg.widgets.common.project_layers import lies_on
from napari_motionseg.widgets.common.viewers import DERIVED, is_loop, unwrapped

_arrivals: WeakKeyDictionary[Viewer, LayerArrivals] = WeakKeyDictionary()


def arrivals_of(viewer: Viewer) -> LayerArrivals:
    """Return the observer of new layers in `viewer`, creating it at the first call.

    From then on, one loop is shown at a time, see `LoopDisplay`.
    """
    viewer = unwrapped(viewer)
    if viewer not in _arrivals:
        loop_display_of(viewer)
        _arrivals[viewer] = LayerArrivals(viewer)
    return _arrivals[viewer]


class LayerArrivals(QObject):
    """Examine new layers, once all layers that are added together have been added.

    Parameters
    ----------
    viewer
        The viewer, which is held weakly.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = ref(viewer)
        self._new: list[ref[Layer]] = []
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._look)
        viewer.layers.events.inserted.connect(self._inserted)

    def _inserted(self, event: Any) -> None:
        if DERIVED not in event.value.metadata:
            self._new.append(ref(event.value))
            self._soon.start(0)

    def _look(self) -> None:
        viewer, new = self._viewer(), [one() for one in self._new]
        self._new = []
        if viewer is None:
            return
        there = [layer for layer in new if layer is not None and layer in viewer.layers]
        docks = docks_of(viewer)
        loops = [layer for layer in there if is_read_loop(layer)]
        if loops and not docks:
            _offer_docks(viewer, loops[-1].metadata["cine"])
        for layer in there:
            path = own_image_path(viewer, layer)
            if path is not None:
                replace_image(viewer, layer, path)
                continue
            words = words_on(viewer, layer) if docks else ""
            if words:
                show_info(words)


def own_image_path(viewer: Viewer, layer: Layer) -> Path | None:
    """Return the file of an image layer if this program wrote masks to it.

    Pictures that the program wrote have colours, or another size than the open loops.
    """
    path = getattr(layer.source, "path", None)
    if (
        not isinstance(layer, Image)
        or layer.rgb
        or path is None
        or "cine" in layer.metadata
    ):
        return None
    size = tuple(layer.data.shape)[-2:]
    fits = any(
        tuple(x.data.shape[: x.ndim])[-2:] == size
        for x in viewer.layers
        if x is not layer and is_loop(x)
    )
    place = Path(path)
    return place if fits and place.suffix.lower() in IMAGES and is_own(place) else None


def words_on(viewer: Viewer, layer: Layer) -> str:
    """Explain how docks interpret a layer, if this may surprise the user.

    Returns
    -------
    str
        One or two sentences; empty if docks can use the layer, or do not care about it.
    """
    if is_read_loop(layer):
        return words_on_loop(layer.metadata["cine"])
    if isinstance(layer, Labels):
        loops = [x for x in viewer.layers if is_loop(x)]
        fits = any(lies_on(layer, loop) for loop in loops)
        return "" if fits or not loops else words_on_labels(layer, loops)
    return words_on_image(layer) if isinstance(layer, Image) else ""


def _offer_docks(viewer: Viewer, cine: Cine) -> None:
    """Show a notification with buttons that open the docks."""
    rate = "" if cine.frame_rate is None else f", {cine.frame_rate:.3g} frames/s"
    window = ref(viewer)

    def segment(_: object = None) -> None:
        """Open the Segment dock."""
        there = window()
        if there is not None:
            open_dock(there, "Segment")

    def all_docks(_: object = None) -> None:
        """Open all docks."""
        there = window()
        if there is not None:
            open_docks(there)

    notification_manager.dispatch(
        Offer(
            f"{cine.name}: {len(cine)} frames{rate}",
            NotificationSeverity.INFO,
            actions=(("Segment", segment), ("All docks", all_docks)),
        )
    )
