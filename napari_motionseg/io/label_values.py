"""Convert the content of label files to one class number for each pixel.

Programs store masks as 0 and 255, as floats, as three equal channels, or with a channel
for each class. Unambiguous content is converted, with a warning. Ambiguous content is
refused; the message shows the values that are ambiguous.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import (
    LabelError,
    LabelSizeError,
    PartialReadWarning,
)

Shape = tuple[int, int, int]
Pixels = NDArray[Any]
WHITE = (255, 65535)  # white of 8-bit and 16-bit images
MOST_CHANNELS = 32  # an axis longer than this is not one of classes
COLOUR_CHANNELS = (3, 4)  # RGB and RGBA
LARGEST_LABEL = 255
# More classes than this are unlikely; larger numbers with gaps are shades of gray.
MOST_CLASSES = 64
MOST_MISSING = 8  # more classes without pixels are worth a warning
NAMED = 6  # most values that a message lists


def require_fit(stored: tuple[int, ...], shape: Shape) -> None:
    """Raise `LabelSizeError` unless an array may hold labels of a loop.

    Parameters
    ----------
    stored
        Shape of the array. It may be that of the loop or of one frame, either of them
        with channels last, or that of the loop with channels second.
    shape
        Number of frames, rows and columns of the loop.
    """
    if _frame_axes(stored, shape) is None:
        raise LabelSizeError(
            f"shape {tuple(stored)} does not fit the loop's {tuple(shape)}"
            f"{_reason(stored, shape)}"
        )


def class_numbers(array: NDArray[Any], shape: Shape, name: str) -> NDArray[Any]:
    """Return one class number for each pixel.

    Parameters
    ----------
    array
        Content of a file, in a shape that `require_fit` accepts.
    shape
        Number of frames, rows and columns of the loop.
    name
        Name of the file, for warnings.

    Returns
    -------
    ndarray
        ``(T, H, W)`` or ``(H, W)`` integer class numbers.

    Raises
    ------
    LabelError
        If values are fractions, shades of gray or colours, or channels overlap.

    Warns
    -----
    PartialReadWarning
        If white was interpreted as class 1, or channels as classes.
    """
    require_fit(array.shape, shape)
    axes = _frame_axes(array.shape, shape)
    if axes == "CHW":  # the axes are T, C, H, W
        array = np.moveaxis(array, 1, -1)
    values = _whole(array)
    if axes in ("C", "CHW"):
        values = _without_channels(values, name)
    if values.shape == (1, *shape[1:]) and shape[0] != 1:
        values = values[0]
    return _numbered(values, name)


def _frame_axes(stored: tuple[int, ...], shape: Shape) -> str | None:
    """Return the place of channels: "" none, "C" last, "CHW" second, None misfit."""
    stored = tuple(stored)
    wanted = (shape, shape[1:], (1, *shape[1:]))
    if stored in wanted:
        return ""
    if sorted(stored) == sorted(shape) or len(stored) < 3:
        return None
    if stored[:-1] in wanted and 0 < stored[-1] <= MOST_CHANNELS:
        return "C"
    second = len(stored) == 4 and (stored[0], *stored[2:]) == shape
    return "CHW" if second and 0 < stored[1] <= MOST_CHANNELS else None


def _reason(stored: tuple[int, ...], shape: Shape) -> str:
    count, height, width = shape
    if len(stored) == 3 and tuple(stored[1:]) == (height, width):
        return f": it holds {stored[0]} frames, the loop {count}"
    turned = {
        (height, width, count): "rows, columns, frames",
        (width, height, count): "columns, rows, frames",
        (count, width, height): "frames, columns, rows",
        (width, height): "columns, rows",
    }
    axes = turned.get(tuple(stored))
    return f": its axes seem to be {axes}; (T, H, W) is needed" if axes else ""


def _whole(array: NDArray[Any]) -> NDArray[Any]:
    """Return integers; floats are converted only if all are whole numbers."""
    kind = array.dtype.kind
    if kind in "bui":
        return array.astype(np.uint8) if kind == "b" else array
    if kind != "f":
        raise LabelError(
            f"labels must be integers, one number per class; got {array.dtype}"
        )
    if not np.isfinite(array).all():
        raise LabelError("labels must be finite; they hold NaN or infinity")
    fractions = np.unique(array[array != np.rint(array)])
    if fractions.size:
        raise LabelError(
            f"labels hold fractions ({_listed(fractions)}), as of probabilities or a "
            "smoothed mask; one whole number per class is needed: apply a threshold"
        )
    if float(np.abs(array).max(initial=0)) > np.iinfo(np.int32).max:
        raise LabelError(f"labels must be at most 65535; got {array.max():g}")
    return array.astype(np.int32)


def _without_channels(values: Pixels, name: str) -> Pixels:
    """Convert ``(..., C)`` to class numbers: equal channels, or one for each class."""
    channels = values.shape[-1]
    colours = channels in COLOUR_CHANNELS
    _require_mask_in_colours(values)
    first: Pixels = values[..., 0]
    if channels < 3 and not _one_hot(values):
        return first  # gray, or gray and alpha
    if colours and all((values[..., c] == first).all() for c in (1, 2)):
        return first
    if _one_hot(values):
        warnings.warn(
            f"{name}: {channels} channels are taken as classes, the first as "
            "background",
            PartialReadWarning,
            stacklevel=4,
        )
        classes: Pixels = values.argmax(axis=-1).astype(np.uint8)
        return classes
    if colours:
        raise LabelError(
            f"labels are painted in colours ({channels} channels, {values.dtype}); one "
            "channel with one number per class is needed"
        )
    raise LabelError(
        f"labels have {channels} channels that overlap or leave pixels without a "
        "class; one number per class is needed"
    )


def _require_mask_in_colours(values: Pixels) -> None:
    """Raise `LabelError` if only the transparency of a picture varies."""
    seen, alpha = values[..., :-1], values[..., -1]
    if values.shape[-1] not in (2, 4) or not values.size or _one_hot(values):
        return
    if seen.min() == seen.max() and alpha.min() != alpha.max():
        raise LabelError(
            "labels have one colour throughout, and only their transparency (alpha) "
            "varies; save the mask as gray values without alpha"
        )


def _one_hot(values: NDArray[Any]) -> bool:
    """Return whether exactly one channel of each pixel is set, always to one value."""
    if values.shape[-1] < 2:
        return False
    top = values.max(initial=0)
    if top not in (1, *WHITE):
        return False
    return bool(((values == 0) | (values == top)).all()) and bool(
        ((values == top).sum(axis=-1) == 1).all()
    )


def _numbered(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Return the class numbers of black and white masks; refuse shades of gray."""
    largest = int(values.max(initial=0))
    if not MOST_MISSING < largest <= max(WHITE):
        return values
    held = np.unique(values)
    if largest < MOST_CLASSES:
        if largest + 1 - held.size > MOST_MISSING:
            warnings.warn(
                f"{name}: holds only the numbers {_listed(held)}; a network that "
                f"learns from it has {largest + 1} classes. Number the classes 0, 1, "
                "2, ...",
                PartialReadWarning,
                stacklevel=4,
            )
        return values
    if largest in WHITE and held.size <= 2 and held[0] in (0, largest):
        warnings.warn(
            f"{name}: a black and white image; {largest} is taken as class 1",
            PartialReadWarning,
            stacklevel=4,
        )
        white: Pixels = (values == largest).astype(np.uint8)
        return white
    if largest <= LARGEST_LABEL and held.size < largest:
        raise LabelError(
            f"labels hold the values {_listed(held)}: shades of gray, as of a smoothed "
            "mask, or classes with gaps. Apply a threshold that leaves 0 and 255, or "
            "number the classes 0, 1, 2, ..."
        )
    return values


def _listed(values: NDArray[Any]) -> str:
    some = [f"{value:.6g}" for value in values[:NAMED]]
    return ", ".join(some) + (
        f", ... ({values.size} values)" if len(values) > NAMED else ""
    )
