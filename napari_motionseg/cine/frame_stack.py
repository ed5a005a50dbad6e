"""Decode the frames of loops one at a time, when napari or a computation asks."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from napari_motionseg.errors import DamagedFrameError, PartialReadWarning, ReadError
from napari_motionseg.lru_cache import LRUCache

Frame = NDArray[Any]
FRAME_CACHE_BYTES = 2**30  # about 4,000 8-bit frames of 512 x 512 px
MOST_LISTED = 12  # most numbers of damaged frames that a message lists


class FrameCache(LRUCache[Frame]):
    """Decoded frames of any number of loops; keys are pairs of owner and index.

    Parameters
    ----------
    capacity
        Number of bytes that all frames may take; see `LRUCache`.
    """

    def __init__(self, capacity: int = FRAME_CACHE_BYTES) -> None:
        super().__init__(capacity, lambda frame: frame.nbytes)

    def discard_owner(self, owner: object) -> None:
        """Remove all frames of an owner, which is the first element of their keys."""
        self.discard(lambda key: isinstance(key, tuple) and key[0] is owner)


SHARED_FRAME_CACHE = FrameCache()


class FrameStack:
    """The frames of a loop, decoded one at a time on request.

    A stack can be indexed like a read-only array of axes ``(T, H, W)``:
    ``stack[t]``, ``stack[a:b:c]``, ``stack[t, rows, columns]``, ``np.asarray(stack)``.
    Decoded frames are kept in `cache`, which all loops share. Any thread may index the
    stack; `decode` is called by one thread at a time.

    A frame for which `decode` raises `DamagedFrameError` is replaced by a blank one and
    recorded in `damaged`. A `PartialReadWarning` reports the first one. Code that
    measures or learns calls `usable`, `find_damaged` or `usable_frames`.

    Parameters
    ----------
    decode
        Function that returns frame ``t`` as an ``(H, W)`` array of `dtype`.
    shape
        Number of frames, rows and columns.
    dtype
        Type of the stored values.
    cache
        Cache of decoded frames; None if decoding costs nothing.
    blank
        Stored value of every pixel of a blank frame: the lowest gray value.
    damaged
        Indices of frames that are known to be damaged.

    Notes
    -----
    This class is deliberately not a `collections.abc.Sequence`: napari inspects every
    item of a sequence, in search of dask arrays, and would decode the whole loop.
    """

    def __init__(
        self,
        decode: Callable[[int], Frame],
        shape: tuple[int, int, int],
        dtype: DTypeLike,
        cache: FrameCache | None = SHARED_FRAME_CACHE,
        *,
        blank: int = 0,
        damaged: Collection[int] = (),
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.ndim = 3
        self.blank = blank
        self._decode = decode
        self._cache = cache
        self._token = object()
        if cache is not None:
            weakref.finalize(self, cache.discard_owner, self._token).atexit = False
        self._lock = threading.RLock()
        self._damaged = set(damaged)
        # without a cache the pixels are in memory already, so no frame can fail
        self._sound = set(range(shape[0])) if cache is None else set()
        self._reason = "the loop"
        self._told = bool(damaged)

    @classmethod
    def from_array(
        cls, array: Frame, damaged: Collection[int] = (), blank: int = 0
    ) -> FrameStack:
        """Wrap an array ``(T, H, W)`` without copying it.

        Parameters
        ----------
        array
            Stored gray values ``(T, H, W)``.
        damaged
            Indices of frames that could not be decoded.
        blank
            Stored value of every pixel of those frames.
        """
        shape = (array.shape[0], array.shape[1], array.shape[2])
        return FrameStack(
            lambda t: array[t].view(),
            shape,
            array.dtype,
            cache=None,
            blank=blank,
            damaged=damaged,
        )

    def __reduce__(self) -> tuple[Callable[..., FrameStack], tuple[Any, ...]]:
        """Pickle as plain pixels, because another process may not have the files."""
        pixels = self[:]
        return FrameStack.from_array, (pixels, self.damaged, self.blank)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """Number of pixels of all frames together."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Number of bytes that all frames take when they are decoded."""
        return self.size * self.dtype.itemsize

    def is_decoded(self, t: int) -> bool:
        """Return whether frame `t` is in memory already."""
        if self._cache is None or t in self._damaged:
            return True
        return self._cache.get((self._token, t)) is not None

    def __iter__(self) -> Iterator[Frame]:
        return (self._frame(t) for t in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        """Return one frame ``(H, W)`` for an integer, else a decoded stack."""
        parts = key if isinstance(key, tuple) else (key,)
        if not parts or parts[0] is Ellipsis or parts[0] is None:
            return np.asarray(self)[key]
        first, rest = parts[0], parts[1:]
        if isinstance(first, (int, np.integer)):
            return self._frame(self._index(int(first)))[rest]
        chosen = first if isinstance(first, slice) else np.asarray(first)
        wanted = np.arange(len(self))[chosen]
        if not wanted.size:
            return np.zeros((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]
        return np.stack([self._frame(int(t))[rest] for t in wanted])

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> Frame:
        return np.asarray(self[:], dtype=dtype)

    @property
    def damaged(self) -> frozenset[int]:
        """Indices of the frames that are known to be damaged."""
        with self._lock:
            return frozenset(self._damaged)

    def usable(self, t: int) -> bool:
        """Return whether frame `t` can be decoded; decode it if this is not known yet.

        Raises
        ------
        ReadError
            If no frame of the loop can be decoded, or the file cannot be read.
        """
        with self._lock:
            if t not in self._sound and t not in self._damaged:
                self._frame(self._index(t))
            self._require_one()
            return t not in self._damaged

    def find_damaged(self) -> frozenset[int]:
        """Return the indices of all damaged frames; decode each frame not tried yet.

        Raises
        ------
        ReadError
            If no frame of the loop can be decoded, or the file cannot be read.

        Warns
        -----
        PartialReadWarning
            Gives the number of damaged frames, unless a warning was issued before.
        """
        # `usable` must not warn: one warning gives the number
        told, self._told = self._told, True
        try:
            for t in range(len(self)):
                self.usable(t)
        finally:
            self._told = told
        damaged = self.damaged
        if damaged and not told:
            self._told = True
            warn_partial_read(f"{self._reason}: {describe_damage(damaged, len(self))}")
        return damaged

    def usable_frames(self) -> list[int]:
        """Return the indices of all frames that can be decoded, in order.

        Raises
        ------
        ReadError
            If no frame can be decoded, or the file cannot be read.
        """
        damaged = self.find_damaged()
        return [t for t in range(len(self)) if t not in damaged]

    def blank_frame(self) -> Frame:
        """Return the frame shown for a damaged one: ``(H, W)`` of the lowest gray."""
        frame = np.full(self.shape[1:], self.blank, self.dtype)
        frame.setflags(write=False)
        return frame

    def _index(self, t: int) -> int:
        index = t + len(self) if t < 0 else t
        if not 0 <= index < len(self):
            raise IndexError(
                f"frame must lie between {-len(self)} and {len(self) - 1}; got {t}"
            )
        return index

    def _frame(self, t: int) -> Frame:
        with self._lock:
            if t in self._damaged:
                return self._replaced(t)
            kept = None if self._cache is None else self._cache.get((self._token, t))
            if kept is not None:
                return kept
            try:
                frame = np.asarray(self._decode(t))
            except DamagedFrameError as error:
                return self._replaced(t, error)
            frame.setflags(write=False)
            self._sound.add(t)
            if self._cache is not None:
                self._cache.put((self._token, t), frame)
            return frame

    def _require_one(self) -> None:
        if len(self._damaged) == len(self):
            raise ReadError(f"{self._reason}; no frame of this loop can be decoded")

    def _replaced(self, t: int, error: DamagedFrameError | None = None) -> Frame:
        """Return a blank frame for a damaged one, and warn at the first one."""
        self._damaged.add(t)
        if error is not None:
            self._reason = str(error)
        self._require_one()
        if not self._told:
            self._told = True
            warn_partial_read(f"{self._reason}: {BLANK_WORDS}")
        return self.blank_frame()


BLANK_WORDS = (
    "the frame is shown blank, and left out of everything that learns or measures"
)


def describe_damage(damaged: Collection[int], count: int) -> str:
    """Return a clause that says how many frames of a loop are damaged, and which.

    Parameters
    ----------
    damaged
        Indices of the damaged frames.
    count
        Number of frames of the loop.
    """
    listed = sorted(damaged)
    names = ", ".join(map(str, listed[:MOST_LISTED]))
    more = ", ..." if len(listed) > MOST_LISTED else ""
    return f"{len(listed)} of {count} frames are damaged and left out ({names}{more})"


def warn_partial_read(message: str) -> None:
    """Issue a `PartialReadWarning`, even if the same one was issued before."""
    # Python suppresses a repeated warning through a registry; here it gets none
    warnings.warn_explicit(message, PartialReadWarning, __file__, 1)
