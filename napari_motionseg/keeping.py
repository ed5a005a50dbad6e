"""Keeping what was computed, within a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Keeper(Generic[Value]):
    """Values by key, least recently used out first.

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

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Value | None:
        """Return what is kept under `key`, or None."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value, and drop old ones beyond the capacity."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and self._bytes() > self._capacity:
            self._kept.popitem(last=False)

    def _bytes(self) -> int:
        return sum(self._size(value) for value in self._kept.values())
