"""Keeping what was computed, within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Keeper(Generic[Value]):
    """Values by key, least recently used out first; any thread may ask.

    Parameters
    ----------
    capacity_bytes
        Bound on their bytes; the last one is always kept.
    size
        Bytes of a value.
    """

    def __init__(self, capacity_bytes: int, size: Callable[[Value], int]) -> None:
        self._capacity = capacity_bytes
        self._size = size
        self._kept: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.RLock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Value | None:
        """Return what is kept under `key`, or None."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value, and drop old ones beyond the capacity."""
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
        self._trim()

    def forget(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Drop what is kept under unwanted keys."""
        with self._lock:
            for key in [key for key in self._kept if unwanted(key)]:
                del self._kept[key]

    def _trim(self) -> None:
        with self._lock:
            while len(self._kept) > 1 and self._bytes() > self._capacity:
                self._kept.popitem(last=False)

    def _bytes(self) -> int:
        return sum(self._size(value) for value in self._kept.values())
