"""Hold the painted classes of a loop, and the meaning of unpainted pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError, SettingsError
from napari_motionseg.io.label_readers import StoredLabels, load_labels
from napari_motionseg.io.label_writers import write_masks as write_masks

LabelMode = Literal["dense", "scribbles"]
UNLABELLED = -1
LARGEST_LABEL = 255
NAMED = 5  # labelled frames in a message


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels that a person painted on a loop.

    Parameters
    ----------
    labels
        Integers or bool ``(T, H, W)`` from 0 to 255; copied as uint8.
    labelled
        ``(T,)`` bool, True for the painted frames. Other frames are ignored.
    mode
        Meaning of 0. ``"dense"``: 0 is background on labelled frames, and classes count
        from 1. ``"scribbles"``: 0 is unlabelled, 1 is background, and classes count
        from 2.

    Raises
    ------
    LabelError
        If shape, type or values are invalid, or nothing is labelled.
    SettingsError
        If the mode is unknown.
    """

    labels: NDArray[Any]
    labelled: NDArray[np.bool_]
    mode: LabelMode = "dense"

    def __post_init__(self) -> None:
        if self.mode not in get_args(LabelMode):
            raise SettingsError(
                f"label mode must be 'dense' or 'scribbles'; got {self.mode!r}"
            )
        labels = _checked_labels(np.asarray(self.labels))
        labelled = _checked_labelled(np.asarray(self.labelled), len(labels))
        painted = labels[labelled]
        if painted.size and int(painted.max()) > LARGEST_LABEL:
            raise LabelError(
                f"labels must be at most {LARGEST_LABEL}; got {int(painted.max())}. "
                "Give each class a number, not each object"
            )
        kept = np.zeros(labels.shape, np.uint8)
        kept[labelled] = painted
        if not labelled.any() or (self.mode == "scribbles" and not kept.any()):
            raise LabelError("nothing is labelled: paint at least one frame")
        object.__setattr__(self, "labels", kept)
        object.__setattr__(self, "labelled", labelled)

    @classmethod
    def from_painted(cls, labels: ArrayLike, mode: LabelMode = "dense") -> Labels:
        """Count every frame that holds a pixel other than 0 as labelled.

        Use it for arrays and files that do not tell which frames were painted.
        """
        array = _checked_labels(np.asarray(labels))
        return cls(array, _painted(array), mode)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of frames, rows and columns."""
        count, height, width = self.labels.shape
        return count, height, width

    @property
    def frames(self) -> tuple[int, ...]:
        """Indices of the labelled frames."""
        return tuple(int(t) for t in np.flatnonzero(self.labelled))

    @property
    def classes(self) -> int:
        """Number of classes including the background, at least two."""
        largest = int(self.labels.max())
        return max(2, largest + 1 if self.mode == "dense" else largest)

    def target(self, t: int) -> NDArray[np.int16]:
        """Return the classes of frame `t`, ``(H, W)``, -1 where unlabelled."""
        if not self.labelled[t]:
            return np.full(self.labels.shape[1:], UNLABELLED, np.int16)
        classes: NDArray[np.int16] = self.labels[t].astype(np.int16)
        return classes if self.mode == "dense" else classes - np.int16(1)

    def targets(self) -> NDArray[np.int16]:
        """Return the classes of all frames, ``(T, H, W)``, -1 where unlabelled."""
        return np.stack([self.target(t) for t in range(len(self.labels))])

    def require_shape(self, shape: tuple[int, int, int]) -> None:
        """Raise `LabelError` unless the labels have the `shape` of a loop."""
        if self.shape != tuple(shape):
            raise LabelError(_mismatch(self.shape, shape))


def read_labels(
    path: str | Path,
    *,
    shape: tuple[int, int, int],
    mode: LabelMode = "dense",
    frame: int | None = None,
    cine: Cine | None = None,
) -> Labels:
    """Read the labels of a loop from a file or a folder.

    Parameters
    ----------
    path
        A ``.npz`` file with `labels` (T, H, W) and `labelled` (T,), or with `mask` and
        `valid`; a TIFF stack; a folder of PNG or TIFF images whose names end in the
        frame's index, from 0; one image; or a DICOM Segmentation. Where the file does
        not say which frames are labelled, those with a pixel other than 0 are.
    shape
        Number of frames, rows and columns of the loop; checked before pixels are read.
    mode
        Meaning of 0; see `Labels`.
    frame
        Index, from 0, of the frame that a single image belongs to. With a stack: use
        this labelled frame and no other.
    cine
        The loop itself, which a DICOM Segmentation refers to; other formats do without.

    Raises
    ------
    LabelError
        If the labels do not fit the loop, or hold no painted pixel or no classes.
    ReadError
        If the file is missing, damaged or of an unknown type.
    """
    path = Path(path)
    count = shape[0]
    if frame is not None and not 0 <= frame < count:
        raise LabelError(f"frame must be between 0 and {count - 1}; got {frame}")
    try:
        stored = load_labels(path, shape, cine)
        return _placed(stored, shape, mode, frame)
    except LabelError as error:
        if str(error).startswith(f"{path}: "):
            raise
        raise LabelError(f"{path}: {error}") from error


def _placed(
    stored: StoredLabels,
    shape: tuple[int, int, int],
    mode: LabelMode,
    frame: int | None,
) -> Labels:
    """Place the content of a label file in the loop, at its frame."""
    array = stored.labels
    if array.ndim == 2:
        if frame is None and shape[0] > 1:
            raise LabelError(
                f"one image for a loop of {shape[0]} frames; give the index of its "
                "frame (frame=, --frame)"
            )
        labels = np.zeros(shape, array.dtype)
        labels[frame or 0] = array
        labelled = np.arange(shape[0]) == (frame or 0)
        return Labels(labels, labelled, mode)
    labelled = stored.labelled
    if labelled is None:
        labelled = _painted(_checked_labels(array))
    labelled = _checked_labelled(labelled, shape[0])
    if frame is not None:
        if not labelled[frame]:
            some = ", ".join(map(str, np.flatnonzero(labelled)[:NAMED]))
            raise LabelError(
                f"frame {frame} is not labelled in this file; the first that are: "
                f"{some or 'none'}"
            )
        labelled = np.arange(shape[0]) == frame
    return Labels(array, labelled, mode)


def _painted(labels: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(labels.any(axis=(1, 2)), dtype=bool)


def _checked_labels(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim != 3 or 0 in array.shape:
        raise LabelError(f"labels must have axes (T, H, W); got shape {array.shape}")
    if array.dtype.kind not in "bui":
        raise LabelError(
            f"labels must be integers, one number per class; got {array.dtype}"
        )
    if array.dtype.kind == "i" and int(array.min()) < 0:
        raise LabelError(f"labels must not be negative; got {int(array.min())}")
    return array


def _checked_labelled(labelled: NDArray[Any], count: int) -> NDArray[np.bool_]:
    if labelled.shape != (count,) or labelled.dtype.kind != "b":
        raise LabelError(
            f"labelled must be one bool per frame, shape ({count},); "
            f"got {labelled.dtype} of shape {labelled.shape}"
        )
    return labelled.copy()


def _mismatch(got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    return f"labels of shape {tuple(got)} do not fit a loop of shape {tuple(wanted)}"
