"""Decode the frames of coming steps in worker processes while a step computes.

If a frame is not ready in time, it is decoded in the calling process; the result is
identical. Flow is not sent, because reading it from its memory-mapped file is faster
than a pipe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as Late
from typing import NamedTuple

from torch import Tensor

from napari_motionseg.errors import JobError
from napari_motionseg.io.frame_prefetch import Answer, FramesAhead
from napari_motionseg.io.prefetched_parts import Wanted
from napari_motionseg.training.pretrain.motion_data import MovingLoop

PATIENCE_S = 10.0  # seconds to wait for a frame that a worker has started


class FrameCrop(NamedTuple):
    """A crop of a frame: loop and frame from 0, start and stop of rows and columns."""

    loop: int
    t: int
    rows: tuple[int, int]
    columns: tuple[int, int]


class FramePrefetcher:
    """Return crops of frames, decoded ahead of time if they were prefetched.

    Parameters
    ----------
    loops
        Loops from which the crops are cut.
    workers
        Number of worker processes that decode; 0 for none. They start with the first
        prefetched frame that is not in memory already.
    """

    def __init__(self, loops: Sequence[MovingLoop], workers: int = 0) -> None:
        self.frames = FramesAhead(workers) if workers else None
        self._loops = loops
        self._asked: dict[FrameCrop, tuple[int, Answer]] = {}
        self._strange: set[int] = set()  # loops that workers could not read identically

    def prefetch(self, step: int, pieces: Iterable[FrameCrop]) -> None:
        """Begin to decode the crops of a coming step.

        Parameters
        ----------
        step
            Number of the step. Crops of steps before the previous one are dropped, so
            at most those of two steps are held.
        pieces
            Crops that `pictures` will be asked for.
        """
        if self.frames is None:
            return
        for piece in [p for p, (then, _) in self._asked.items() if then < step - 1]:
            self._asked.pop(piece)[1].cancel()
        for piece in pieces:
            _, answer = self._asked.get(piece, (0, None))
            if answer is not None and not answer.cancelled():
                self._asked[piece] = step, answer
            elif (wanted := self._wanted(piece)) is not None:
                self._asked[piece] = step, self.frames.ask(wanted)

    def pictures(self, pieces: Sequence[FrameCrop]) -> list[Tensor]:
        """Return each crop as ``(1, h, w)`` float32 in [0, 1].

        Crops that no worker has begun are decoded here, beginning with the last one,
        while workers continue from the first one.
        """
        found: dict[int, Tensor] = {}
        for place, piece in reversed(list(enumerate(pieces))):
            _, answer = self._asked.get(piece, (0, None))
            if answer is None or answer.cancel():
                found[place] = self._cut(piece)
        for place, piece in enumerate(pieces):
            if place not in found:
                found[place] = self._answered(piece, self._asked[piece][1])
        return [found[place] for place in range(len(pieces))]

    def close(self) -> None:
        """Stop the worker processes."""
        self._asked.clear()
        if self.frames is not None:
            self.frames.close()

    def _wanted(self, piece: FrameCrop) -> Wanted | None:
        """Return the request for a worker; None if a worker cannot help."""
        cine = self._loops[piece.loop].cine
        if piece.loop in self._strange or cine.source is None:
            return None
        if cine.frames.is_decoded(piece.t):
            return None
        proof = self._loops[piece.loop].hashes.frames[piece.t]
        return Wanted(cine.source.absolute(), cine.shape, *piece, proof)

    def _answered(self, piece: FrameCrop, answer: Answer) -> Tensor:
        try:
            stored = answer.result(PATIENCE_S)
        except (JobError, Late, CancelledError):
            return self._cut(piece)
        if stored is None:
            self._strange.add(piece.loop)
            return self._cut(piece)
        return self._loops[piece.loop].as_picture(stored)

    def _cut(self, piece: FrameCrop) -> Tensor:
        window = slice(*piece.rows), slice(*piece.columns)
        return self._loops[piece.loop].picture(piece.t, window)
