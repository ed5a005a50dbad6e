"""The ECG that came with a loop: kept, never interpreted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from napari_motionseg.io.dicom_values import Attributes

# Retired curve module (PS3.3-2004 C.10.2.1): type of each DataValueRepresentation
CURVE_TYPES = {0: "<u2", 1: "<i2", 2: "<f4", 3: "<f8", 4: "<i4"}
CURVE_GROUPS = range(0x5000, 0x5020, 2)
REPRESENTATION, CURVE_DATA = 0x0103, 0x3000
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
MOST_CHANNELS = 1024


def ecg(attributes: Attributes) -> dict[str, NDArray[Any]]:
    """Return curves by group and waveforms by number.

    Returns
    -------
    dict
        ``"curve 5000"`` to its samples ``(N,)``; ``"waveform 0"`` to ``(N, channels)``.
        What cannot be read is left out with a warning.
    """
    kept: dict[str, NDArray[Any]] = {}
    for group in CURVE_GROUPS:
        if (group, CURVE_DATA) in attributes.dataset:
            name = f"curve {group:04x}"

            def read_curve(group: int = group) -> NDArray[Any]:
                """Return the curve's samples."""
                return _curve(attributes.dataset, group)

            _keep(kept, name, attributes.parts.read(f"ECG ({name})", read_curve, None))
    for index, item in enumerate(attributes.items("WaveformSequence")):
        name = f"waveform {index}"

        def read_waveform(item: Dataset = item) -> NDArray[Any]:
            """Return the waveform's samples, one column for each channel."""
            return _waveform(attributes, item)

        samples = attributes.parts.read(
            f"ECG ({name} of WaveformSequence)", read_waveform, None
        )
        _keep(kept, name, samples)
    return kept


def _keep(
    kept: dict[str, NDArray[Any]], name: str, samples: NDArray[Any] | None
) -> None:
    if samples is not None:
        kept[name] = samples


def _waveform(attributes: Attributes, item: Dataset) -> NDArray[Any]:
    channels = attributes.integers("NumberOfWaveformChannels", item)
    if not channels or not 1 <= channels[0] <= MOST_CHANNELS:
        raise ValueError("NumberOfWaveformChannels is no number of channels")
    data = item.get("WaveformData")
    if not isinstance(data, bytes) or not data:
        raise ValueError("WaveformData is empty")
    kind = attributes.text("WaveformSampleInterpretation", item)
    dtype = np.dtype(SAMPLE_TYPES.get((kind or "SS").upper(), SAMPLES))
    bits = attributes.integers("WaveformBitsAllocated", item)
    if bits and bits[0] != dtype.itemsize * 8:
        raise ValueError(f"WaveformBitsAllocated {bits[0]} does not fit {kind} samples")
    row = dtype.itemsize * channels[0]
    usable = len(data) // row * row
    return np.frombuffer(data[:usable], dtype).reshape(-1, channels[0]).copy()


def _curve(data: Dataset, group: int) -> NDArray[Any]:
    kind = data.get((group, REPRESENTATION))
    code = 1 if kind is None or kind.value in (None, "") else int(kind.value)
    dtype = np.dtype(CURVE_TYPES.get(code, SAMPLES))
    value = data[(group, CURVE_DATA)].value
    if isinstance(value, bytes):
        usable = len(value) // dtype.itemsize * dtype.itemsize
        return np.frombuffer(value[:usable], dtype).copy()
    if value is None or isinstance(value, str):
        raise ValueError("the curve holds no samples")
    return np.atleast_1d(np.asarray(value, dtype))


def r_waves(
    attributes: Attributes, count: int, times: NDArray[np.float64] | None
) -> tuple[int, ...]:
    """Return the indices, from 0, of the frames at an R wave.

    Parameters
    ----------
    attributes
        The header: RWavePointer counts frames from 1; RWaveTimeVector gives
        milliseconds from the first frame.
    count
        Frames of the loop; pointers to other frames are left out and noted.
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
