"""Find the size of a pixel from the geometry of the X-ray system or a known object.

The methods are those of DICOM PS3.16, CID 3452: geometry at the isocentre, or an object
of known size. Every measured length states the basis of its calibration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MeasurementError

MM_PER_FRENCH = 1 / 3  # outer diameter of a catheter (Charriere's scale)
LARGEST_DIFFERENCE = 0.05  # between two calibrations before a warning


@dataclass(frozen=True)
class Calibration:
    """Size of a pixel in the plane that is measured.

    Parameters
    ----------
    row_mm, column_mm
        Distance between the centres of neighbouring rows and of neighbouring columns
        in millimetres; where no spacing is known, in units of a column's width.
    basis
        Description of the source of the size, such as "isocentre".
    known
        Whether the sizes are millimetres; if not, every length is given in pixels.
    spread
        Relative standard deviation of `column_mm`, if it was measured from an object;
        None for geometry.

    Raises
    ------
    MeasurementError
        If a size is not positive and finite.
    """

    row_mm: float = 1.0
    column_mm: float = 1.0
    basis: str = "no spacing is known"
    known: bool = False
    spread: float | None = None

    def __post_init__(self) -> None:
        for name in ("row_mm", "column_mm"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise MeasurementError(f"{name} must be positive; got {value}")

    @property
    def unit(self) -> str:
        """Unit of lengths: ``"mm"`` or ``"px"``."""
        return "mm" if self.known else "px"

    @property
    def sizes(self) -> tuple[float, float]:
        """Size of a pixel along rows and columns ``(row_mm, column_mm)``."""
        return self.row_mm, self.column_mm


def calibration_of(cine: Cine) -> Calibration:
    """Return the calibration that a loop's header gives, at the isocentre.

    Parameters
    ----------
    cine
        Loop whose `pixel_spacing` is in millimetres at the isocentre, or None. Without
        a spacing, the shape of a pixel is still respected.
    """
    if cine.pixel_spacing is None:
        return Calibration(row_mm=cine.pixel_aspect, column_mm=1.0)
    rows, columns = cine.pixel_spacing
    return Calibration(rows, columns, f"isocentre ({cine.spacing_basis})", known=True)


def calibration_by_object(
    size_mm: float, size_px: float, basis: str, *, aspect: float = 1.0, sd_px: float = 0
) -> Calibration:
    """Return the calibration by an object whose true size is known.

    Parameters
    ----------
    size_mm
        True size of the object in millimetres.
    size_px
        Measured size of the object in widths of a pixel.
    basis
        Name of the object, such as "catheter 6F".
    aspect
        Height of a pixel over its width.
    sd_px
        Standard deviation of the measured size in widths of a pixel.

    Raises
    ------
    MeasurementError
        If a size is not positive and finite.
    """
    for name, value in (("true", size_mm), ("measured", size_px)):
        if not (math.isfinite(value) and value > 0):
            raise MeasurementError(
                f"the {name} size of the calibration object must be positive; "
                f"got {value}"
            )
    column = size_mm / size_px
    return Calibration(column * aspect, column, basis, True, sd_px / size_px)


def catheter_diameter_mm(french: float) -> float:
    """Return the outer diameter in millimetres of a catheter of a French size.

    Raises
    ------
    MeasurementError
        If the size is not one of a catheter, 1 to 34 French.
    """
    if not 1 <= french <= 34:
        raise MeasurementError(
            f"a catheter's size must be 1 to 34 French; got {french:g}"
        )
    return french * MM_PER_FRENCH


def disagreement(first: Calibration, second: Calibration) -> str:
    """Return a warning if two calibrations differ by more than 5 %, else "".

    Parameters
    ----------
    first, second
        Calibrations of the same loop. If one is not in millimetres, there is no
        warning.
    """
    if not (first.known and second.known):
        return ""
    ratio = second.column_mm / first.column_mm
    if abs(ratio - 1) <= LARGEST_DIFFERENCE:
        return ""
    return (
        f"The calibrations differ by {abs(ratio - 1):.0%}: {first.column_mm:.4f} mm a "
        f"pixel by {first.basis}, {second.column_mm:.4f} mm by {second.basis}. Check "
        "which one belongs to the plane of the vessel."
    )
