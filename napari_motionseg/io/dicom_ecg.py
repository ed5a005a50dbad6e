"""The ECG that came with a loop: kept, never interpreted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from napari_motionseg.io.dicom_header import numbers

# Retired curve module (PS3.3-2004 C.10.2.1): type of each DataValueRepresentation
CURVE_TYPES = {0: "<u2", 1: "<i2", 2: "<f4", 3: "<f8", 4: "<i4"}
CURVE_GROUPS = range(0x5000, 0x5020, 2)
DATA_TYPE, REPRESENTATION, CURVE_DATA = 0x0020, 0x0103, 0x3000


def ecg(data: Dataset) -> dict[str, NDArray[Any]]:
    """Return curves by group and waveforms by number.

    Returns
    -------
    dict
        ``"curve 5000"`` to its samples ``(N,)``; ``"waveform 0"`` to ``(N, channels)``.
    """
    kept: dict[str, NDArray[Any]] = {}
    for group in CURVE_GROUPS:
        samples = _curve(data, group)
        if samples is not None:
            kept[f"curve {group:04x}"] = samples
    for index, item in enumerate(data.get("WaveformSequence") or ()):
        channels = int(item.get("NumberOfWaveformChannels", 1))
        words = bytes(item.get("WaveformData") or b"")
        usable = len(words) // (2 * channels) * 2 * channels
        samples = np.frombuffer(words[:usable], "<i2").reshape(-1, channels)
        kept[f"waveform {index}"] = samples.copy()
    return kept


def _curve(data: Dataset, group: int) -> NDArray[Any] | None:
    element = data.get((group, CURVE_DATA))
    if element is None:
        return None
    kind = data.get((group, REPRESENTATION))
    dtype = np.dtype(CURVE_TYPES.get(int(kind.value) if kind is not None else 1, "<i2"))
    value = element.value
    if isinstance(value, bytes):
        usable = len(value) // dtype.itemsize * dtype.itemsize
        return np.frombuffer(value[:usable], dtype).copy()
    return np.atleast_1d(np.asarray(value, dtype))


def r_waves(data: Dataset, count: int) -> tuple[int, ...]:
    """Return the indices of the frames at an R wave (RWavePointer counts from 1)."""
    frames = (int(n) - 1 for n in numbers(data.get("RWavePointer")))
    return tuple(t for t in frames if 0 <= t < count)
