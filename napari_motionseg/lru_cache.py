"""Cache values within a bound on their bytes; the least recently used ones go first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class LRUCache(Generic[Value]):
    """A least-recently-used cache with a bound on its bytes; any thread may use it.

    Parameters
    ----------
    capacity
        Number of bytes that all values together may take. The newest value is kept even
        if it alone is larger.
    size
        Function that returns the bytes of a value. A value must not change its size
        while it is cached.
    """

    def __init__(self, capacity: int, size: Callable[[Value], int]) -> None:
        self._capacity = capacity
        self._size = size
        self._used_bytes = 0
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        # re-entrant: garbage collection may call `discard` while the lock is held
        self._lock = threading.RLock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    def __len__(self) -> int:
        return len(self._values)

    @property
    def capacity(self) -> int:
        """Number of bytes that all values may take; a smaller one evicts values."""
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: int) -> None:
        self._capacity = capacity
        self._trim()

    @property
    def used_bytes(self) -> int:
        """Number of bytes that all values take now."""
        return self._used_bytes

    def get(self, key: Hashable) -> Value | None:
        """Return the value of a key and mark it as used; None if it is missing."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Add or replace a value, and evict the oldest ones beyond the capacity."""
        with self._lock:
            self._remove(key)
            self._values[key] = value
            self._used_bytes += self._size(value)
        self._trim()

    def discard(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Remove all values whose key is unwanted.

        Parameters
        ----------
        unwanted
            Function that gets a key and returns whether its value is removed.
        """
        with self._lock:
            # a copy of the keys, because garbage collection may discard others
            # meanwhile
            for key in list(self._values):
                if unwanted(key):
                    self._remove(key)

    def _remove(self, key: Hashable) -> None:
        if key in self._values:
            self._used_bytes -= self._size(self._values.pop(key))

    def _trim(self) -> None:
        with self._lock:
            while len(self._values) > 1 and self._used_bytes > self._capacity:
                self._remove(next(iter(self._values)))
