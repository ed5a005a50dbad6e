"""Curves of contrast over time in drawn regions, with arrival, peak and wash-out.

A region stays where it was drawn, and vessels move through it. It suits a stretch of
muscle, whose blush is read so, or a vessel that hardly moves; along a vessel that
beats, the followed cross-sections of `contrast_time` are exact.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.measurement.contrast_time import arrival_time
from napari_motionseg.motion.contrast_arrival import density, is_logarithmic

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TimeDensity:
    """Mean darkness of a region over time.

    Parameters
    ----------
    name
        Name of the region.
    darkness
        ``(T,)`` mean density, 0 in the brightest frame; NaN in damaged frames. It is in
        shares of the gray range, of its logarithm where the loop is not logarithmic.
    pixels
        Number of pixels of the region.
    peak_frame
        Index of the darkest frame.
    arrival_ms
        Time at which half of the largest darkness is reached; NaN if contrast is there
        from the first frame, never comes, or frame times are unknown.
    peak_ms
        Time of the darkest frame; NaN if frame times are unknown.
    wash_out_ms
        Time at which darkness has fallen to half again; NaN if it has not.
    """

    name: str
    darkness: Array
    pixels: int
    peak_frame: int
    arrival_ms: float
    peak_ms: float
    wash_out_ms: float

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers as JSON values; None stands for what is unknown."""
        return {
            "region": self.name, "pixels": self.pixels,
            "darkness": [_number(one) for one in self.darkness],
            "peak_frame": self.peak_frame, "peak_ms": _number(self.peak_ms),
            "arrival_ms": _number(self.arrival_ms),
            "wash_out_ms": _number(self.wash_out_ms),
        }  # fmt: skip


def time_density(
    cine: Cine, regions: Mapping[str, NDArray[np.bool_]]
) -> list[TimeDensity]:
    """Return the curves of regions.

    Parameters
    ----------
    cine
        The loop.
    regions
        ``(H, W)`` bool of each region by its name, True within it.

    Raises
    ------
    MeasurementError
        If there is no region, one has another size than a frame or is empty, or no
        frame can be read.
    """
    if not regions:
        raise MeasurementError("a time-density curve needs a region: draw one")
    for name, region in regions.items():
        if region.shape != cine.shape[1:] or not region.any():
            raise MeasurementError(
                f"{name} must have the frames' shape {cine.shape[1:]} and contain a "
                f"pixel; got {region.shape} with {int(region.sum())} pixels"
            )
    logarithmic = is_logarithmic(cine)
    dark = np.full((len(regions), len(cine)), np.nan)
    for t in range(len(cine)):
        if cine.frames.usable(t):
            frame = density(cine.normalized(t), logarithmic)
            dark[:, t] = [-float(frame[region].mean()) for region in regions.values()]
    if not np.isfinite(dark).any():
        raise MeasurementError("no frame of the loop can be read")
    dark -= np.nanmin(dark, axis=1, keepdims=True)
    return [
        _curve(name, int(region.sum()), row, cine.frame_times)
        for (name, region), row in zip(regions.items(), dark, strict=True)
    ]


def _curve(name: str, pixels: int, dark: Array, times: Array | None) -> TimeDensity:
    peak, unknown = int(np.nanargmax(dark)), float("nan")
    if times is None:
        return TimeDensity(name, dark, pixels, peak, unknown, unknown, unknown)
    # seen backwards in time, contrast arrives where it is washed out
    back = -arrival_time(dark[::-1], -times[::-1])
    begin = arrival_time(dark, times)
    return TimeDensity(name, dark, pixels, peak, begin, float(times[peak]), back)


def write_time_density(
    path: str | Path, cine: Cine, curves: Sequence[TimeDensity]
) -> None:
    """Write curves as CSV, a row for each frame and a column for each region.

    Parameters
    ----------
    path
        File to write.
    cine
        The loop.
    curves
        One or more curves of the loop.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    times = cine.frame_times
    head = ["frame", "time (ms)", *(f"{one.name}: darkness" for one in curves)]
    with (
        replacing(path) as room,
        room.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(head)
        for t in range(len(cine)):
            when = "" if times is None else f"{times[t]:.6g}"
            row = [one.darkness[t] for one in curves]
            texts = ["" if np.isnan(one) else f"{one:.6g}" for one in row]
            writer.writerow([t, when, *texts])


def _number(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None
