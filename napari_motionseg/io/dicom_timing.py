"""Find out when the frames of a loop were taken (PS3.3 C.7.6.5, C.7.6.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import keyword_for_tag

from napari_motionseg.io.dicom_moments import (
    milliseconds,
    moment,
    rising,
    times_of_files,
)
from napari_motionseg.io.dicom_values import Attributes, values_of

Times = NDArray[np.float64]

POINTER = "FrameIncrementPointer"
VECTOR, STEP = "FrameTimeVector", "FrameTime"
RATES = ("CineRate", "RecommendedDisplayFrameRate")
DURATION = "ActualFrameDuration"
FRAME_DATES = ("FrameReferenceDateTime", "FrameAcquisitionDateTime")
SUSPICIOUS_RATES = (0.05, 2000.0)  # frames per second; rates outside are noted


@dataclass(frozen=True)
class Timing:
    """Times of the frames of a loop.

    Parameters
    ----------
    times
        ``(T,)`` milliseconds from the first frame, rising; None if unknown.
    basis
        Attribute that the times come from, or ``"unknown"``.
    """

    times: Times | None
    basis: str


def frame_times(files: Sequence[Attributes], count: int, in_header: int) -> Timing:
    """Return the times of the frames of a loop.

    Parameters
    ----------
    files
        Header of a multi-frame file, or headers of single-frame files in order.
    count
        Number of frames that could be read.
    in_header
        Number of frames that the header promises, which a time vector should match.

    Notes
    -----
    Sources in this order: the attributes that FrameIncrementPointer names, FrameTime
    and FrameTimeVector, the date and time of each frame, CineRate,
    RecommendedDisplayFrameRate, ActualFrameDuration. The first one that gives rising
    times is used; a source that is present but does not give rising times is noted.
    """
    parts = files[0].parts
    for basis, times in _candidates(files, count, in_header):
        if times is None:
            continue
        if rising(times):
            _note_rate(files[0], basis, times)
            return Timing(times - times[0], basis)
        parts.note(
            f"{basis} gives frame times that do not rise from frame to frame; it was "
            "ignored."
        )
    return Timing(None, "unknown")


def _candidates(
    files: Sequence[Attributes], count: int, in_header: int
) -> Iterator[tuple[str, Times | None]]:
    """Yield every source of frame times once, the most trustworthy first."""
    header = files[0]
    readers: dict[str, Callable[[], Times | None]] = {
        STEP: lambda: _from_step(header, STEP, count),
        VECTOR: lambda: _from_vector(header, count, in_header),
        **{rate: partial(_from_rate, header, rate, count) for rate in RATES},
        DURATION: lambda: _from_step(header, DURATION, count),
    }
    named = _pointed_at(header, tuple(readers))
    first = dict.fromkeys([*named, STEP, VECTOR])
    for keyword in first:
        yield keyword, readers[keyword]()
    if len(files) > 1:
        yield from times_of_files(files)
    else:
        for keyword in FRAME_DATES:
            yield keyword, _from_dates(header, keyword, count)
    for keyword in readers:
        if keyword not in first:
            yield keyword, readers[keyword]()


def _pointed_at(header: Attributes, known: tuple[str, ...]) -> list[str]:
    """Return the time attributes that FrameIncrementPointer names, in its order."""
    names, strange = [], []
    for value in values_of(header.dataset, POINTER):
        keyword = keyword_for_tag(value) if isinstance(value, int) else ""
        if keyword in known:
            names.append(keyword)
        else:
            strange.append(keyword or "an unknown attribute")
    if strange:
        header.parts.note(
            f"{POINTER} names {', '.join(dict.fromkeys(strange))}, which gives no "
            "frame times; it was ignored."
        )
    for keyword in names:
        if not values_of(header.dataset, keyword):
            header.parts.note(f"{POINTER} names {keyword}, which is missing or empty.")
    return names


def _from_vector(header: Attributes, count: int, in_header: int) -> Times | None:
    increments = header.numbers(VECTOR)
    if not increments:
        return None
    if len(increments) == in_header - 1 and increments[0] > 0:
        # the step before the first frame, which is always 0, was left out
        header.parts.note(f"{VECTOR} lacks the value of the first frame.")
        increments = (0.0, *increments)
    if len(increments) != in_header:
        header.parts.note(
            f"{VECTOR} has {len(increments)} values for {in_header} frames"
            + ("." if len(increments) >= count else "; it was ignored.")
        )
    if len(increments) < count:
        return None
    return np.cumsum(np.asarray((0.0, *increments[1:count])))


def _from_step(header: Attributes, keyword: str, count: int) -> Times | None:
    step = header.number(keyword)
    if step is None:
        return None
    if step <= 0:
        header.parts.note(f"{keyword} is {step:g} ms; it was ignored.")
        return None
    return _evenly(count, step)


def _from_rate(header: Attributes, keyword: str, count: int) -> Times | None:
    rate = header.number(keyword)
    if rate is None:
        return None
    if rate <= 0:
        header.parts.note(f"{keyword} is {rate:g} frames a second; it was ignored.")
        return None
    return _evenly(count, 1000.0 / rate)


def _evenly(count: int, step: float) -> Times:
    times: Times = np.arange(count, dtype=np.float64) * step
    return times


def _from_dates(header: Attributes, keyword: str, count: int) -> Times | None:
    """Return the times from the date and time of each frame of an enhanced object."""
    if 0 < len(header.groups) < count:
        header.parts.note(
            f"PerFrameFunctionalGroupsSequence has {len(header.groups)} items for "
            f"{count} frames; frame times were not taken from it."
        )
    if len(header.groups) < count or count < 2:
        return None
    moments: list[int] = []
    for macro in header.groups.of_frames("FrameContentSequence", count):
        text = None if macro is None else header.text(keyword, macro)
        microseconds = moment(text)
        if microseconds is None:
            if moments:
                header.parts.note(f"{keyword} is missing in some frames.")
            return None
        moments.append(microseconds)
    return milliseconds(moments)


def _note_rate(header: Attributes, basis: str, times: Times) -> None:
    if len(times) < 2:
        return
    rate = 1000.0 / float(np.median(np.diff(times)))
    if not SUSPICIOUS_RATES[0] <= rate <= SUSPICIOUS_RATES[1]:
        header.parts.note(
            f"{basis} gives {rate:.3g} frames a second, which is not plausible for an "
            "angiogram; please check it."
        )
