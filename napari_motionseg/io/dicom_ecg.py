"""The ECG that came with a loop: samples, and when they were taken."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from napari_motionseg.cine.ecg import SignalTrace
from napari_motionseg.io.dicom_values import Attributes, values_at

# Retired curve module (PS3.3-2004 C.10.2.1): type of each DataValueRepresentation
CURVE_TYPES = {0: "<u2", 1: "<i2", 2: "<f4", 3: "<f8", 4: "<i4"}
CURVE_GROUPS = range(0x5000, 0x5020, 2)
# elements of a group of curves
DIMENSIONS, TYPE_OF_DATA, AXIS_UNITS, REPRESENTATION = 0x0005, 0x0020, 0x0030, 0x0103
DESCRIPTOR, START, STEP, CURVE_DATA = 0x0110, 0x0112, 0x0114, 0x3000
# AxisUnits in milliseconds (C.10.2.1.4); MSEC is no defined term, and common
UNITS_MS = {"SEC": 1000.0, "SECS": 1000.0, "S": 1000.0, "MSEC": 1.0, "MS": 1.0}
# WaveformSampleInterpretation, PS3.3 C.10.9.1.5
SAMPLE_TYPES = {
    "SB": "i1",
    "UB": "u1",
    "SS": "<i2",
    "US": "<u2",
    "SL": "<i4",
    "UL": "<u4",
}
SAMPLES = "<i2"
MOST_CHANNELS = 1024  # a damaged number is usually far larger
LEAST_STEP_MS, MOST_STEP_MS = 1e-3, 60_000.0  # range of the time between two samples


def ecg(attributes: Attributes) -> dict[str, SignalTrace]:
    """Return curves by group and waveforms by number.

    Returns
    -------
    dict
        ``"curve 5000"`` with samples ``(N,)``; ``"waveform 0"`` with ``(N, channels)``.
        Signals that cannot be read are left out with a warning.
    """
    readers: dict[str, Callable[[], SignalTrace]] = {}
    for group in CURVE_GROUPS:
        if (group, CURVE_DATA) in attributes.dataset:

            def read_curve(group: int = group) -> SignalTrace:
                """Return a curve."""
                return _curve(attributes, group)

            readers[f"curve {group:04x}"] = read_curve
    for index, item in enumerate(attributes.items("WaveformSequence")):

        def read_waveform(item: Dataset = item) -> SignalTrace:
            """Return the waveform's samples, one column for each channel."""
            return _waveform(attributes, item)

        readers[f"waveform {index}"] = read_waveform
    kept: dict[str, SignalTrace] = {}
    for name, reader in readers.items():
        of = " of WaveformSequence" if name.startswith("waveform") else ""
        trace = attributes.parts.read(f"ECG ({name}{of})", reader, None)
        if trace is not None:
            kept[name] = trace
    return kept


def _waveform(attributes: Attributes, item: Dataset) -> SignalTrace:
    channels = attributes.integers("NumberOfWaveformChannels", item)
    if not channels or not 1 <= channels[0] <= MOST_CHANNELS:
        raise ValueError("NumberOfWaveformChannels is not a positive number")
    data = item.get("WaveformData")
    if not isinstance(data, bytes) or not data:
        raise ValueError("WaveformData is empty")
    kind = attributes.text("WaveformSampleInterpretation", item)
    dtype = _ordered(SAMPLE_TYPES.get((kind or "SS").upper(), SAMPLES), item)
    bits = attributes.integers("WaveformBitsAllocated", item)
    if bits and bits[0] != dtype.itemsize * 8:
        raise ValueError(f"WaveformBitsAllocated {bits[0]} does not fit {kind} samples")
    row = dtype.itemsize * channels[0]
    usable = len(data) // row * row
    samples = np.frombuffer(data[:usable], dtype).reshape(-1, channels[0]).copy()
    frequency = attributes.number("SamplingFrequency", item) or 0.0
    start = attributes.number("MultiplexGroupTimeOffset", item) or 0.0
    step = 1000.0 / frequency if frequency > 0 else 0.0
    return SignalTrace(samples, _evenly(len(samples), start, step))


def _curve(attributes: Attributes, group: int) -> SignalTrace:
    data = attributes.dataset
    kind = _first(data, group, REPRESENTATION)
    code = 1 if kind in (None, "") else int(kind)
    dtype = _ordered(CURVE_TYPES.get(code, SAMPLES), data)
    value = data[(group, CURVE_DATA)].value
    if isinstance(value, bytes):
        usable = len(value) // dtype.itemsize * dtype.itemsize
        samples = np.frombuffer(value[:usable], dtype).copy()
    elif value is None or isinstance(value, str):
        raise ValueError("the curve holds no samples")
    else:
        samples = np.atleast_1d(np.asarray(value, dtype))
    words = str(_first(data, group, TYPE_OF_DATA) or "").strip(" \0").upper()
    unit = str(_first(data, group, AXIS_UNITS) or "").strip(" \0").upper()
    samples, times = _with_times(data, group, samples, UNITS_MS.get(unit))
    return SignalTrace(samples, times, words[:16])


def _ordered(kind: str, data: Dataset) -> np.dtype[Any]:
    """Return a data type in the byte order of the file that a data set comes from."""
    big = data.original_encoding[1] is False
    return np.dtype(kind).newbyteorder(">" if big else "<")


def _with_times(
    data: Dataset, group: int, samples: NDArray[Any], unit_ms: float | None
) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """Return the values of a curve and their times, or None for the times.

    CurveDataDescriptor says for each dimension whether its coordinates are among the
    data (1), or are evenly spaced (0), see PS3.3-2004 C.10.2.1.5.
    """
    axes = _number(data, group, DIMENSIONS) or 1.0
    described = [_as_number(x) for x in values_at(data, (group, DESCRIPTOR))]
    in_data = not described or described[0] != 0
    if axes == 2 and in_data and samples.ndim == 1 and len(samples) % 2 == 0:
        pairs = samples.reshape(-1, 2)
        moments = np.asarray(pairs[:, 0], np.float64) * (unit_ms or 0.0)
        rises = bool(np.isfinite(moments).all() and (np.diff(moments) > 0).all())
        return pairs[:, 1], moments if unit_ms and rises else None
    step, start = _number(data, group, STEP), _number(data, group, START)
    if step is None or unit_ms is None:
        return samples, None
    return samples, _evenly(len(samples), (start or 0.0) * unit_ms, step * unit_ms)


def _evenly(count: int, start: float, step: float) -> NDArray[np.float64] | None:
    """Return evenly spaced times in milliseconds; None where no signal is so sampled.

    Parameters
    ----------
    count
        Number of samples.
    start, step
        Milliseconds of the first sample, and from one sample to the next.
    """
    if not (LEAST_STEP_MS <= step <= MOST_STEP_MS and math.isfinite(start)):
        return None
    times: NDArray[np.float64] = start + step * np.arange(count, dtype=np.float64)
    return times


def _first(data: Dataset, group: int, element: int) -> Any:
    return next(iter(values_at(data, (group, element))), None)


def _number(data: Dataset, group: int, element: int) -> float | None:
    return _as_number(_first(data, group, element))


def _as_number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def r_waves(
    attributes: Attributes, count: int, times: NDArray[np.float64] | None
) -> tuple[int, ...]:
    """Return the indices, from 0, of the frames at an R wave.

    Parameters
    ----------
    attributes
        Attributes of the header. RWavePointer counts frames from 1; RWaveTimeVector
        gives milliseconds from the first frame.
    count
        Number of frames of the loop; R waves at other frames are left out and noted.
    times
        ``(T,)`` milliseconds from the first frame, or None if unknown.
    """
    numbers = attributes.integers("RWavePointer")
    inside = tuple(n - 1 for n in numbers if 1 <= n <= count)
    if len(inside) < len(numbers):
        attributes.parts.note(
            f"RWavePointer names {len(numbers) - len(inside)} frames that the loop "
            "does not have; they were left out."
        )
    if numbers or times is None:
        return inside
    moments = attributes.numbers("RWaveTimeVector")
    return tuple(
        int(np.argmin(np.abs(times - moment)))
        for moment in moments
        if 0 <= moment <= times[-1]
    )
