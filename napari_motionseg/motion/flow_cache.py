"""Cache estimated flow on disk, so that reopening a loop takes no time.

There is one folder for each loop and set of settings, named by a hash of both::

    0123...cdef/
      journal.txt     what the flow depends on, then the checksum of each pair
      forward/000012  flow of one pair of frames in float16, nothing else
      backward/...

Everything that is read is checked: a file that is not a regular file of the expected
size and checksum is ignored and the flow is estimated again. The cache may be deleted
at any time, and several programs may use it at once. Only folders with the name and
journal of this program are ever deleted, and in them only files with the names above.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.environment import CACHE as VARIABLE
from napari_motionseg.errors import ReadError
from napari_motionseg.io.cache_folder import OFF, cache_folder, make_marked
from napari_motionseg.io.code_version import code_version
from napari_motionseg.io.regular_files import read_regular
from napari_motionseg.motion.flow_cache_entries import (
    JOURNAL,
    append_line,
    entries,
    is_own_entry,
    journal_lines,
    last_use,
    remove_entry,
    size_of,
    write_content,
)

__all__ = ["OFF", "VARIABLE", "FlowCache", "FlowEntry"]
FORMAT = 2  # version of the folders; folders of other versions are not used
CAPACITY = 4 * 2**30  # bytes, by default
LONGEST_PX = float(np.finfo(np.float16).max)  # longest component that float16 can hold
BUSY_S = 60.0  # seconds after its last use during which an entry is not deleted
PLACES = 8  # names for an entry, in case something else is at the first ones

Direction = Literal["forward", "backward"]
Flow = NDArray[np.float32]


class FlowCache:
    """A folder of flows, in which the least recently used ones make room for new ones.

    Parameters
    ----------
    folder
        Path of the folder, created when needed. Other files in it are left alone.
    capacity
        Number of bytes that all flows together may take.
    """

    def __init__(self, folder: str | Path, capacity: int = CAPACITY) -> None:
        self.folder = Path(folder)
        self.capacity = capacity

    @classmethod
    def default(cls) -> FlowCache | None:
        """Return the user's cache; None if ``MOTIONSEG_CACHE`` is ``off``.

        The variable may also name another folder.
        """
        folder = cache_folder()
        return None if folder is None else cls(folder / "flow")

    def entry(
        self, recipe: Mapping[str, Any], shape: tuple[int, int, int]
    ) -> FlowEntry | None:
        """Return the entry of one loop's flow.

        Parameters
        ----------
        recipe
            JSON values that the flow depends on.
        shape
            Number of pairs of frames, rows and columns.

        Returns
        -------
        FlowEntry or None
            None if both directions together need more than the capacity.
        """
        needed = 2 * 2 * 2 * int(np.prod(shape))
        if needed > self.capacity:
            return None
        head = {**recipe, "format": FORMAT, "version": code_version(), "shape": shape}
        text = json.dumps(head, sort_keys=True)
        entry = FlowEntry(self._place(text), text, shape)
        self._make_room(needed, entry.folder)
        return entry

    def _place(self, head: str) -> Path:
        """Return the folder for a head line, or a free one if it is taken."""
        name = hashlib.sha256(head.encode()).hexdigest()[:32]
        places = [self.folder / name]
        places += [self.folder / f"{name}-{n}" for n in range(1, PLACES)]
        for place in places:
            if not os.path.lexists(place) or is_own_entry(place):
                return place
        return places[-1]

    def _make_room(self, needed: int, keep: Path) -> None:
        """Delete the least recently used flows until `needed` bytes fit in."""
        others = [entry for entry in entries(self.folder) if entry != keep]
        sizes = {entry: size_of(entry) for entry in others}
        total = sum(sizes.values()) + needed
        for entry in sorted(others, key=last_use):
            if total <= self.capacity:
                return
            if time.time() - last_use(entry) > BUSY_S:
                remove_entry(entry)
                total -= sizes[entry]

    def clear(self) -> None:
        """Delete all flows; other files in the folder stay."""
        for entry in entries(self.folder):
            remove_entry(entry)
        with contextlib.suppress(OSError):
            self.folder.rmdir()


class FlowEntry:
    """The flow of one loop in a cache, pair by pair.

    Parameters
    ----------
    folder
        Path of the entry's folder.
    head
        First line of the journal: what the flow depends on, and the format version.
    shape
        Number of pairs of frames, rows and columns.

    Notes
    -----
    `trouble` says why nothing can be written any more; reading remains possible.
    """

    def __init__(self, folder: Path, head: str, shape: tuple[int, int, int]) -> None:
        self.folder = folder
        self.trouble = ""
        self._head = head
        self._shape = (2, *shape[1:])
        self._pairs = shape[0]
        self._sums = self._read_journal()
        if self._sums:
            with contextlib.suppress(OSError):
                os.utime(folder / JOURNAL, follow_symlinks=False)

    def holds(self, direction: Direction, t: int) -> bool:
        """Return whether a pair was written; `read` may still find it damaged."""
        return (direction, t) in self._sums

    def read(self, direction: Direction, t: int) -> Flow | None:
        """Return the flow ``(2, H, W)`` of a pair; None if it is missing or damaged."""
        expected = self._sums.get((direction, t))
        if expected is None:
            return None
        size = 2 * int(np.prod(self._shape))
        try:
            content = self._content(direction, t, size)
        except ReadError:
            content = b""
        if len(content) != size or zlib.crc32(content) != expected:
            self._sums.pop((direction, t))
            return None
        stored = np.frombuffer(content, "<f2").reshape(self._shape)
        return stored.astype(np.float32)

    def write(self, direction: Direction, t: int, flow: Flow) -> None:
        """Store the flow of a pair if there is space; see `trouble`."""
        if self.trouble or not np.abs(flow).max() <= LONGEST_PX:
            return
        content = np.ascontiguousarray(flow, "<f2").tobytes()
        try:
            self._begin()
            write_content(self._file(direction, t), content)
            self._note(f"\n{direction} {t} {zlib.crc32(content)}")
        except OSError as error:
            reason = getattr(error, "strerror", None) or error
            self.trouble = f"flow is not kept for next time: {self.folder}: {reason}"
            return
        self._sums[direction, t] = zlib.crc32(content)

    def _begin(self) -> None:
        """Create the folder and the journal, unless they exist."""
        if self._journal()[:1] == [self._head]:
            return
        if os.path.lexists(self.folder):
            if not is_own_entry(self.folder):
                raise OSError(None, "its folder was replaced by something else")
            remove_entry(self.folder)
        make_marked(self.folder.parent)
        self.folder.mkdir(exist_ok=True)
        self._note(self._head)

    def _content(self, direction: Direction, t: int, size: int) -> bytes:
        file = self._file(direction, t)
        for place in (self.folder, file.parent):
            if place.is_symlink():
                raise ReadError(
                    f"{place}: is a symbolic link, which a cache must not contain"
                )
        return read_regular(file, size, follow_links=False)

    def _file(self, direction: Direction, t: int) -> Path:
        return self.folder / direction / f"{t:06d}"

    def _note(self, line: str) -> None:
        append_line(self.folder / JOURNAL, line)

    def _journal(self) -> list[str]:
        return [] if self.folder.is_symlink() else journal_lines(self.folder)

    def _read_journal(self) -> dict[tuple[str, int], int]:
        lines = self._journal()
        if lines[:1] != [self._head]:
            return {}
        sums = {}
        for line in lines[1:]:
            parts = line.split(" ")
            numbers = len(parts) == 3 and all(part.isdecimal() for part in parts[1:])
            if numbers and int(parts[1]) < self._pairs:
                sums[parts[0], int(parts[1])] = int(parts[2])
        return sums
