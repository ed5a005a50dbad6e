"""Report changes of the layers of a viewer to the autosave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import ref

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_motionseg.errors import MotionSegError
from napari_motionseg.project import Autosaver
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop
from napari_motionseg.viewmodel.session import Session
from napari_motionseg.widgets.common.project_layers import (
    attributes_of,
    kind_of,
    loop_layer_of,
    stored_pixels,
)
from napari_motionseg.widgets.common.viewers import DERIVED, is_loop

# A window that closes removes all layers first. After this time it is gone, and a layer
# that is still missing was deleted by the user.
CLOSING_MS = 500


class LayerWatch(QObject):
    """Tell the autosave when layers are added, changed or removed.

    Parameters
    ----------
    viewer
        The viewer whose layers are watched. Only a weak reference is kept.
    session
        The session, which knows the loop of each image layer.
    saver
        The autosave. The attribute `saver` is replaced when another project is opened.
    """

    def __init__(self, viewer: Viewer, session: Session, saver: Autosaver) -> None:
        super().__init__()
        self.saver = saver
        self._viewer, self._session = ref(viewer), session
        self._deaf = False
        self._deleted: list[str] = []
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        session.work_in_settings.connect(self.keep_work_on)
        for layer in viewer.layers:
            self._watch(layer)

    @contextmanager
    def not_heard(self) -> Iterator[None]:
        """Ignore layers that are added or removed within this context."""
        deaf, self._deaf = self._deaf, True
        try:
            yield
        finally:
            self._deaf = deaf

    def watch_all(self) -> None:
        """Watch all labels layers, and all loops that this plugin has read."""
        for layer in self._layers():
            self._watch(layer)
            if is_loop(layer) and "cine" in layer.metadata:
                self._loop(layer)

    def keep_work_on(self, image: Layer) -> None:
        """Save a loop and the settings that hold work on it, also without labels."""
        if self._loop(image) is not None:
            self._listen_to_name(image)
            self.saver.keep_work_in_settings()

    def describe_all(self) -> None:
        """Record the names, display settings and metadata of all watched layers.

        napari emits no event for some of these changes.
        """
        for layer in self._layers():
            self._describe(layer)

    def adopt(self, layer: Layer, watched: WatchedLayer) -> None:
        """Watch a labels layer that was read from a project."""
        self._listen(layer)
        self.saver.watch(watched)

    def adopt_loop(self, layer: Layer, loop: WatchedLoop) -> None:
        """Watch a loop that was read from a project."""
        self._listen_to_name(layer)
        self.saver.watch_loop(loop)

    def _listen_to_name(self, loop: Layer) -> None:
        loop.events.name.disconnect(self._touched)
        loop.events.name.connect(self._touched)

    def has(self, layer: Layer) -> bool:
        """Return whether a layer belongs to the project, or was made by a dock."""
        key = layer.unique_id
        known = (self.saver.layer_of(key), self.saver.loop_of(key))
        return any(one is not None for one in known) or DERIVED in layer.metadata

    def of_loop(self, number: int) -> list[Layer]:
        """Return the watched labels layers of the loop with this number."""
        watched = {x: self.saver.layer_of(x.unique_id) for x in self._layers()}
        return [
            x
            for x, one in watched.items()
            if one is not None and one.loop.number == number
        ]

    def _layers(self) -> list[Layer]:
        viewer = self._viewer()
        return [] if viewer is None else list(viewer.layers)

    def _inserted(self, event: Any) -> None:
        if not self._deaf:
            self._watch(event.value)

    def _removed(self, event: Any) -> None:
        if not self._deaf:
            self._deleted.append(event.value.unique_id)
            QTimer.singleShot(CLOSING_MS, self._let_go)

    def _let_go(self) -> None:
        """Tell the autosave which layers the user has deleted.

        When a window closes, napari removes all layers at once. Then no layer was
        deleted by the user, and the project keeps all of them.
        """
        shown = {layer.unique_id for layer in self._layers()}
        deleted = [key for key in self._deleted if key not in shown]
        self._deleted = []
        # without this, removed layers would stay in memory until the window is closed
        let_go = self.saver.let_go if shown else self.saver.detach
        for key in deleted:
            let_go(key)

    def _watch(self, layer: Layer) -> None:
        kind = kind_of(layer)
        if kind is None or self.saver.layer_of(layer.unique_id) is not None:
            return
        image = loop_layer_of(self._viewer(), layer)
        loop = None if image is None else self._loop(image)
        if loop is not None:
            self._listen(layer)
            self.saver.watch(watched_layer(layer, kind, loop))

    def _loop(self, image: Layer) -> WatchedLoop | None:
        known = self.saver.loop_of(image.unique_id)
        if known is not None and not known.gone:
            return known
        try:
            cine = self._session.loop(image).cine
        except MotionSegError:
            return None  # the image layer is not a loop, for example an RGB picture
        loop = known or self.saver.loop_like(cine)
        if loop is None:
            loop = WatchedLoop(image.unique_id, cine, image.name)
            self.saver.watch_loop(loop)
        elif loop.gone:
            self.saver.resume_loop(loop, image.unique_id, cine)
        return loop

    def _listen(self, layer: Layer) -> None:
        events = layer.events
        for event in (events.paint, events.data):
            event.connect(self._edited)
        for event in (
            events.set_data, events.name, events.opacity, events.colormap,
            events.visible,
        ):  # fmt: skip
            event.connect(self._touched)

    def _edited(self, event: Any) -> None:
        watched = self.saver.layer_of(event.source.unique_id)
        if watched is not None:
            watched.edited = True
        self._touched(event)

    def _touched(self, event: Any) -> None:
        self._describe(event.source)
        self.saver.touch()

    def _describe(self, layer: Layer) -> None:
        watched = self.saver.layer_of(layer.unique_id)
        if watched is not None:
            watched.name, watched.attributes = layer.name, attributes_of(layer)
        loop = self.saver.loop_of(layer.unique_id)
        if loop is not None:
            loop.name = layer.name


def watched_layer(
    layer: Layer, kind: str, loop: WatchedLoop, dtype: str = "uint8"
) -> WatchedLayer:
    """Return the record through which the autosave watches a layer.

    Parameters
    ----------
    layer
        The layer of labels or masks.
    kind
        ``"labels"`` or ``"masks"``.
    loop
        The loop that the layer lies on.
    dtype
        Integer type in which the project stores labels that a dock has made.
    """
    return WatchedLayer(
        layer.unique_id, loop, kind, layer.name, lambda: stored_pixels(layer, dtype),
        attributes_of(layer),
    )  # fmt: skip
