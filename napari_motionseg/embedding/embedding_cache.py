"""Embeddings in memory: bounded, and the far frames of a loop go out first."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import SettingsError
from napari_motionseg.lru_cache import LRUCache

CAPACITY = 2 * 2**30  # bytes: 64 frames of 512 x 512 pixels and 64 dimensions


class EmbeddingCache(LRUCache[NDArray[np.float16]]):
    """Embeddings ``(D, H, W)`` of frames in half precision; any thread may ask.

    Parameters
    ----------
    capacity_bytes
        See `LRUCache`.
    """

    def __init__(self, capacity_bytes: int = CAPACITY) -> None:
        super().__init__(capacity_bytes, lambda embedding: embedding.nbytes)

    @property
    def capacity(self) -> int:
        """Bytes that all embeddings may take; the last one stays even if it is larger.

        Raises
        ------
        SettingsError
            If it is set to less than one byte.
        """
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: int) -> None:
        if capacity < 1:
            raise SettingsError(f"the memory limit must be positive; got {capacity}")
        self._capacity = capacity
        self._trim()

    @property
    def largest(self) -> int:
        """Bytes of the largest that is kept; 0 if there is none."""
        with self._lock:
            return max((kept.nbytes for kept in self._values.values()), default=0)

    def put(self, key: Hashable, value: NDArray[np.floating]) -> None:
        """Keep an embedding, and drop old ones beyond the capacity."""
        super().put(key, value.astype(np.float16, copy=False))

    def discard_loop(self, token: object) -> None:
        """Drop the embeddings of a loop: those whose key begins with its token."""
        self.discard(lambda key: isinstance(key, tuple) and key[0] is token)

    def use(self, keys: Iterable[Hashable]) -> None:
        """Count as used, the last of `keys` most recently; unknown ones are passed."""
        for key in keys:
            self.get(key)
