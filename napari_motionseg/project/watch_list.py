"""Hold the loops and layers that are saved automatically."""

from __future__ import annotations

import threading
from collections.abc import Hashable

from napari_motionseg.cine import Cine
from napari_motionseg.project.watched import WatchedLayer, WatchedLoop


class WatchList:
    """Loops and layers of a window by their keys. Any thread may use it."""

    def __init__(self) -> None:
        self._loops: dict[Hashable, WatchedLoop] = {}
        self._layers: dict[Hashable, WatchedLayer] = {}
        self._mutex = threading.RLock()

    def touch(self) -> None:
        """Report that something has changed; called after each change of the list."""

    def watch_loop(self, loop: WatchedLoop) -> None:
        """Add a loop to the project."""
        with self._mutex:
            self._loops[loop.key] = loop
        self.touch()

    def watch(self, layer: WatchedLayer) -> None:
        """Save the pixels of a layer from now on."""
        with self._mutex:
            self._layers[layer.key] = layer
            self._loops.setdefault(layer.loop.key, layer.loop)
        self.touch()

    def loop_of(self, key: Hashable) -> WatchedLoop | None:
        """Return the watched loop with a key, or None."""
        return self._loops.get(key)

    def layer_of(self, key: Hashable) -> WatchedLayer | None:
        """Return the watched layer with a key, or None."""
        return self._layers.get(key)

    def loop_like(self, cine: Cine) -> WatchedLoop | None:
        """Return the watched loop that equals `cine` or has the same file."""
        loops = self._loops.values()
        return next((loop for loop in loops if loop.is_like(cine)), None)

    def resume_loop(self, loop: WatchedLoop, key: Hashable, cine: Cine) -> None:
        """Continue with a watched loop whose layer was closed and is open again.

        Parameters
        ----------
        loop
            Watched loop, known under the key of its closed layer.
        key
            Key of the layer that shows it now.
        cine
            The loop as it was read now.
        """
        with self._mutex:
            self._loops.pop(loop.key, None)
            loop.key, loop.cine, loop.gone = key, cine, False
            self._loops[key] = loop
        self.touch()

    def loop_numbered(self, number: int) -> WatchedLoop | None:
        """Return the watched loop with a number in the project, or None."""
        found = (loop for loop in self._loops.values() if loop.number == number)
        return next(found, None)

    def let_go(self, key: Hashable) -> None:
        """Save a deleted layer a last time, and forget it.

        The pixels of a loop are released as soon as the project no longer needs them.
        """
        with self._mutex:
            if key in self._layers:
                self._layers[key].gone = True
            if key in self._loops:
                self._loops[key].gone = True
        self.touch()

    def detach(self, key: Hashable) -> None:
        """Save a layer a last time and forget it; the project keeps it.

        Use it for a layer that was closed together with all others, not deleted by the
        user.
        """
        with self._mutex:
            if key in self._layers:
                self._layers[key].detached = True
        self.let_go(key)

    def _forget(self, gone: list[WatchedLayer]) -> None:
        """Forget layers, and loops that neither the project nor other layers need."""
        with self._mutex:
            for layer in gone:
                if self._layers.get(layer.key) is layer:
                    del self._layers[layer.key]
            needed = {id(layer.loop) for layer in self._layers.values()}
            for key, loop in list(self._loops.items()):
                if loop.gone and loop.number is None and id(loop) not in needed:
                    del self._loops[key]
