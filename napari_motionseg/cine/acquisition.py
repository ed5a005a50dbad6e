"""Describe the view angles and the subtraction masks of a loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """Angles of the C-arm in degrees.

    Parameters
    ----------
    primary
        Primary angle: positive towards the patient's left (LAO), negative to the right
        (RAO).
    secondary
        Secondary angle: positive cranial (CRA), negative caudal (CAU).
    """

    primary: float
    secondary: float

    def __str__(self) -> str:
        """Return the angles as a catheter laboratory writes them: ``LAO 30 CRA 20``."""
        first = "LAO" if self.primary >= 0 else "RAO"
        second = "CRA" if self.secondary >= 0 else "CAU"
        return f"{first} {abs(self.primary):.0f} {second} {abs(self.secondary):.0f}"


@dataclass(frozen=True)
class Subtraction:
    """One item of the Mask module (PS3.3 C.7.6.10); it is only applied on request.

    Parameters
    ----------
    operation
        Mask operation: ``NONE``, ``AVG_SUB``, ``TID`` or ``REV_TID``.
    mask_frames
        Indices, from 0, of the frames that are averaged to the mask (``AVG_SUB``).
    applicable
        First and last index, from 0, of each range of frames that the item applies to,
        one pair after the other: ``(2, 5)`` or ``(2, 5, 9, 12)``. None means every
        frame whose mask exists.
    shift
        Shift of the mask before it is subtracted, in pixels: rows downwards, columns
        to the left (PS3.3 C.7.6.10.1.2).
    tid_offset
        For time-interval differencing, number of frames between a frame and its mask;
        positive if the mask comes earlier.
    contrast_averaging
        Number of frames, beginning with the current one, that are averaged before the
        mask is subtracted.
    frame_shifts
        Shift of the mask of each frame, which replaces `shift`; enhanced objects have
        it. Empty if there is none.
    """

    operation: str
    mask_frames: tuple[int, ...] = ()
    applicable: tuple[int, ...] | None = None
    shift: tuple[float, float] = (0.0, 0.0)
    tid_offset: int = 1
    contrast_averaging: int = 1
    frame_shifts: tuple[tuple[float, float], ...] = ()

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Yield the first and last index of each range in `applicable`."""
        limits = self.applicable or ()
        yield from zip(limits[::2], limits[1::2], strict=False)

    def mask_of(self, t: int, count: int) -> tuple[int, ...]:
        """Return the frames that are averaged to the mask of one frame.

        Parameters
        ----------
        t
            Index of the contrast frame, from 0.
        count
            Number of frames of the loop.

        Returns
        -------
        tuple of int
            Indices from 0; empty if the item does not apply to the frame.
        """
        if not self._applies(t, count):
            return ()
        if self.operation == "AVG_SUB":
            return tuple(one for one in self.mask_frames if 0 <= one < count)
        if self.operation == "TID":
            other = t - self.tid_offset
        elif self.operation == "REV_TID":
            # MFN = (FCFN - TID Offset) - (CFN - FCFN), PS3.3 C.7.6.10.1
            first = next(self.ranges(), (0, 0))[0]
            other = (first - self.tid_offset) - (t - first)
        else:
            return ()
        return (other,) if 0 <= other < count else ()

    def shift_of(self, t: int) -> tuple[float, float]:
        """Return the mask's shift for frame `t`: rows downwards, columns leftwards."""
        return self.frame_shifts[t] if t < len(self.frame_shifts) else self.shift

    def _applies(self, t: int, count: int) -> bool:
        if self.applicable is not None:
            return any(first <= t <= last for first, last in self.ranges())
        if self.operation == "AVG_SUB":
            # without a range, the item applies as long as enough frames follow for the
            # average
            return t <= count - self.contrast_averaging
        return True
