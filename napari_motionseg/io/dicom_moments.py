"""Convert dates and times of DICOM (PS3.5 6.2: DA, TM, DT) to whole microseconds.

Microseconds since 1970 are too many for a float to stay exact in sums and differences,
so they are integers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.io.dicom_values import Attributes

Times = NDArray[np.float64]
Moment = Callable[[Attributes], int | None]

DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})")
CLOCK = re.compile(r"(\d{2}):?(\d{2}):?(\d{2})(?:[.,](\d{1,6})\d*)?")
ZONE = re.compile(r"([+-])(\d{2})(\d{2})")
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
DAY = 24 * 3600 * SECOND
EPOCH = datetime(1970, 1, 1)  # moments are counted from here; any date would do


def day(text: str | None) -> int | None:
    """Return a date such as ``20200131`` as microseconds from 1970; None if invalid."""
    match = DATE.fullmatch(text or "")
    if match is None:
        return None
    try:
        date = datetime(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
    return (date - EPOCH) // MICROSECOND


def clock(text: str | None) -> int | None:
    """Return a time such as ``101500.0667`` as microseconds from midnight, or None."""
    match = CLOCK.fullmatch(text or "")
    if match is None:
        return None
    hours, minutes, seconds = (int(part) for part in match.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:  # 60 is a leap second
        return None
    whole = hours * 3600 + minutes * 60 + seconds
    return whole * SECOND + int((match[4] or "0").ljust(6, "0"))


def moment(text: str | None) -> int | None:
    """Return a date with time as microseconds from 1970; None if invalid.

    An offset from UTC (``&ZZXX``) is subtracted, so that moments of one loop stay
    comparable even if summer time ends in between.
    """
    words = text or ""
    zone = ZONE.search(words, 8)
    offset = 0
    if zone is not None:
        if zone.end() != len(words):
            return None
        offset = (int(zone[2]) * 3600 + int(zone[3]) * 60) * SECOND
        offset = -offset if zone[1] == "-" else offset
        words = words[: zone.start()]
    date, time = day(words[:8]), clock(words[8:])
    return None if date is None or time is None else date + time - offset


def milliseconds(moments: Sequence[int]) -> Times:
    """Convert moments in microseconds to milliseconds from the first one."""
    return np.asarray([one - moments[0] for one in moments], np.float64) / 1000.0


def rising(times: Times) -> bool:
    """Return whether every time is finite and later than the previous one."""
    return bool(np.all(np.isfinite(times)) and np.all(np.diff(times) > 0))


def after_midnight(moments: Sequence[int]) -> list[int]:
    """Add a day to times of day wherever they pass midnight; return them all."""
    found: list[int] = []
    days = 0
    for before, one in zip([moments[0], *moments], moments, strict=False):
        days += before - one > DAY // 2
        found.append(one + days * DAY)
    return found


def passed_midnight(moments: Sequence[int]) -> list[int]:
    """Add a day to moments that follow midnight but lack the new date; return them all.

    Unlike `after_midnight`, this needs no order: within a day, frames of one series on
    both sides of a gap of more than twelve hours lie around midnight.
    """
    ordered = sorted(moments)
    pairs = zip(ordered, ordered[1:], strict=False)
    before = [a for a, b in pairs if b - a > DAY // 2]
    if not before or ordered[-1] - ordered[0] >= DAY:
        return list(moments)
    return [one + DAY if one <= before[0] else one for one in moments]


def times_of_files(files: Sequence[Attributes]) -> Iterator[tuple[str, Times | None]]:
    """Yield frame times from dates and times of single-frame files, best source first.

    Parameters
    ----------
    files
        Attributes of the files, in the order of their frames.

    Yields
    ------
    tuple
        Name of the source, and milliseconds of each frame from the first; None if one
        of the files lacks the attribute.
    """
    for basis, read in SOURCES:
        moments = [read(attributes) for attributes in files]
        known = [one for one in moments if one is not None]
        if len(known) == len(files):
            rolled = after_midnight(known) if basis in OF_DAY else known
            yield basis, milliseconds(rolled)
            continue
        if known:
            files[0].parts.note(
                f"{basis} is missing in {len(files) - len(known)} of {len(files)} "
                "frames; it was not used for the frame times."
            )
        yield basis, None


def _single(keyword: str, parse: Callable[[str | None], int | None]) -> Moment:
    return lambda attributes: parse(attributes.text(keyword))


def _pair(date: str, time: str) -> Moment:
    def read(attributes: Attributes) -> int | None:
        """Return the moment that a date and a time attribute give together."""
        whole, part = day(attributes.text(date)), clock(attributes.text(time))
        return None if whole is None or part is None else whole + part

    return read


OF_DAY = ("AcquisitionTime", "ContentTime")
SOURCES: tuple[tuple[str, Moment], ...] = (
    ("FrameReferenceDateTime", _single("FrameReferenceDateTime", moment)),
    ("FrameAcquisitionDateTime", _single("FrameAcquisitionDateTime", moment)),
    ("AcquisitionDateTime", _single("AcquisitionDateTime", moment)),
    ("AcquisitionDate with AcquisitionTime", _pair("AcquisitionDate", OF_DAY[0])),
    ("AcquisitionTime", _single(OF_DAY[0], clock)),
    ("ContentDate with ContentTime", _pair("ContentDate", OF_DAY[1])),
    ("ContentTime", _single(OF_DAY[1], clock)),
)
