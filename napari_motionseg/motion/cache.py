"""Flow that was estimated once, kept on disk: reopening a loop takes no time.

One folder for each loop and way of estimating, named by the hash of both: zarr arrays
in float16, a chunk for each pair of frames, and a journal with the checksum of every
chunk. What is read is checked; what does not fit is estimated anew. The folder may be
deleted at any time, and several programs may use it at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray
from platformdirs import user_cache_dir

from napari_motionseg import __version__

FORMAT = 1  # of the folders; those of another are made anew
VARIABLE = "MOTIONSEG_CACHE"
OFF = ("off", "no", "none", "0")
CAPACITY = 4 * 2**30  # bytes
LONGEST_PX = float(np.finfo(np.float16).max)
JOURNAL = "journal.txt"
BUSY_S = 60.0  # what was used so lately, maybe by another program, is not thrown out

Direction = Literal["forward", "backward"]
Flow = NDArray[np.float32]


class FlowCache:
    """A folder of flows, the least recently used of which make room for new ones.

    Parameters
    ----------
    folder
        Where; made when needed.
    capacity
        Bytes that all flows may take.
    """

    def __init__(self, folder: str | Path, capacity: int = CAPACITY) -> None:
        self.folder = Path(folder)
        self.capacity = capacity

    @classmethod
    def default(cls) -> FlowCache | None:
        """Return the user's cache; None if ``MOTIONSEG_CACHE`` is ``off``.

        That variable may name another folder.
        """
        wanted = os.environ.get(VARIABLE, "").strip()
        if wanted.lower() in OFF:
            return None
        folder = Path(wanted or user_cache_dir("napari-motionseg", appauthor=False))
        return cls(folder / "flow")

    def entry(
        self, recipe: Mapping[str, Any], shape: tuple[int, int, int]
    ) -> FlowEntry | None:
        """Return the place of one loop's flow.

        Parameters
        ----------
        recipe
            What the flow depends on; anything that JSON can hold.
        shape
            Pairs of frames, rows and columns.

        Returns
        -------
        FlowEntry or None
            None where its two directions would take more than the capacity.
        """
        needed = 2 * 2 * 2 * int(np.prod(shape))
        if needed > self.capacity:
            return None
        head = {**recipe, "format": FORMAT, "version": __version__, "shape": shape}
        text = json.dumps(head, sort_keys=True)
        name = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
        entry = FlowEntry(self.folder / name[:32], text, shape)
        self._make_room(needed, entry.folder)
        return entry

    def _make_room(self, needed: int, keep: Path) -> None:
        """Throw the longest unused flows out until `needed` bytes fit in."""
        others = [f for f in _folders(self.folder) if f != keep]
        sizes = {folder: _size(folder) for folder in others}
        total = sum(sizes.values()) + needed
        for folder in sorted(others, key=_last_use):
            if total <= self.capacity:
                return
            if time.time() - _last_use(folder) > BUSY_S:
                shutil.rmtree(folder, ignore_errors=True)
                total -= sizes[folder]

    def clear(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


class FlowEntry:
    """The flow of one loop in a cache, pair by pair.

    Parameters
    ----------
    folder
        Where.
    head
        First line of the journal: what the flow depends on, and the format.
    shape
        Pairs of frames, rows and columns.

    Notes
    -----
    `trouble` says why nothing is written any more; reading goes on.
    """

    def __init__(self, folder: Path, head: str, shape: tuple[int, int, int]) -> None:
        self.folder = folder
        self.trouble = ""
        self._head = head
        self._shape = (shape[0], 2, *shape[1:])
        self._arrays: dict[str, Any] = {}
        self._sums = self._read_journal()
        if self._sums:
            with contextlib.suppress(OSError):
                os.utime(folder / JOURNAL)

    def holds(self, direction: Direction, t: int) -> bool:
        """Return whether a pair was written; `read` may still find it damaged."""
        return (direction, t) in self._sums

    def read(self, direction: Direction, t: int) -> Flow | None:
        """Return the flow ``(2, H, W)`` of a pair; None if missing or damaged."""
        expected = self._sums.get((direction, t))
        if expected is None:
            return None
        try:
            stored = np.ascontiguousarray(self._array(direction, "r")[t])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            # zarr has no one error for what can be wrong with a file
            stored = np.empty(0, np.float16)
        if stored.shape != self._shape[1:] or _checksum(stored) != expected:
            self._sums.pop((direction, t))
            self._arrays.pop(direction, None)
            return None
        return stored.astype(np.float32)

    def write(self, direction: Direction, t: int, flow: Flow) -> None:
        """Keep the flow of a pair, if there is space; see `trouble`."""
        if self.trouble or not np.abs(flow).max() <= LONGEST_PX:
            return
        stored = np.ascontiguousarray(flow, np.float16)
        try:
            self._begin()
            self._array(direction, "a")[t] = stored
            self._note(f"\n{direction} {t} {_checksum(stored)}")
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or error
            self.trouble = f"flow is not kept for next time: {self.folder}: {reason}"
            return
        self._sums[direction, t] = _checksum(stored)

    def _begin(self) -> None:
        """Make the folder, without what another version or a crash has left there."""
        if _first_line(self.folder / JOURNAL) == self._head:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self._arrays.clear()
        self.folder.mkdir(parents=True)
        self._note(self._head)

    def _note(self, line: str) -> None:
        # a line begins with its end of line: one that a crash has cut spoils no other
        with (self.folder / JOURNAL).open("a", encoding="ascii") as journal:
            journal.write(line)

    def _array(self, direction: Direction, mode: Literal["r", "a"]) -> Any:
        if direction not in self._arrays or mode == "a":
            path = str(self.folder / f"{direction}.zarr")
            how: dict[str, Any] = {}
            if mode == "a":
                chunks = (1, *self._shape[1:])
                how = {"shape": self._shape, "chunks": chunks, "dtype": "f2"}
                how["fill_value"] = np.nan
            self._arrays[direction] = zarr.open_array(path, mode=mode, **how)
        return self._arrays[direction]

    def _read_journal(self) -> dict[tuple[str, int], int]:
        path = self.folder / JOURNAL
        if _first_line(path) != self._head:
            return {}
        sums = {}
        with contextlib.suppress(OSError):
            for line in path.read_text(encoding="ascii", errors="replace").split("\n"):
                parts = line.split(" ")
                if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
                    sums[parts[0], int(parts[1])] = int(parts[2])
        return sums


def _checksum(stored: NDArray[np.float16]) -> int:
    return zlib.crc32(stored.data)


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="ascii", errors="replace") as journal:
            return journal.readline().rstrip("\n")
    except OSError:
        return ""


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.path.getsize(os.path.join(place, name))
    return total


def _last_use(folder: Path) -> float:
    try:
        return (folder / JOURNAL).stat().st_mtime
    except OSError:
        return 0.0
