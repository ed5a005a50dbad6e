"""Caches: flow and embeddings written while old ones make room."""

from __future__ import annotations

import numpy as np

from napari_motionseg.embedding.embedding_store import EmbeddingStore
from napari_motionseg.motion import FlowCache
from napari_motionseg.motion import flow_cache as cache_module

from .act import Act, Finding, changed, last_number, leftovers, plant

SHAPE = (4, 32, 40)
LOOPS = 6
FLOW_BYTES = 3 * 2 * 2 * 4 * 32 * 40 * 2
STORE_BYTES = 20_000


def flow_of(loop: int, t: int) -> np.ndarray:
    """Return the flow that a pair of a loop has."""
    return np.full((2, *SHAPE[1:]), 10 * loop + t + 0.5, np.float32)


def key_of(loop: int) -> str:
    """Return the name of a loop's embedding."""
    return f"{loop:040x}"


class Caches(Act):
    """Six loops in a cache that holds three, used in turn."""

    name = "cache"

    def work(self) -> None:
        plant(self.folder)
        plant(self.folder / "flow")
        plant(self.folder / "embedding")
        cache_module.BUSY_S = -1.0  # or nothing would make room within seconds
        for number in range(10**6):
            self._use(number % LOOPS)
            self.note(str(number))

    def _use(self, loop: int) -> None:
        cache = FlowCache(self.folder / "flow", FLOW_BYTES)
        entry = cache.entry({"loop": loop}, SHAPE)
        if entry is None:
            raise RuntimeError("the cache is too small for a loop")
        for t in range(SHAPE[0]):
            if entry.read("forward", t) is None:
                entry.write("forward", t, flow_of(loop, t))
        store = EmbeddingStore(self.folder / "embedding", STORE_BYTES)
        if store.read(key_of(loop)) is None:
            store.write(key_of(loop), np.full((4, 16, 24), loop, np.float16))
        if entry.trouble or store.trouble:
            raise RuntimeError(entry.trouble or store.trouble)

    def look(self, notes: list[tuple[str, float]], killed: float) -> Finding:
        found = Finding(acknowledged=last_number(notes) + 1)
        cache = FlowCache(self.folder / "flow", 2**30)
        store = EmbeddingStore(self.folder / "embedding")
        for loop in range(LOOPS):
            entry = cache.entry({"loop": loop}, SHAPE)
            for t in range(SHAPE[0]):
                flow = None if entry is None else entry.read("forward", t)
                if flow is not None and (flow != flow_of(loop, t)).any():
                    found.mixed += 1
            embedding = store.read(key_of(loop))
            if embedding is not None and (embedding != loop).any():
                found.mixed += 1
        # the pair before the last was used in full; nothing has made room for it yet
        last = last_number(notes)
        if last >= 0:
            entry = cache.entry({"loop": last % LOOPS}, SHAPE)
            whole = entry is not None and all(
                entry.read("forward", t) is not None for t in range(SHAPE[0])
            )
            found.lost += not whole
            found.lost += store.read(key_of(last % LOOPS)) is None
        self._use(0)  # the next run
        self._use(1)
        self._use(2)
        places = (self.folder, self.folder / "flow", self.folder / "embedding")
        if last >= 0:
            found.foreign = sum(changed(place) for place in places)
        found.leftovers = len(leftovers(self.folder))
        return found
