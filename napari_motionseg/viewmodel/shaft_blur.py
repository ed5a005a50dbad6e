"""Remember the blur of vessels, which the shaft of a catheter in the same loop has."""

from __future__ import annotations

from napari_motionseg.measurement import VesselMeasurement
from napari_motionseg.measurement.centreline import Point


class ShaftBlur:
    """Blur in px of the vessel that was measured last.

    Attributes
    ----------
    blur
        Standard deviation in px, or None if no vessel was measured.
    """

    def __init__(self) -> None:
        self.blur: float | None = None
        self._shaft: tuple[Point, ...] = ()

    def calibrated_by(self, points: tuple[Point, ...]) -> None:
        """Note that points lie on a shaft, whose wall and lumen differ in blur."""
        self._shaft = points

    def left(self, points: tuple[Point, ...], found: VesselMeasurement | None) -> None:
        """Keep the blur of a vessel that is left or removed.

        Parameters
        ----------
        points
            Its points on the shown frame.
        found
            Its measurement, or None.
        """
        if found is not None and points != self._shaft:
            self.blur = float(found.profile.fit.blur)
        self._shaft = ()
