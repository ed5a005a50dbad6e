"""When the frames of a loop were taken (PS3.3 C.7.6.5, C.7.6.6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from napari_motionseg.io.dicom_header import find_all, numbers

Times = NDArray[np.float64]
RATES = ("CineRate", "RecommendedDisplayFrameRate")
DATE_FORMATS = ("%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S")


def frame_times(
    dataset: Dataset, count: int, in_header: int
) -> tuple[Times | None, str, list[str]]:
    """Return milliseconds from the first frame, what they rest on, and notes.

    Parameters
    ----------
    dataset
        The header.
    count
        Frames that could be read.
    in_header
        Frames that the header promises: a time vector should be as long.

    Notes
    -----
    In order: what FrameIncrementPointer points to (FrameTimeVector, FrameTime), the
    other of the two, the frames' own date and time (enhanced objects), CineRate,
    RecommendedDisplayFrameRate.
    """
    notes: list[str] = []
    for basis, times in _candidates(dataset, count, in_header, notes):
        if times is not None and _plausible(times):
            return times - times[0], basis, notes
        if times is not None:
            notes.append(f"{basis} gives frame times that do not rise; ignored")
    return None, "unknown", notes


def _candidates(
    dataset: Dataset, count: int, in_header: int, notes: list[str]
) -> Iterator[tuple[str, Times | None]]:
    vector = ("FrameTimeVector", _from_vector(dataset, count, in_header, notes))
    step = ("FrameTime", _from_step(dataset, count))
    yield from (vector, step) if _pointed_at_vector(dataset) else (step, vector)
    yield "FrameReferenceDateTime", _from_dates(dataset, count)
    for keyword in RATES:
        rate = numbers(dataset.get(keyword))
        good = rate and np.isfinite(rate[0]) and rate[0] > 0
        yield keyword, _evenly(count, 1000.0 / rate[0]) if good else None


def _pointed_at_vector(dataset: Dataset) -> bool:
    pointer = dataset.get("FrameIncrementPointer")
    several = pointer if isinstance(pointer, (list, tuple)) else [pointer]
    return any(one is not None and int(one) == 0x00181065 for one in several)


def _from_vector(
    dataset: Dataset, count: int, in_header: int, notes: list[str]
) -> Times | None:
    increments = numbers(dataset.get("FrameTimeVector"))
    if not increments:
        return None
    if len(increments) != in_header:
        notes.append(
            f"FrameTimeVector has {len(increments)} values for {in_header} frames"
        )
    if len(increments) < count:
        return None
    return np.cumsum(np.asarray((0.0, *increments[1:count])))


def _from_step(dataset: Dataset, count: int) -> Times | None:
    step = numbers(dataset.get("FrameTime"))
    return _evenly(count, step[0]) if step and step[0] > 0 else None


def _evenly(count: int, step: float) -> Times:
    times: Times = np.arange(count, dtype=np.float64) * step
    return times


def _from_dates(dataset: Dataset, count: int) -> Times | None:
    moments = []
    for keyword in ("FrameReferenceDateTime", "FrameAcquisitionDateTime"):
        moments = [_moment(str(text)) for text in find_all(dataset, keyword)]
        if len(moments) >= count:
            break
    known = [moment for moment in moments[:count] if moment is not None]
    if len(known) < count or count < 2:
        return None
    return np.array([(moment - known[0]).total_seconds() * 1000 for moment in known])


def _moment(text: str) -> datetime | None:
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(text.split("+")[0].split("-")[0], form)
        except ValueError:
            continue
    return None


def _plausible(times: Times) -> bool:
    return bool(np.all(np.isfinite(times)) and np.all(np.diff(times) > 0))
