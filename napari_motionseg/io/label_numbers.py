"""Convert numbers of labels between the screen, files, and the folder of a project.

In the window a class has the same number in labels and in masks, so that both have the
same colours. Files use the numbers of `Labels`, where 0 in a mask is the background.

===================  =====================  =====================  ===================
what                 labels on the screen   masks on the screen    a file of scribbles
===================  =====================  =====================  ===================
nothing is said      0                      -                      0
class ``n``, from 1  ``n``                  ``n``                  ``n + 1``
background, drawn    `BACKGROUND`           0                      1
background, implied  `IMPLIED_BACKGROUND`   0                      1
===================  =====================  =====================  ===================

Implied background was not drawn with a brush: it is the rest of a frame that the user
has confirmed, or the margin of a correction. Training uses it like any other
background. It is never shown, because it would cover the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.labels import UNLABELLED

CLASSES = "classes"  # key in the metadata of a layer: names of its classes
IMPLIED_BACKGROUND = 254
BACKGROUND = 255
LAST_CLASS = 253  # the largest number of a class
# number of implied background in a project; older versions lack it
_STORED_IMPLIED = 255
_MOSTLY = 0.5  # share of a frame that nobody covers with background by a brush


def has_screen_numbers(metadata: Mapping[Any, Any]) -> bool:
    """Return whether a labels layer with these metadata has the screen's numbers.

    Docks store the names of the classes in the labels layers that they make. Masks need
    no names here: their numbers are the same on the screen and in files.
    """
    names = metadata.get(CLASSES)
    return isinstance(names, (list, tuple)) and all(isinstance(n, str) for n in names)


def _table(background: int, implied: int) -> NDArray[np.uint8]:
    """Return the table from a number on the screen to one outside the window."""
    table = np.arange(256) + 1
    table[0], table[BACKGROUND], table[IMPLIED_BACKGROUND] = 0, background, implied
    return table.astype(np.uint8)


_TO_FILE = _table(background=1, implied=1)
_TO_PROJECT = _table(background=1, implied=_STORED_IMPLIED)
_FROM_PROJECT = np.argsort(_TO_PROJECT).astype(np.uint8)
_TO_TARGET = np.arange(256, dtype=np.int16)
_TO_TARGET[0] = UNLABELLED
_TO_TARGET[[BACKGROUND, IMPLIED_BACKGROUND]] = 0


def to_file(labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return labels of the screen in the numbers of a file of scribbles.

    Parameters
    ----------
    labels
        Integers from 0 to 255 in any shape, as painted in the window.

    Returns
    -------
    NDArray
        The same shape, uint8: 0 = unlabelled, 1 = background, classes from 2.
    """
    return _TO_FILE[_bytes(labels)]


def without_background(
    labels: NDArray[Any], metadata: Mapping[Any, Any]
) -> NDArray[Any]:
    """Return labels in which background is 0, as if it were not painted.

    Parameters
    ----------
    labels
        Integers in any shape, as they are in a labels layer.
    metadata
        The layer's metadata, which say whether it has the numbers of the screen.
    """
    if not has_screen_numbers(metadata):
        return np.asarray(labels)
    return np.where(np.asarray(labels) >= IMPLIED_BACKGROUND, 0, labels)


def to_target(labels: NDArray[Any]) -> NDArray[np.int16]:
    """Return the classes that labels of the screen stand for.

    Parameters
    ----------
    labels
        Integers from 0 to 255 in any shape, as painted in the window.

    Returns
    -------
    NDArray
        The same shape, int16: 0 = background, classes from 1, -1 = unlabelled.
    """
    return _TO_TARGET[_bytes(labels)]


def of_target(target: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the labels of the screen that stand for classes; inverse of `to_target`.

    Parameters
    ----------
    target
        Integers in any shape: 0 = background, classes from 1, -1 = unlabelled.
    """
    labels = np.where(target == 0, BACKGROUND, np.maximum(target, 0))
    return labels.astype(np.uint8)


def to_project(labels: NDArray[Any], dtype: Any = np.uint8) -> NDArray[Any]:
    """Return labels of the screen as a project stores them.

    A project keeps the numbers that it had before the window changed its own, so that
    projects of any version can be opened. Implied background has a number apart.

    Parameters
    ----------
    labels
        Integers from 0 to 255 in any shape, as painted in the window.
    dtype
        Integer type in which the project stores the layer.
    """
    return _TO_PROJECT[_bytes(labels)].astype(dtype, copy=False)


def from_project(stored: NDArray[Any]) -> NDArray[np.uint8]:
    """Return labels of a project with the screen's numbers.

    Older versions filled a whole frame with background at the first correction. Where
    background covers most of a frame, it is taken as implied.

    Parameters
    ----------
    stored
        ``(T, H, W)`` or ``(H, W)`` integers from 0 to 255.
    """
    labels = _FROM_PROJECT[_bytes(stored)]
    for frame in labels if labels.ndim == 3 else (labels,):
        drawn = frame == BACKGROUND
        if drawn.mean() > _MOSTLY:
            frame[drawn] = IMPLIED_BACKGROUND
    return labels


def _bytes(labels: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(labels).astype(np.uint8, copy=False)
