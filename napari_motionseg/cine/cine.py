"""Define the cine loop: its frames, timing, geometry and attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_motionseg.cine.acquisition import Subtraction, View
from napari_motionseg.cine.ecg import SignalTrace
from napari_motionseg.cine.frame_stack import Frame, FrameStack
from napari_motionseg.cine.hashing import hash_frames
from napari_motionseg.cine.source_file import SourceFile
from napari_motionseg.errors import SettingsError
from napari_motionseg.text import printable


@dataclass(frozen=True, eq=False)
class Cine:
    """A cine loop.

    Parameters
    ----------
    frames
        ``(T, H, W)`` stored gray values as displayed: contrast-filled vessels are dark.
    bits_stored
        Number of bits of the stored values; `normalized` scales by their range.
    signed
        Whether stored values may be negative.
    frame_times
        ``(T,)`` milliseconds from the first frame, or None if unknown.
    timing_basis
        Source of `frame_times`: ``"FrameTimeVector"``, ..., or ``"unknown"``.
    pixel_spacing
        Millimetres at the isocentre between rows and between columns. None if the
        magnification is unknown, because detector millimetres are not patient
        millimetres.
    spacing_basis
        Source of `pixel_spacing`, in words.
    pixel_aspect
        Height of a pixel divided by its width, which may be known where millimetres are
        not.
    window
        Stored values shown black and white, or None if the file gives none.
    view
        Angles of the C-arm, or None if unknown.
    subtraction
        Items of the Mask module, in the file's order.
    valid_area
        ``(H, W)`` bool, False behind shutter and collimator; None if all pixels are
        valid.
    intensity_relationship
        DICOM's PixelIntensityRelationship: ``LIN``, ``LOG``, ``DISP``; None if unknown.
    ecg
        Signals that were recorded with the loop, by name: ``"curve 5000"``.
    r_waves
        Indices, from 0, of the frames at an R wave.
    technical
        Attributes of acquisition and encoding, without any patient attribute.
    patient
        Patient attributes; they leave the program only at the user's request.
    name
        Short name for layers and figures: the file name without a known suffix.
    source
        File or folder that it was read from, or None.
    files
        DICOM files of the frames, in their order: one file of all frames, or one file
        a frame; empty if the loop came from elsewhere.
    notes
        Full sentences about what the reader guessed, left out or repaired.
    """

    frames: FrameStack
    bits_stored: int = 8
    signed: bool = False
    frame_times: NDArray[np.float64] | None = None
    timing_basis: str = "unknown"
    pixel_spacing: tuple[float, float] | None = None
    spacing_basis: str = "unknown"
    pixel_aspect: float = 1.0
    window: tuple[float, float] | None = None
    view: View | None = None
    subtraction: tuple[Subtraction, ...] = ()
    valid_area: NDArray[np.bool_] | None = None
    intensity_relationship: str | None = None
    ecg: Mapping[str, SignalTrace] = field(default_factory=dict)
    r_waves: tuple[int, ...] = ()
    technical: Mapping[str, Any] = field(default_factory=dict)
    patient: Mapping[str, Any] = field(default_factory=dict, repr=False)
    name: str = "cine"
    source: Path | None = None
    files: tuple[SourceFile, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.frames)
        if self.frame_times is not None and len(self.frame_times) != count:
            raise SettingsError(
                f"frame_times must have one value for each of the {count} frames; "
                f"got {len(self.frame_times)}"
            )
        for name in ("ecg", "technical", "patient"):
            object.__setattr__(self, name, dict(getattr(self, name)))
        for name in ("name", "timing_basis", "spacing_basis"):
            object.__setattr__(self, name, printable(getattr(self, name)))
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))

    @classmethod
    def from_array(
        cls,
        frames: ArrayLike,
        frame_times: ArrayLike | None = None,
        pixel_spacing: tuple[float, float] | None = None,
        **others: Any,
    ) -> Cine:
        """Make a loop from an array of frames.

        Parameters
        ----------
        frames
            ``(T, H, W)``, or ``(H, W)`` for one frame. Integers are kept; floats must
            lie in [0, 1] and are stored as 16 bits.
        frame_times
            ``(T,)`` milliseconds from the first frame, rising; None if unknown.
        pixel_spacing
            Millimetres at the isocentre between rows and between columns; None if
            unknown.
        **others
            Further fields of `Cine`.

        Raises
        ------
        SettingsError
            If the array is not a loop, or the times or the spacing are invalid.
        """
        given = np.asarray(frames)
        array = _as_stored(given)
        # the scale of floats is always 16 bits: an all-dark loop must stay dark
        bits = 16 if given.dtype.kind == "f" else _bits_of(array)
        others.setdefault("bits_stored", bits)
        others.setdefault("signed", array.dtype.kind == "i")
        times = None if frame_times is None else _checked_times(frame_times, len(array))
        if times is not None:
            others.setdefault("timing_basis", "given")
        if pixel_spacing is not None:
            others.setdefault("spacing_basis", "given")
            if not all(np.isfinite(pixel_spacing)) or min(pixel_spacing) <= 0:
                raise SettingsError(
                    f"pixel_spacing must be positive; got {pixel_spacing}"
                )
        stack = FrameStack.from_array(array)
        return cls(stack, frame_times=times, pixel_spacing=pixel_spacing, **others)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of frames, rows and columns."""
        return self.frames.shape

    @property
    def frame_interval(self) -> float | None:
        """Median time between two frames in milliseconds, or None if unknown."""
        if self.frame_times is None or len(self) < 2:
            return None
        return float(np.median(np.diff(self.frame_times)))

    @property
    def frame_rate(self) -> float | None:
        """Frames per second, or None if unknown."""
        return 1000.0 / self.frame_interval if self.frame_interval else None

    @property
    def stored_range(self) -> tuple[float, float]:
        """Smallest and largest value that `bits_stored` bits can hold."""
        if self.signed:
            half = 2.0 ** (self.bits_stored - 1)
            return -half, half - 1
        return 0.0, 2.0**self.bits_stored - 1

    def normalized(self, t: int) -> NDArray[np.float32]:
        """Return frame `t` ``(H, W)`` as float32, scaled to [0, 1] by bits stored."""
        return self.scaled(self.frames[t])

    def scaled(self, stored: Frame) -> NDArray[np.float32]:
        """Return stored values as float32, scaled to [0, 1] by bits stored.

        The values may have any shape.
        """
        low, high = self.stored_range
        values: NDArray[np.float32] = (stored.astype(np.float32) - low) / (high - low)
        return np.clip(values, 0.0, 1.0, out=values)

    def content_hash(self) -> str:
        """Return the SHA-256 of shape, type and pixels, to identify the loop."""
        return hash_frames(self.frames).content


def _as_stored(array: Frame) -> Frame:
    if array.ndim == 2:
        array = array[np.newaxis]
    if array.ndim != 3 or 0 in array.shape:
        raise SettingsError(
            f"frames must be (T, H, W) with at least one pixel; got shape {array.shape}"
        )
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind in "iu" and array.dtype.itemsize <= 2:
        return array
    if array.dtype.kind == "f" and np.all((array >= 0) & (array <= 1)):
        return np.round(array * 65535).astype(np.uint16)
    raise SettingsError(
        "frames must be integers of at most 16 bits, or floats in [0, 1]; "
        f"got {array.dtype} from {np.min(array)} to {np.max(array)}"
    )


def _bits_of(array: Frame) -> int:
    """Return the smallest usual bit depth (8, 10, 12, 16) that holds the values."""
    if array.dtype.itemsize == 1:
        return 8
    largest = max(abs(int(array.max())), abs(int(array.min())))
    sign_bit = int(array.dtype.kind == "i")
    return next(b for b in (8, 10, 12, 16) if largest < 2 ** (b - sign_bit) or b == 16)


def _checked_times(times: ArrayLike, count: int) -> NDArray[np.float64]:
    values = np.asarray(times, dtype=np.float64)
    if values.shape != (count,):
        raise SettingsError(
            f"frame_times must have one value for each of the {count} frames; "
            f"got shape {values.shape}"
        )
    if not np.all(np.isfinite(values)) or np.any(np.diff(values) <= 0):
        raise SettingsError("frame_times must be finite and rise from frame to frame")
    return values - float(values[0])
