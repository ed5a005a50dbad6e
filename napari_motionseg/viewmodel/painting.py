"""Read and write labels layers that the user paints on: classes and labels.

A layer that a dock has made names its classes in its metadata and holds the numbers of
the screen, see `napari_motionseg.io.label_numbers`: 0 is unlabelled, 1 and above are
the classes, as in masks, and the background has a number of its own. For layers of any
other origin, only the label mode counts, see `Labels`.

Layers are duck-typed here: any object with the attributes of napari's labels layer is
accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import LabelError
from napari_motionseg.io import label_numbers
from napari_motionseg.io.label_numbers import (
    BACKGROUND,
    CLASSES,
    IMPLIED_BACKGROUND,
    of_target,
    to_file,
    to_target,
)
from napari_motionseg.io.labels import UNLABELLED

BACKGROUND_NAME, VESSEL_NAME, CATHETER_NAME = "background", "vessel", "catheter"
NEW_NAMES = (BACKGROUND_NAME, VESSEL_NAME, CATHETER_NAME)


def names_of(painting: Any) -> tuple[str, ...]:
    """Return the names of a layer's classes, the background first."""
    return tuple(painting.metadata.get(CLASSES, NEW_NAMES[:2]))


def has_catheters(names: Sequence[str]) -> bool:
    """Return whether class 2 is the catheter, and not a class of the user's own."""
    return tuple(names[2:3]) == (CATHETER_NAME,)


def has_screen_numbers(painting: Any) -> bool:
    """Return whether a layer holds the numbers of the screen, as docks make it."""
    return label_numbers.has_screen_numbers(painting.metadata)


def label_of(painting: Any, mode: str, number: int) -> int:
    """Return the label that stands for a class in a layer.

    Parameters
    ----------
    painting
        The labels layer.
    mode
        The label mode, ``"dense"`` or ``"scribbles"``, of a layer of another origin.
    number
        Number of the class, 0 = background.
    """
    if has_screen_numbers(painting):
        return number or BACKGROUND
    return number if mode == "dense" else number + 1


def painted_frames(painting: Any) -> list[int]:
    """Return the indices of the frames that hold a painted pixel.

    A layer of two axes belongs to the displayed frame and has no such indices.
    """
    data = np.asarray(painting.data)
    if data.ndim < 3:
        return []
    return [int(t) for t in np.flatnonzero(data.any(axis=(1, 2)))]


def painted_frame(painting: Any, t: int) -> NDArray[Any]:
    """Return the labels ``(H, W)`` of frame `t` as the layer stores them."""
    data = painting.data
    return np.asarray(data[t] if data.ndim == 3 else data)


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
        The label mode: in ``"dense"`` mode an unpainted pixel of a frame that is
        painted is background, in ``"scribbles"`` mode it is not labelled.
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
    labels = painted_frame(painting, t)
    if labels.shape != tuple(size):
        raise LabelError(
            f"the labels have {labels.shape} pixels and the loop has {tuple(size)}: "
            "paint on labels of the same size"
        )
    return targets_of(painting, labels, mode)


def targets_of(painting: Any, labels: NDArray[Any], mode: str) -> NDArray[np.int16]:
    """Return the classes that the labels of a layer mean.

    Parameters
    ----------
    painting
        The labels layer, which says what its numbers mean.
    labels
        ``(H, W)`` labels of one frame.
    mode
        See `painted_target`.
    """
    screen = has_screen_numbers(painting)
    if mode != "dense":
        return to_target(labels) if screen else labels.astype(np.int16) - np.int16(1)
    if not labels.any():  # a frame without paint is unlabelled
        return np.full(labels.shape, UNLABELLED, np.int16)
    if screen:
        return np.maximum(to_target(labels), np.int16(0))
    return labels.astype(np.int16)


def screen_labels(painting: Any, t: int, mode: str) -> NDArray[np.uint8]:
    """Return the labels ``(H, W)`` of a frame in the numbers of the screen.

    Parameters
    ----------
    painting
        The labels layer, of a dock or of another origin.
    t
        Index of the frame.
    mode
        See `painted_target`; it counts for a layer of another origin alone.
    """
    labels = painted_frame(painting, t)
    if has_screen_numbers(painting):
        return labels.astype(np.uint8)
    return of_target(targets_of(painting, labels, mode))


def of_frames(painting: Any, mode: str) -> NDArray[np.uint8]:
    """Return all labels of a layer in the numbers of the screen, in the layer's shape.

    Parameters
    ----------
    painting
        The labels layer, of a dock or of another origin.
    mode
        See `screen_labels`.
    """
    shape = np.shape(painting.data)
    count = shape[0] if len(shape) == 3 else 1
    frames = np.stack([screen_labels(painting, t, mode) for t in range(count)])
    return frames.reshape(shape)


def layer_labels(
    painting: Any, labels: NDArray[np.uint8], mode: str
) -> NDArray[np.uint8]:
    """Return labels of the screen in the numbers that a layer has.

    Parameters
    ----------
    painting
        The labels layer, of a dock or of another origin.
    labels
        ``(H, W)`` in the numbers of the screen.
    mode
        See `painted_target`; it counts for a layer of another origin alone.
    """
    if has_screen_numbers(painting):
        return labels
    if mode == "dense":
        return np.maximum(to_target(labels), 0).astype(np.uint8)
    return to_file(labels)


def drawn(painting: Any, t: int) -> NDArray[np.bool_]:
    """Return the pixels ``(H, W)`` of frame `t` that are drawn on the screen."""
    labels = painted_frame(painting, t)
    return np.asarray((labels != 0) & (labels != IMPLIED_BACKGROUND), bool)


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
    overwrite_frames(painting, {t: labels})


def replace_frame(painting: Any, t: int, labels: NDArray[Any]) -> None:
    """Replace the labels of one frame, which is no step of undo.

    Parameters
    ----------
    painting, t, labels
        See `overwrite_frame`.
    """
    data = painting.data
    data[t if data.ndim == 3 else ...] = labels
    painting.refresh()
    painting.events.paint(value=[])  # as after a stroke; docks and autosave listen


def overwrite_frames(painting: Any, frames: dict[int, NDArray[Any]]) -> None:
    """Replace the labels of several frames, as a single step of undo.

    Parameters
    ----------
    painting
        The labels layer, ``(T, H, W)`` or ``(H, W)``.
    frames
        ``(H, W)`` labels as the layer stores them, by the index of their frame.
    """
    where: list[NDArray[np.intp]] = []
    values = []
    for t, labels in frames.items():
        rows, columns = np.nonzero(painted_frame(painting, t) != labels)
        where.append(np.stack([np.full(len(rows), t), rows, columns]))
        values.append(np.asarray(labels)[rows, columns])
    indices = np.concatenate(where, axis=1) if where else np.empty((3, 0), np.intp)
    if indices.shape[1]:
        hidden = not painting.visible
        if hidden:  # napari ignores paint on a hidden layer
            painting.visible = True
        painting.data_setitem(tuple(indices[-painting.ndim :]), np.concatenate(values))
        if hidden:
            painting.visible = False
