"""Read a file of masks onto the open loop that it belongs to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError, LabelSizeError
from napari_motionseg.io.dicom_seg_reader import is_segmentation
from napari_motionseg.io.label_readers import FORMATS, StoredLabels, load_labels
from napari_motionseg.io.label_writers import MASKS
from napari_motionseg.io.labels import Labels
from napari_motionseg.io.result_folders import read_marker

IMAGES = (".png", ".tif", ".tiff")  # formats that hold other images as well
_NAME_ENDS = "_- ."  # what may follow the loop's name in the name of a file


@dataclass(frozen=True, eq=False)
class OpenLoop:
    """A loop that masks may belong to.

    Parameters
    ----------
    layer
        The layer that shows the loop.
    cine
        The loop.
    name
        Name of the layer.
    frame
        Index of the displayed frame, which an image of one frame belongs to.
    """

    layer: Any
    cine: Cine
    name: str
    frame: int = 0


@dataclass(frozen=True, eq=False)
class LoadedMasks:
    """Masks that were read from a file, with their loop.

    Parameters
    ----------
    path
        Path of the file or folder.
    loop
        The loop that the masks belong to.
    masks
        ``(T, H, W)`` uint8 class numbers, 0 = background.
    labelled
        ``(T,)`` bool, True for frames with masks in the file.
    why
        Reason for the choice of the loop, as the end of a sentence.
    segments
        Names of classes 1, 2, ... in a DICOM Segmentation; else empty.
    """

    path: Path
    loop: OpenLoop
    masks: NDArray[np.uint8]
    labelled: NDArray[np.bool_]
    why: str
    segments: tuple[str, ...] = ()

    def words(self) -> str:
        """Describe in one sentence what was read, and for which loop."""
        count = int(self.labelled.sum())
        frames = "1 frame" if count == 1 else f"{count} frames"
        return f"{self.path.name}: masks of {frames} on {self.loop.name}, {self.why}."


def load_masks(
    path: str | Path, loops: Sequence[OpenLoop], preferred: Any = None
) -> LoadedMasks:
    """Read masks and find their loop: by the hash in the file, by name, or by size.

    Parameters
    ----------
    path
        A file in one of the formats of `FORMATS`, or a folder of images.
    loops
        The loops that are open.
    preferred
        The layer of the loop that is chosen if several fit equally well, or None.

    Raises
    ------
    LabelError
        If no open loop fits, or several do; the message says what to do.
    ReadError
        If the file cannot be read.
    """
    path = Path(path)
    if not loops:
        raise LabelError(f"{path.name}: open the loop of these masks first")
    fitting: list[_Fit] = []
    errors: list[LabelError] = []
    for loop in loops:
        try:
            fitting.append((loop, load_labels(path, loop.cine.shape, loop.cine)))
        except LabelError as error:
            errors.append(error)
    other = [error for error in errors if not isinstance(error, LabelSizeError)]
    if not fitting and other:  # the size fits, or the file names its loop
        raise LabelError(f"{path.name}: {other[-1]}")
    if not fitting:
        known = "; ".join(f"{x.name}: {_size(x.cine.shape)}" for x in loops)
        raise LabelError(
            f"{path.name} fits no open loop ({errors[-1]}). Open are {known}. Open the "
            "loop that the masks were made for"
        )
    (loop, stored), why = _choice(path, fitting, preferred)
    labels = _placed(path, stored, loop)
    return LoadedMasks(path, loop, labels.labels, labels.labelled, why, stored.names)


def may_hold_masks(path: str | Path) -> bool:
    """Return whether a path is named like masks, or is a DICOM Segmentation.

    A folder counts as masks if this program has written masks into it. Image files
    without such a name are left to napari.
    """
    if Path(path).is_dir():
        return read_marker(Path(path))[1] == MASKS
    if is_segmentation(path):
        return True
    name = str(path).lower()
    return name.endswith(tuple(x for x in FORMATS if x not in IMAGES))


_Fit = tuple[OpenLoop, StoredLabels]


def _choice(path: Path, fitting: list[_Fit], preferred: Any) -> tuple[_Fit, str]:
    """Return the loop that a file belongs to, and how it was found."""
    if is_segmentation(path):  # it fits no loop but those that it refers to
        return _first(fitting, preferred), "whose images the file refers to"
    known = fitting[0][1].content
    if known:
        same = [fit for fit in fitting if fit[0].cine.content_hash() == known]
        if same:
            return _first(same, preferred), "whose pixels the file names"
    named = [fit for fit in fitting if _is_named(path, fit[0].name)]
    if named:
        longest = max(len(loop.name) for loop, _ in named)
        best = [fit for fit in named if len(fit[0].name) == longest]
        return _first(best, preferred), "which the file is named after"
    if len(fitting) == 1:
        other = " (made on other pixels)" if known else ""
        return fitting[0], f"the only open loop of this size{other}"
    chosen = [fit for fit in fitting if fit[0].layer is preferred]
    if chosen:
        return chosen[0], "the loop that is shown"
    names = ", ".join(loop.name for loop, _ in fitting)
    raise LabelError(
        f"{path.name} fits several open loops ({names}): choose the loop in a dock "
        "first, or begin the file's name with the loop's"
    )


def _first(fits: list[_Fit], preferred: Any) -> _Fit:
    return next((fit for fit in fits if fit[0].layer is preferred), fits[-1])


def _is_named(path: Path, name: str) -> bool:
    """Return whether a file is named after a loop: its name, then an end or a mark."""
    stem, name = os.path.normcase(path.name), os.path.normcase(name)
    rest = stem[len(name) : len(name) + 1]
    return bool(name) and stem.startswith(name) and (not rest or rest in _NAME_ENDS)


def _placed(path: Path, stored: StoredLabels, loop: OpenLoop) -> Labels:
    """Return the contents of a file as labels of all frames of the loop."""
    array, labelled = stored.labels, stored.labelled
    try:
        if array.ndim == 2:
            labels = np.zeros(loop.cine.shape, array.dtype)
            labels[loop.frame] = array
            return Labels(labels, np.arange(len(labels)) == loop.frame)
        if labelled is None:
            return Labels.from_painted(array)
        return Labels(array, np.asarray(labelled, bool))
    except LabelError as error:
        raise LabelError(f"{path.name}: {error}") from error


def _size(shape: Sequence[int]) -> str:
    return " × ".join(str(n) for n in shape)
