"""Hold the decoded frames of a movie, and convert them for all movie readers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import MemoryBudgetError, ReadError
from napari_motionseg.io.gray_values import luminance

Frame = NDArray[Any]


@dataclass(frozen=True, eq=False)
class MovieFrames:
    """Frames of a movie and the facts from its container.

    Parameters
    ----------
    frames
        Gray values ``(T, H, W)``, in which contrast-filled vessels are dark.
    times
        ``(T,)`` milliseconds, rising; None if the container does not tell.
    pixel_spacing
        Millimetres between rows and between columns, or None if unknown.
    spacing_basis
        Source of `pixel_spacing`, in words.
    notes
        Sentences about what was guessed, converted or left out.
    damaged
        Indices of frames that could not be decoded; they are blank.
    bits_stored
        Number of bits of a gray value if the container tells, else None.
    pixel_aspect
        Height of a pixel divided by its width if the container tells, else None.
    """

    frames: Frame
    times: NDArray[np.float64] | None = None
    pixel_spacing: tuple[float, float] | None = None
    spacing_basis: str = "unknown"
    notes: tuple[str, ...] = ()
    damaged: frozenset[int] = frozenset()
    bits_stored: int | None = None
    pixel_aspect: float | None = None


def require_budget(path: Path, needed: int, budget: int) -> None:
    """Raise `MemoryBudgetError` if frames of `needed` bytes exceed the budget."""
    if needed > budget:
        raise MemoryBudgetError(
            f"{path}: needs {needed / 2**30:.3g} GiB; the memory budget is "
            f"{budget / 2**30:.3g} GiB"
        )


def gray(frames: Frame) -> Frame:
    """Return the luminance of frames whose last axis has one to four samples.

    Parameters
    ----------
    frames
        ``(..., H, W, S)``: gray, gray and alpha, RGB, or RGB and alpha. Alpha is
        ignored.
    """
    if frames.shape[-1] < 3:
        return frames[..., 0]
    return luminance(frames[..., :3], frames.dtype)


def with_blanks(
    sound: Frame, places: NDArray[np.intp], count: int | None = None
) -> tuple[Frame, frozenset[int]]:
    """Insert a blank frame, of the lowest gray value, for each damaged one.

    Parameters
    ----------
    sound
        ``(G, H, W)`` frames that could be decoded, at least one.
    places
        ``(G,)`` rising index of each of them in the loop.
    count
        Number of frames of the loop; None if it ends with the last sound frame.

    Returns
    -------
    frames
        ``(T, H, W)`` all frames.
    damaged
        Indices of the blank frames.
    """
    total = int(places[-1]) + 1 if count is None else count
    if len(sound) == total:
        return sound, frozenset()
    frames = np.full((total, *sound.shape[1:]), sound.min(), sound.dtype)
    frames[places] = sound
    return frames, frozenset(range(total)) - frozenset(places.tolist())


def whole_numbers(frames: Frame, path: Path) -> tuple[Frame, tuple[str, ...]]:
    """Return frames as integers of at most 16 bits if no value changes by that.

    Some programs store pixels of 8 or 16 bits as 32-bit integers or floats. Floats in
    [0, 1] are left as they are, because `Cine.from_array` scales them.

    Parameters
    ----------
    frames
        Frames as numbers, ``(T, H, W)``.
    path
        File that an error message names.

    Returns
    -------
    frames
        ``(T, H, W)`` as bool, 8-bit or 16-bit integers, or floats in [0, 1].
    notes
        One sentence if the type was changed; else empty.

    Raises
    ------
    ReadError
        If values are not finite, or lie neither in [0, 1] nor within 16 bits.
    """
    kind, size = frames.dtype.kind, frames.dtype.itemsize
    if kind == "b" or (kind in "iu" and size <= 2):
        return frames, ()
    if kind not in "iuf":
        raise ReadError(
            f"{path}: gray values of a loop must be real numbers; got {frames.dtype}"
        )
    low, high = float(frames.min()), float(frames.max())  # float16 would overflow
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ReadError(f"{path}: holds values that are not finite; replace them first")
    if kind == "f" and low >= 0 and high <= 1:
        return frames, ()
    wanted = np.dtype(np.uint16 if low >= 0 else np.int16)
    span = np.iinfo(wanted)
    whole = kind != "f" or bool((frames == np.rint(frames)).all())
    if not whole or low < span.min or high > span.max:
        raise ReadError(
            f"{path}: holds {frames.dtype} from {low:g} to {high:g}; gray values must "
            "be integers of at most 16 bits, or floats in [0, 1]; scale them first"
        )
    note = f"{frames.dtype} holds whole numbers only and is read as {wanted}"
    return frames.astype(wanted), (note,)
