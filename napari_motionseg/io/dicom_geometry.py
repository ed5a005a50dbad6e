"""Where a loop's pixels lie: spacing at the isocentre, angles, and what is covered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from skimage.draw import polygon2mask

from napari_motionseg.cine import View
from napari_motionseg.io.dicom_header import find, numbers

Spacing = tuple[float, float]
Area = NDArray[np.bool_]
CALIBRATIONS = ("GEOMETRY", "FIDUCIAL")


def pixel_spacing(dataset: Dataset) -> tuple[Spacing | None, str]:
    """Return millimetres at the isocentre between rows and columns, and their basis.

    Notes
    -----
    A detector's millimetre is not a patient's: ImagerPixelSpacing counts only with the
    magnification, which is EstimatedRadiographicMagnificationFactor or the distance
    from source to detector over that to the patient. PixelSpacing counts where
    PixelSpacingCalibrationType says what it was calibrated with, or where there is no
    detector (ultrasound, secondary capture).
    """
    calibrated = _pair(find(dataset, "PixelSpacing"))
    kind = str(find(dataset, "PixelSpacingCalibrationType") or "")
    if calibrated and kind in CALIBRATIONS:
        return calibrated, f"PixelSpacing, calibrated by {kind}"
    detector = _pair(find(dataset, "ImagerPixelSpacing"))
    factor, source = _magnification(dataset)
    if detector and factor:
        return (detector[0] / factor, detector[1] / factor), (
            f"ImagerPixelSpacing / {source}"
        )
    if detector:
        return None, "ImagerPixelSpacing without magnification"
    if calibrated:
        return calibrated, "PixelSpacing, calibration unknown"
    return None, "unknown"


def _magnification(dataset: Dataset) -> tuple[float | None, str]:
    names = (
        "EstimatedRadiographicMagnificationFactor",
        "DistanceSourceToDetector",
        "DistanceSourceToPatient",
    )
    factor, detector, patient = (
        next(iter(numbers(find(dataset, name))), 0.0) for name in names
    )
    if np.isfinite(factor) and factor > 0:
        return factor, "EstimatedRadiographicMagnificationFactor"
    if detector > 0 and patient > 0 and np.isfinite(detector / patient):
        return detector / patient, (
            "(DistanceSourceToDetector / DistanceSourceToPatient)"
        )
    return None, "unknown"


def _pair(value: object) -> Spacing | None:
    both = numbers(value)
    if len(both) == 2 and all(np.isfinite(both)) and min(both) > 0:
        return both[0], both[1]
    return None


def view(dataset: Dataset) -> View | None:
    """Return the C-arm's angles, or None."""
    angles = []
    for keyword in ("PositionerPrimaryAngle", "PositionerSecondaryAngle"):
        found = numbers(find(dataset, keyword))
        if not found or not np.isfinite(found[0]):
            return None
        angles.append(found[0])
    return View(*angles)


def valid_area(dataset: Dataset, shape: tuple[int, int]) -> Area | None:
    """Return ``(H, W)`` True inside shutter and collimator, or None if all is valid.

    Edges are given as rows and columns from 1 (PS3.3 C.7.6.11, C.8.7.3).
    """
    area = np.ones(shape, bool)
    for prefix in ("Shutter", "Collimator"):
        shapes = find(dataset, f"{prefix}Shape") or ()
        for name in [shapes] if isinstance(shapes, str) else shapes:
            inside = _inside(dataset, prefix, str(name).upper(), shape)
            if inside is not None:
                area &= inside
    return None if area.all() or not area.any() else area


def _inside(
    dataset: Dataset, prefix: str, name: str, shape: tuple[int, int]
) -> Area | None:
    inside = np.zeros(shape, bool)
    if name == "RECTANGULAR":
        edges = _edges(dataset, prefix)
        if edges is None:
            return None
        left, right, upper, lower = edges
        inside[max(0, upper) : max(0, lower - 1), max(0, left) : max(0, right - 1)] = 1
    elif name == "CIRCULAR":
        centre = numbers(find(dataset, f"CenterOfCircular{prefix}"))
        radius = numbers(find(dataset, f"RadiusOfCircular{prefix}"))
        if len(centre) != 2 or not radius:
            return None
        at = (centre[0] - 1, centre[1] - 1)
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        distance = np.hypot(rows - at[0], columns - at[1])
        inside[distance <= radius[0]] = True
    elif name == "POLYGONAL":
        corners = numbers(find(dataset, f"VerticesOfThePolygonal{prefix}"))
        if len(corners) < 6:
            return None
        usable = len(corners) // 2 * 2
        inside |= polygon2mask(shape, np.reshape(corners[:usable], (-1, 2)) - 1)
    else:
        return None
    return inside


def _edges(dataset: Dataset, prefix: str) -> tuple[int, int, int, int] | None:
    found = []
    for edge in ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal"):
        value = numbers(find(dataset, f"{prefix}{edge}Edge"))
        if not value or not np.isfinite(value[0]):
            return None
        found.append(int(value[0]))
    return found[0], found[1], found[2], found[3]
