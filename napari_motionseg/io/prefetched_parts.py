"""Decode parts of frames in a worker process, and verify that they are right.

This runs in the processes that `napari_motionseg.io.frame_prefetch` starts. A worker
gets only the path of a file, so it compares the hash of each frame with that of the
requested one. A file that was changed, moved or replaced meanwhile gives nothing.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import SHARED_FRAME_CACHE, Cine
from napari_motionseg.cine.hashing import hash_frame
from napari_motionseg.errors import MotionSegError
from napari_motionseg.io.reading import read_cines

OPEN_FILES = 512  # most files whose headers are kept in memory


@dataclass(frozen=True)
class Wanted:
    """A request for a part of a frame of a loop.

    Parameters
    ----------
    source
        Absolute path of the file or folder that holds the loop.
    shape
        Shape ``(T, H, W)`` of the loop.
    loop
        Number that is unique among the loops of the requesting process.
    t
        Index of the frame, counted from 0.
    rows, columns
        First index, and index after the last one, of the rows and columns of the part.
    proof
        SHA-256 of the whole frame, as `hash_frame` returns it.
    """

    source: Path
    shape: tuple[int, int, int]
    loop: int
    t: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    proof: bytes


class Decoder:
    """Decode requested parts; the headers of the files read last are kept."""

    def __init__(self) -> None:
        self._open = lru_cache(OPEN_FILES)(_dear_ones)
        # index of each loop among those of its source
        self._places: dict[int, int] = {}

    def __call__(self, wanted: Wanted) -> NDArray[Any] | None:
        """Return stored values ``(h, w)``; None if the frame is missing or differs."""
        try:
            frame = self._frame(wanted)
        except (MotionSegError, OSError, MemoryError):
            return None
        if frame is None:
            return None
        rows, columns = slice(*wanted.rows), slice(*wanted.columns)
        return np.ascontiguousarray(frame[rows, columns])

    def _frame(self, wanted: Wanted) -> NDArray[Any] | None:
        """Find the loop by the hash of its frame, since a folder may hold several."""
        cines = self._open(wanted.source)
        known = self._places.get(wanted.loop)
        places = range(len(cines)) if known is None else (known,)
        for place in places:
            frame = _proven(cines[place], wanted) if place < len(cines) else None
            if frame is not None:
                self._places[wanted.loop] = place
                return frame
        return None


def _dear_ones(source: Path) -> list[Cine]:
    """Return the loops that are decoded frame by frame.

    Others would fill the memory.
    """
    return [cine for cine in read_cines(source) if not cine.frames.is_decoded(0)]


def _proven(cine: Cine, wanted: Wanted) -> NDArray[Any] | None:
    if cine.shape != wanted.shape:
        return None
    frame: NDArray[Any] = cine.frames[wanted.t]
    return frame if hash_frame(frame) == wanted.proof else None


def serve(frame_bytes: int) -> None:
    """Answer each `Wanted` from standard input on standard output, until it ends.

    Parameters
    ----------
    frame_bytes
        Number of bytes that decoded frames may take.
    """
    # Ctrl-C is meant for the parent process, which ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    SHARED_FRAME_CACHE.capacity = frame_bytes
    decode = Decoder()
    # a library that prints must not write between the answers
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        answer: NDArray[Any] | None = None  # the first answer only says "ready"
        while True:
            pickle.dump(answer, answers, protocol=5)
            answers.flush()
            try:
                wanted = pickle.load(sys.stdin.buffer)
            except EOFError:
                return  # the parent process has ended
            answer = decode(wanted)
