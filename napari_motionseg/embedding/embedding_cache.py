"""Keep embeddings in memory, within a bound; far frames of a loop are evicted first."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.lru_cache import LRUCache

CAPACITY = 2 * 2**30  # bytes: 64 frames of 512 x 512 pixels and 64 dimensions


class EmbeddingCache(LRUCache[NDArray[np.float16]]):
    """Embeddings ``(D, H, W)`` of frames in half precision; any thread may use it.

    Parameters
    ----------
    capacity_bytes
        Number of bytes that all embeddings may take; see `LRUCache`.
    """

    def __init__(self, capacity_bytes: int = CAPACITY) -> None:
        super().__init__(capacity_bytes, lambda embedding: embedding.nbytes)

    @property
    def capacity(self) -> int:
        """Number of bytes that all embeddings may take; the newest one always stays.

        Raises
        ------
        SettingsError
            If it is set to less than one byte.
        """
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: int) -> None:
        """Set the number of bytes, and evict embeddings that exceed it."""
        if capacity < 1:
            raise SettingsError(f"the memory limit must be positive; got {capacity}")
        self._capacity = capacity
        self._trim()

    @property
    def largest(self) -> int:
        """Number of bytes of the largest embedding in memory; 0 if there is none."""
        with self._lock:
            return max((kept.nbytes for kept in self._values.values()), default=0)

    def put(self, key: Hashable, value: NDArray[np.floating]) -> None:
        """Add an embedding, and evict old ones beyond the capacity."""
        super().put(key, value.astype(np.float16, copy=False))

    def discard_loop(self, token: object) -> None:
        """Remove the embeddings of a loop, whose keys begin with its token."""
        self.discard(lambda key: isinstance(key, tuple) and key[0] is token)

    def use(self, keys: Iterable[Hashable]) -> None:
        """Mark embeddings as used, the last of `keys` as most recent.

        Unknown keys are ignored.
        """
        for key in keys:
            self.get(key)
