"""Find the differences between a layer and its saved pixels, as small rectangles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.project.journal import Delta


class SavedPixels:
    """The saved pixels of a layer; empty frames take no memory.

    Parameters
    ----------
    layer
        Number of the layer in its project.
    pixels
        ``(T, H, W)`` as read from the disk; None if nothing was saved yet.
    """

    def __init__(self, layer: int, pixels: NDArray[Any] | None = None) -> None:
        self._layer = layer
        self._frames: dict[int, NDArray[Any]] = {}
        if pixels is not None:
            self._frames = {t: frame.copy() for t, frame in _filled(pixels)}

    def changes(self, pixels: NDArray[Any]) -> Iterator[Delta]:
        """Yield the rectangle of differing pixels for each frame that differs.

        Parameters
        ----------
        pixels
            Present pixels ``(T, H, W)``. They may be painted on meanwhile, because a
            copy is compared.
        """
        for t in range(len(pixels)):
            before = self._frames.get(t)
            if before is None and not pixels[t].any():
                continue
            now = np.array(pixels[t])
            box = rectangle(now if before is None else now != before)
            if box is not None:
                rows, columns = box
                changed = now[rows, columns]
                yield Delta(self._layer, t, rows.start, columns.start, changed)

    def take(self, deltas: Iterable[Delta], shape: tuple[int, ...]) -> None:
        """Record changes as saved.

        Parameters
        ----------
        deltas
            Changes that are on the disk now.
        shape
            Shape ``(T, H, W)`` of the layer.
        """
        for delta in deltas:
            frame = self._frames.get(delta.frame)
            if frame is None:
                frame = np.zeros(shape[1:], delta.pixels.dtype)
            height, width = delta.pixels.shape
            rows = slice(delta.row, delta.row + height)
            columns = slice(delta.column, delta.column + width)
            frame[rows, columns] = delta.pixels
            self._frames[delta.frame] = frame


def whole_frames(layer: int, pixels: NDArray[Any]) -> Iterator[Delta]:
    """Yield each frame of ``(T, H, W)`` that is not empty, as one change."""
    for t, frame in _filled(pixels):
        box = rectangle(frame != 0)
        if box is not None:
            rows, columns = box
            yield Delta(layer, t, rows.start, columns.start, frame[rows, columns])


def rectangle(mask: NDArray[Any]) -> tuple[slice, slice] | None:
    """Return the rows and columns that contain all nonzero pixels of ``(H, W)``."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    first, last = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(mask[first:last].any(axis=0))
    return slice(first, last), slice(int(columns[0]), int(columns[-1]) + 1)


def _filled(pixels: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    return ((t, frame) for t, frame in enumerate(pixels) if frame.any())
