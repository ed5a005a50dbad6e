"""Pictures of coming steps, decoded by other processes while a step computes.

A picture is a pure function of its loop, frame and window, so it does not matter who
cuts it, or when: what is not there in time is cut here. Flow is not sent; it lies in
mapped files, from which it is read faster than through a pipe.
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

PATIENCE_S = 10.0  # for a frame that somebody has begun with; a disk may hang


class Piece(NamedTuple):
    """A part of a frame of a loop: numbers from 0, first and end of rows, columns."""

    loop: int
    t: int
    rows: tuple[int, int]
    columns: tuple[int, int]


class Foresight:
    """Pictures of loops; those that were foreseen are decoded elsewhere.

    Parameters
    ----------
    loops
        Where pictures come from.
    workers
        Processes that decode; 0 for none. None starts before a frame is foreseen that
        would have to be decoded.
    """

    def __init__(self, loops: Sequence[MovingLoop], workers: int = 0) -> None:
        self.frames = FramesAhead(workers) if workers else None
        self._loops = loops
        self._asked: dict[Piece, tuple[int, Answer]] = {}
        self._strange: set[int] = set()  # loops that the workers read otherwise

    def foresee(self, step: int, pieces: Iterable[Piece]) -> None:
        """Have pieces decoded that `step` will ask for; forget those before the last.

        At most two steps' pieces are held.
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

    def pictures(self, pieces: Sequence[Piece]) -> list[Tensor]:
        """Return each piece as ``(1, h, w)`` float32 in [0, 1].

        What nobody has begun with is cut here, from the end: workers go on from the
        front meanwhile.
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
        """End the processes."""
        self._asked.clear()
        if self.frames is not None:
            self.frames.close()

    def _wanted(self, piece: Piece) -> Wanted | None:
        """Return what to ask for; None if decoding is for nothing, or for here."""
        cine = self._loops[piece.loop].cine
        if piece.loop in self._strange or cine.source is None:
            return None
        if cine.frames.is_decoded(piece.t):
            return None
        proof = self._loops[piece.loop].hashes.frames[piece.t]
        return Wanted(cine.source.absolute(), cine.shape, *piece, proof)

    def _answered(self, piece: Piece, answer: Answer) -> Tensor:
        try:
            stored = answer.result(PATIENCE_S)
        except (JobError, Late, CancelledError):
            return self._cut(piece)
        if stored is None:
            self._strange.add(piece.loop)
            return self._cut(piece)
        return self._loops[piece.loop].as_picture(stored)

    def _cut(self, piece: Piece) -> Tensor:
        window = slice(*piece.rows), slice(*piece.columns)
        return self._loops[piece.loop].picture(piece.t, window)
