"""Parts of frames that another process decodes, and what proves that they are right.

This runs in processes that `napari_motionseg.io.frame_prefetch` starts. They know
nothing of the process that asks but the name of a file, so each frame is compared with
a hash of what is wanted: a file that was changed, moved or replaced meanwhile gives
nothing.
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

OPEN_FILES = 512  # of which the headers are kept


@dataclass(frozen=True)
class Wanted:
    """A part of a frame of a loop in a file.

    Parameters
    ----------
    source
        Where the loop lies; absolute.
    shape
        Of the loop, ``(T, H, W)``.
    loop
        A number that no other loop of the one that asks has.
    t
        The frame.
    rows, columns
        First and end of the part.
    proof
        `hash_frame` of the whole frame.
    """

    source: Path
    shape: tuple[int, int, int]
    loop: int
    t: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    proof: bytes


class Decoder:
    """Gives what is wanted; headers of the files read last are kept."""

    def __init__(self) -> None:
        self._open = lru_cache(OPEN_FILES)(_dear_ones)
        self._places: dict[int, int] = {}  # of loops among those of their source

    def __call__(self, wanted: Wanted) -> NDArray[Any] | None:
        """Return stored values ``(h, w)``; None if they cannot be had, or be proven."""
        try:
            frame = self._frame(wanted)
        except (MotionSegError, OSError, MemoryError):
            return None
        if frame is None:
            return None
        rows, columns = slice(*wanted.rows), slice(*wanted.columns)
        return np.ascontiguousarray(frame[rows, columns])

    def _frame(self, wanted: Wanted) -> NDArray[Any] | None:
        """Find the loop by its proof: a folder holds several, in any order."""
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
    """Return the loops that are decoded frame by frame; others would fill memory."""
    return [cine for cine in read_cines(source) if not cine.frames.is_decoded(0)]


def _proven(cine: Cine, wanted: Wanted) -> NDArray[Any] | None:
    if cine.shape != wanted.shape:
        return None
    frame: NDArray[Any] = cine.frames[wanted.t]
    return frame if hash_frame(frame) == wanted.proof else None


def serve(frame_bytes: int) -> None:
    """Answer each `Wanted` on standard input on standard output, until it ends.

    Parameters
    ----------
    frame_bytes
        How much memory decoded frames may take.
    """
    # Ctrl-C asks the process that started this one to end early, not this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    SHARED_FRAME_CACHE.capacity = frame_bytes
    decode = Decoder()
    # a library that prints must not print amid the answers
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        answer: NDArray[Any] | None = None  # the first one says: ready
        while True:
            pickle.dump(answer, answers, protocol=5)
            answers.flush()
            try:
                wanted = pickle.load(sys.stdin.buffer)
            except EOFError:
                return  # whoever asked has ended, in whatever way
            answer = decode(wanted)
