"""Labels layers that a person paints on: their classes and the labels they hold.

A layer that a dock has made names its classes in its metadata. Its label 0 is not
painted, 1 is the background, and 2 and above are the other classes, in either label
mode. A layer of any other origin follows the label mode alone, see `Labels`.

Layers are duck-typed here: anything with the attributes of napari's labels layer will
do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import LabelError
from napari_motionseg.io.labels import UNLABELLED
from napari_motionseg.viewmodel.layer_arrays import CLASSES

BACKGROUND_NAME, VESSEL_NAME = "background", "vessel"
NEW_NAMES = (BACKGROUND_NAME, VESSEL_NAME)  # of a layer that a dock makes


def names_of(painting: Any) -> tuple[str, ...]:
    """Return the names of a layer's classes, the background first."""
    return tuple(painting.metadata.get(CLASSES, NEW_NAMES))


def background_label(painting: Any, mode: str) -> int:
    """Return the label that stands for the background.

    Parameters
    ----------
    painting
        The labels layer.
    mode
        The label mode, ``"dense"`` or ``"scribbles"``.

    Returns
    -------
    int
        1, or 0 where the layer names no classes and the mode is dense. Class ``n`` has
        this label plus ``n``.
    """
    return 1 if CLASSES in painting.metadata or mode != "dense" else 0


def painted_frames(painting: Any) -> list[int]:
    """Return the indices of the frames that hold a painted pixel.

    A layer of two axes belongs to whatever frame is shown and has no such indices.
    """
    data = np.asarray(painting.data)
    if data.ndim < 3:
        return []
    return [int(t) for t in np.flatnonzero(data.any(axis=(1, 2)))]


def painted_target(
    painting: Any, t: int, mode: str, size: tuple[int, int]
) -> NDArray[np.int16]:
    """Return the classes that are painted on a frame.

    Parameters
    ----------
    painting
        The labels layer, ``(T, H, W)``; one of ``(H, W)`` holds for every frame.
    t
        Index of the frame.
    mode
        The label mode, ``"dense"`` or ``"scribbles"``.
    size
        Rows and columns of the loop's frames.

    Returns
    -------
    NDArray
        ``(H, W)`` class numbers, 0 = background, -1 = not painted.

    Raises
    ------
    LabelError
        If the layer has another size than the loop.
    """
    data = painting.data
    if data.ndim == 3 and t >= len(data):
        raise LabelError(
            f"the labels have {len(data)} frames, and frame {t} is shown: paint on "
            "labels of the same loop"
        )
    labels = np.asarray(data[t] if data.ndim == 3 else data).astype(np.int16)
    if labels.shape != tuple(size):
        raise LabelError(
            f"the labels have {labels.shape} pixels and the loop has {tuple(size)}: "
            "paint on labels of the same size"
        )
    first = background_label(painting, mode)
    if mode != "dense":
        return labels - np.int16(first)
    if not labels.any():  # on a frame without paint, nothing is said
        return np.full_like(labels, UNLABELLED)
    return np.maximum(labels - np.int16(first), 0) if first else labels


def overwrite_frame(painting: Any, t: int, labels: NDArray[Any]) -> None:
    """Replace the labels of one frame, as a single step of undo.

    Parameters
    ----------
    painting
        The labels layer, ``(T, H, W)`` or ``(H, W)``.
    t
        Index of the frame.
    labels
        ``(H, W)`` labels as the layer stores them.
    """
    before = np.asarray(painting.data[t] if painting.ndim == 3 else painting.data)
    rows, columns = np.nonzero(before != labels)
    if len(rows):
        where = (np.full(len(rows), t), rows, columns)[-painting.ndim :]
        # napari ignores paint on a hidden layer
        visible, painting.visible = painting.visible, True
        painting.data_setitem(where, labels[rows, columns])
        painting.visible = visible
