"""Read the times and lengths that ImageJ and OME store in TIFF files."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

MILLISECONDS = {
    "ns": 1e-6, "nanosecond": 1e-6, "us": 1e-3, "usec": 1e-3, "microsecond": 1e-3,
    "ms": 1.0, "msec": 1.0, "millisecond": 1.0, "s": 1e3, "sec": 1e3, "second": 1e3,
    "min": 6e4, "minute": 6e4, "h": 36e5, "hr": 36e5, "hour": 36e5, "d": 864e5,
    "day": 864e5,
}  # fmt: skip
MILLIMETRES = {
    "nm": 1e-6, "nanometer": 1e-6, "um": 1e-3, "micron": 1e-3, "micrometer": 1e-3,
    "mm": 1.0, "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0, "m": 1e3,
    "meter": 1e3, "inch": 25.4, "in": 25.4,
}  # fmt: skip
SPACING_BASIS = "{} of the TIFF file, calibration unknown"


@dataclass(frozen=True, eq=False)
class TiffCalibration:
    """Times and lengths that a TIFF file gives.

    Parameters
    ----------
    interval
        Time between two frames in milliseconds, or None if unknown.
    times
        ``(T,)`` time of each frame in milliseconds; None if not given one by one.
    pixel_spacing
        Millimetres between rows and between columns, or None if unknown.
    spacing_basis
        Source of `pixel_spacing`, in words.
    notes
        Sentences about entries that could not be interpreted.
    """

    interval: float | None = None
    times: NDArray[np.float64] | None = None
    pixel_spacing: tuple[float, float] | None = None
    spacing_basis: str = "unknown"
    notes: tuple[str, ...] = ()

    def frame_times(self, count: int) -> NDArray[np.float64] | None:
        """Return the times of `count` frames in rising milliseconds.

        The result is None if they are unknown.
        """
        if self.times is not None and len(self.times) == count:
            return self.times
        if self.interval is None:
            return None
        return np.arange(count, dtype=np.float64) * self.interval


def read_calibration(file: tifffile.TiffFile, series: int) -> TiffCalibration:
    """Read the times and lengths of an open TIFF file.

    Parameters
    ----------
    file
        Open TIFF file. Only those of ImageJ and OME have times and lengths.
    series
        Index of the series that is the loop; OME describes each series.
    """
    if file.is_imagej:
        return _imagej(file.imagej_metadata or {}, file.pages.first.tags)
    if file.is_ome:
        return _ome(file.ome_metadata or "", series)
    return TiffCalibration()


def in_unit(value: Any, unit: Any, units: dict[str, float]) -> float | None:
    """Convert a positive quantity to the base of `units`; None if it is not one."""
    try:
        number = float(value) * units[_plain(str(unit))]
    except (TypeError, ValueError, KeyError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _plain(unit: str) -> str:
    """Return the name of a unit in ASCII, singular and in lower case."""
    unit = re.sub(r"\\u00b5|[\u00b5\u03bc]", "u", unit.strip(), flags=re.IGNORECASE)
    unit = unit.lower().rstrip(".").replace("metre", "meter")
    return unit[:-1] if len(unit) > 2 and unit.endswith("s") else unit


def _imagej(described: dict[str, Any], tags: Any) -> TiffCalibration:
    notes: list[str] = []
    interval = None
    if described.get("finterval"):
        unit = described.get("tunit", "sec")
        interval = in_unit(described["finterval"], unit, MILLISECONDS)
        if interval is None:
            notes.append(
                f"ImageJ's frame interval {str(described['finterval'])[:20]!r} "
                f"{str(unit)[:20]!r} could not be interpreted"
            )
    elif described.get("fps"):
        interval = _from_rate(described["fps"])
        notes.append("the frame rate is ImageJ's playback rate")
    spacing = _resolution(tags, described.get("unit"))
    basis = SPACING_BASIS.format("pixel size") if spacing else "unknown"
    return TiffCalibration(interval, None, spacing, basis, tuple(notes))


def _from_rate(rate: Any) -> float | None:
    frequency = in_unit(rate, "s", {"s": 1.0})
    return None if frequency is None else 1000.0 / frequency


def _resolution(tags: Any, unit: Any) -> tuple[float, float] | None:
    """Return ImageJ's pixel size; without ImageJ's unit, it means dots on paper."""
    sizes = []
    for name in ("YResolution", "XResolution"):
        value = tags[name].value if name in tags else None
        if not (isinstance(value, tuple) and len(value) == 2 and value[0]):
            return None
        size = in_unit(value[1] / value[0], unit, MILLIMETRES)
        if size is None:
            return None
        sizes.append(size)
    return sizes[0], sizes[1]


def _ome(text: str, series: int) -> TiffCalibration:
    try:
        pixels = ElementTree.fromstring(text).findall("./{*}Image/{*}Pixels")[series]
    except (ElementTree.ParseError, IndexError):
        return TiffCalibration(notes=("the OME description cannot be read",))
    read = pixels.attrib.get
    interval = in_unit(
        read("TimeIncrement"), read("TimeIncrementUnit", "s"), MILLISECONDS
    )
    sizes = [
        in_unit(
            read(f"PhysicalSize{side}"), read(f"PhysicalSize{side}Unit", "um"),
            MILLIMETRES,
        )
        for side in "YX"
    ]  # fmt: skip
    spacing = None if sizes[0] is None or sizes[1] is None else (sizes[0], sizes[1])
    basis = SPACING_BASIS.format("PhysicalSize") if spacing else "unknown"
    return TiffCalibration(interval, _plane_times(pixels), spacing, basis)


def _plane_times(pixels: ElementTree.Element) -> NDArray[np.float64] | None:
    """Return the times of single planes if every plane has one and they rise."""
    times = []
    for plane in pixels.findall("./{*}Plane"):
        unit = plane.attrib.get("DeltaTUnit", "s")
        scale = in_unit(1.0, unit, MILLISECONDS)
        try:
            times.append(float(plane.attrib["DeltaT"]) * (scale or math.nan))
        except (KeyError, ValueError):
            return None
    array = np.asarray(times, np.float64)
    rising = len(array) > 1 and np.isfinite(array).all() and (np.diff(array) > 0).all()
    return array if rising else None
