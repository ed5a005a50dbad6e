"""Draw a measured vessel as PNG: its diameters, and its way through the loop."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.io.program_marks import MARK
from napari_motionseg.measurement.following import FollowedVessel
from napari_motionseg.measurement.vessel import VesselMeasurement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
NOTICE = "Research use only; not a medical device."
PROFILE_INCHES = (10.0, 4.2)
KYMOGRAPH_INCHES = (10.0, 3.4)
ROOM_PX = 40  # of the picture shown around the vessel
LOW, HIGH = 2, 98  # percentiles that get the ends of the colours
DPI = 120


def profile_figure(cine: Cine, measured: VesselMeasurement) -> bytes:
    """Draw the vessel in its frame beside its diameters; return the PNG file.

    Parameters
    ----------
    cine
        The loop.
    measured
        Measurement of the vessel in one frame.
    """
    figure = _figure(PROFILE_INCHES)
    picture, curve = figure.subplots(1, 2, width_ratios=(1, 1.5))
    _draw_vessel(picture, cine, measured)
    _draw_diameters(curve, measured)
    return _png(figure)


def kymograph_figure(followed: FollowedVessel) -> bytes:
    """Draw diameter and darkness by length (up) and frame (right), as a PNG file.

    Parameters
    ----------
    followed
        The vessel in all frames.
    """
    figure = _figure(KYMOGRAPH_INCHES)
    unit, last = followed.calibration.unit, float(followed.arc_length[-1])
    shown = (
        (f"diameter ({unit})", followed.diameters, "viridis"),
        ("darkness", followed.contrast, "magma"),
    )
    for axes, (title, values, colours) in zip(
        figure.subplots(1, 2), shown, strict=True
    ):
        known = values[np.isfinite(values)]
        low, high = np.percentile(known, (LOW, HIGH)) if len(known) else (0.0, 1.0)
        image = axes.imshow(
            values.T, cmap=colours, vmin=low, vmax=high, aspect="auto", origin="lower",
            extent=(-0.5, len(values) - 0.5, 0, last), interpolation="nearest",
        )  # fmt: skip
        axes.set(xlabel="frame", ylabel=f"arc length ({unit})", title=title)
        figure.colorbar(image, ax=axes)
    return _png(figure)


def _draw_vessel(picture: Axes, cine: Cine, measured: VesselMeasurement) -> None:
    rows, columns = measured.profile.line.points.T
    frame = cine.normalized(measured.frame)
    picture.imshow(frame, cmap="gray")
    picture.plot(columns, rows, color="tab:orange", linewidth=1)
    for lesion in measured.lesions:
        at = lesion.smallest
        picture.plot(columns[at], rows[at], "x", color="tab:red")
    height, width = frame.shape
    (top, bottom), (left, right) = shown_window(
        measured.profile.line.points, (height, width)
    )
    picture.set(xlim=(left, right), ylim=(bottom, top))
    picture.set_title(f"frame {measured.frame}")
    picture.set_axis_off()


def shown_window(points: Array, shape: tuple[int, int]) -> Array:
    """Return the square part of a frame around a line.

    A window as narrow as a straight vessel would be a strip that shows little else.

    Parameters
    ----------
    points
        Rows and columns ``(N, 2)`` of the line in px.
    shape
        Height and width of the frame in px.

    Returns
    -------
    ndarray
        First and last ``((top, bottom), (left, right))`` in px, which include `ROOM_PX`
        around the line where the frame reaches so far.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    side = np.minimum((high - low).max() + 2 * ROOM_PX, shape)
    first = np.clip((low + high - side) / 2, 0, np.asarray(shape) - side)
    window: Array = np.stack((first, first + side), axis=1) - 0.5
    return window  # the first pixel begins at -0.5


def _draw_diameters(curve: Axes, measured: VesselMeasurement) -> None:
    profile, unit = measured.profile, measured.profile.calibration.unit
    length = profile.arc_length
    low, high = (profile.diameters + k * profile.uncertainty for k in (-1.96, 1.96))
    curve.fill_between(length, low, high, alpha=0.3, linewidth=0, label="95 % (noise)")
    curve.plot(length, profile.diameters, label=f"diameter ({profile.method})")
    reference = f"reference ({measured.reference_method})"
    curve.plot(length, measured.reference, "--", label=reference)
    for lesion in measured.lesions:
        start, end = length[lesion.start], length[lesion.end]
        curve.axvspan(start, end, color="tab:red", alpha=0.12)
    curve.set(
        xlabel=f"arc length ({unit})", ylabel=f"diameter ({unit})", ylim=(0, None)
    )
    curve.legend(loc="best", frameon=False)


def _figure(inches: tuple[float, float]) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(NOTICE, fontsize="small")
    return figure


def _png(figure: Figure) -> bytes:
    file = BytesIO()
    figure.savefig(file, dpi=DPI, format="png", metadata={"Software": MARK})
    return file.getvalue()
