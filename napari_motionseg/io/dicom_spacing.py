"""Find the size of a pixel in the patient, in millimetres.

Millimetres on the detector are not millimetres in the patient. ImagerPixelSpacing
counts only together with the magnification. PixelSpacing counts if the header says how
it was corrected, or if the image is not a projection (ultrasound, secondary capture).
Enhanced objects hold the same attributes in macros (PS3.3 C.8.19.6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from napari_motionseg.io.dicom_values import Attributes

Pair = tuple[float, float]

CALIBRATIONS = ("GEOMETRY", "FIDUCIAL")
# The object lies between source and detector, so the magnification is at least 1. The
# source of a C-arm is at least some 25 cm from the patient and 130 cm from the
# detector.
LEAST_MAGNIFICATION, MOST_MAGNIFICATION = 1.0, 5.0
LEAST_PIXEL, MOST_PIXEL = 1e-4, 100.0  # millimetres
LEAST_ASPECT, MOST_ASPECT = 0.1, 10.0  # height over width of a pixel
AGREEMENT = 0.1  # relative difference of two magnifications from which it is noted
CHANGE = 0.01  # relative change of a spacing over the frames from which it is noted
PROJECTIONS = ("XA", "RF", "DX", "CR", "MG", "IO", "PX", "RG", "DF", "DS")
PROJECTION_CLASSES = "1.2.840.10008.5.1.4.1.1.12."  # XA, XRF, their enhanced forms
DETECTOR_DISTANCE = "DistanceSourceToDetector"
CENTIMETRES = 3  # PhysicalUnitsXDirection, PS3.3 C.8.5.5.1.15
TISSUE = 1  # RegionSpatialFormat of a two-dimensional picture, PS3.3 C.8.5.5.1.1


@dataclass(frozen=True)
class Spacing:
    """Size of a pixel, and where it comes from.

    Parameters
    ----------
    millimetres
        Distances between rows and between columns in the patient; None if unknown.
    basis
        Source of the millimetres, or the reason why they are unknown.
    aspect
        Height of a pixel divided by its width.
    """

    millimetres: Pair | None
    basis: str
    aspect: float = 1.0


def pixel_spacing(attributes: Attributes) -> Spacing:
    """Return the size of a pixel in the patient, and the source of the value."""
    rules: tuple[Callable[[Attributes], tuple[Pair, str] | None], ...] = (
        _calibrated, _object_spacing, _from_detector, _corrected, _of_regions,
        _without_projection,
    )  # fmt: skip
    for rule in rules:
        found = rule(attributes)
        if found is None:
            continue
        millimetres, basis = found
        if LEAST_PIXEL <= min(millimetres) <= max(millimetres) <= MOST_PIXEL:
            return Spacing(millimetres, basis, millimetres[0] / millimetres[1])
        attributes.parts.note(
            f"{basis} gives pixels of {millimetres[0]:.3g} x {millimetres[1]:.3g} mm, "
            "which is not plausible; it was ignored."
        )
    return Spacing(None, _why_unknown(attributes), _aspect(attributes))


def _calibrated(attributes: Attributes) -> tuple[Pair, str] | None:
    pair = _pair(attributes, "PixelSpacing")
    kind = (attributes.text("PixelSpacingCalibrationType") or "").upper()
    if pair and kind in CALIBRATIONS:
        return pair, f"PixelSpacing, calibrated by {kind}"
    return None


def _object_spacing(attributes: Attributes) -> tuple[Pair, str] | None:
    """Return the spacing that the system computed in its object plane (C.8.19.6.9)."""
    keyword = "ObjectPixelSpacingInCenterOfBeam"
    pair = _over_frames(attributes, keyword, "ProjectionPixelCalibrationSequence")
    return (pair, keyword) if pair else None


def _from_detector(attributes: Attributes) -> tuple[Pair, str] | None:
    detector = _over_frames(
        attributes, "ImagerPixelSpacing", "FramePixelDataPropertiesSequence"
    )
    factor = _magnification(attributes)
    if not detector or factor is None:
        return None
    value, source = factor
    return (detector[0] / value, detector[1] / value), f"ImagerPixelSpacing / {source}"


def _corrected(attributes: Attributes) -> tuple[Pair, str] | None:
    """Return a PixelSpacing that differs from the spacing of the detector.

    The two differ only if PixelSpacing was corrected for magnification (PS3.3
    10.7.1.1), even if the type of calibration is missing.
    """
    pair = _pair(attributes, "PixelSpacing")
    detector = _pair(attributes, "ImagerPixelSpacing")
    if not pair or not detector:
        return None
    ratio = detector[0] / pair[0]
    if LEAST_MAGNIFICATION + CHANGE < ratio <= MOST_MAGNIFICATION:
        return pair, "PixelSpacing, corrected from ImagerPixelSpacing, type not given"
    return None


def _of_regions(attributes: Attributes) -> tuple[Pair, str] | None:
    """Return the spacing of the largest tissue region of ultrasound (C.8.5.5)."""
    known = []
    for region in attributes.items("SequenceOfUltrasoundRegions"):
        pair = _of_region(attributes, region)
        if pair is not None:
            known.append((_area(attributes, region), pair))
    if not known:
        return None
    largest = max(known)[1]
    if any(not np.allclose(pair, largest, rtol=CHANGE) for _, pair in known):
        attributes.parts.note(
            "The ultrasound regions differ in scale; the largest region's was used."
        )
    return largest, "PhysicalDeltaX and PhysicalDeltaY of the ultrasound region"


def _of_region(attributes: Attributes, region: Dataset) -> Pair | None:
    units = [
        attributes.number(f"PhysicalUnits{axis}Direction", region) for axis in "YX"
    ]
    deltas = [attributes.number(f"PhysicalDelta{axis}", region) for axis in "YX"]
    format_ = attributes.number("RegionSpatialFormat", region)
    if units != [CENTIMETRES, CENTIMETRES] or format_ not in (TISSUE, None):
        return None
    down, across = (abs(delta or 0.0) * 10 for delta in deltas)
    return (down, across) if down > 0 and across > 0 else None


def _area(attributes: Attributes, region: Dataset) -> float:
    edges = (
        attributes.number(f"RegionLocation{edge}", region) or 0.0
        for edge in ("MinX0", "MinY0", "MaxX1", "MaxY1")
    )
    left, upper, right, lower = edges
    return abs(right - left) * abs(lower - upper)


def _without_projection(attributes: Attributes) -> tuple[Pair, str] | None:
    pair = _pair(attributes, "PixelSpacing")
    if pair and not _is_projection(attributes) and not _pair(
        attributes, "ImagerPixelSpacing"
    ):  # fmt: skip
        return pair, "PixelSpacing, calibration unknown"
    return None


def _why_unknown(attributes: Attributes) -> str:
    detector = _pair(attributes, "ImagerPixelSpacing")
    pair = _pair(attributes, "PixelSpacing")
    if detector and pair and np.allclose(detector, pair, rtol=CHANGE):
        return (
            "ImagerPixelSpacing without magnification; PixelSpacing equals it, so it "
            "is not corrected"
        )
    if detector:
        return "ImagerPixelSpacing without magnification"
    if pair:
        return "PixelSpacing of a projection, calibration unknown"
    return "unknown"


def _is_projection(attributes: Attributes) -> bool:
    modality = (attributes.text("Modality") or "").upper()
    sop_class = attributes.text("SOPClassUID") or ""
    return modality in PROJECTIONS or sop_class.startswith(PROJECTION_CLASSES)


def _magnification(attributes: Attributes) -> tuple[float, str] | None:
    """Return the magnification from detector to isocentre, and its source."""
    keyword = "EstimatedRadiographicMagnificationFactor"
    factor = _plausible(attributes, attributes.number(keyword), keyword)
    distances = _from_distances(attributes)
    if factor is None:
        return distances
    if distances and abs(distances[0] / factor - 1) > AGREEMENT:
        attributes.parts.note(
            f"{keyword} is {factor:.3g}, but {distances[1].strip('()')} is "
            f"{distances[0]:.3g}; the former was used."
        )
    return factor, keyword


def _from_distances(attributes: Attributes) -> tuple[float, str] | None:
    for keyword in ("DistanceSourceToIsocenter", "DistanceSourceToPatient"):
        ratios = _ratios(attributes, keyword)
        if not ratios:
            continue
        name = f"{DETECTOR_DISTANCE} / {keyword}"
        if max(ratios) > min(ratios) * (1 + CHANGE):
            attributes.parts.note(
                f"{name} changes over the frames, from {min(ratios):.4g} to "
                f"{max(ratios):.4g}; the median was used."
            )
        factor = _plausible(attributes, float(np.median(ratios)), name)
        if factor is not None:
            return factor, f"({name})"
    return None


def _ratios(attributes: Attributes, keyword: str) -> list[float]:
    """Return the distance of the detector over another one, of the compared frames."""
    items: list[Dataset | None] = [None]
    if DETECTOR_DISTANCE not in attributes.dataset:
        count = len(attributes.groups)
        items = [*attributes.groups.sampled("XRayGeometrySequence", count)] or items
    found = []
    for item in items:
        detector = attributes.number(DETECTOR_DISTANCE, item)
        patient = attributes.number(keyword, item)
        if detector and patient and detector > 0 and patient > 0:
            found.append(detector / patient)
    return found


def _plausible(attributes: Attributes, factor: float | None, name: str) -> float | None:
    if factor is None:
        return None
    if LEAST_MAGNIFICATION <= factor <= MOST_MAGNIFICATION:
        return factor
    attributes.parts.note(
        f"{name} is {factor:g}, which is not plausible for an X-ray system (from "
        f"{LEAST_MAGNIFICATION:g} to {MOST_MAGNIFICATION:g}); it was ignored."
    )
    return None


def _over_frames(attributes: Attributes, keyword: str, macro: str) -> Pair | None:
    """Return a pair of values; the median if it changes over the frames."""
    items = attributes.groups.sampled(macro, len(attributes.groups))
    pairs = [pair for item in items if (pair := _pair(attributes, keyword, item))]
    if len(pairs) < 2:
        return _pair(attributes, keyword)
    values = np.asarray(pairs)
    least, median, most = (f(values, axis=0) for f in (np.min, np.median, np.max))
    if np.any(most > least * (1 + CHANGE)):
        attributes.parts.note(
            f"{keyword} changes over the frames, from {least[0]:.4g} to {most[0]:.4g} "
            "mm; the median was used."
        )
    return float(median[0]), float(median[1])


def _pair(
    attributes: Attributes, keyword: str, holder: Dataset | None = None
) -> Pair | None:
    both = attributes.numbers(keyword, holder)
    if not both:
        return None
    if len(both) == 2 and min(both) > 0:
        return both[0], both[1]
    attributes.parts.note(
        f"{keyword} is not a pair of positive lengths; it was ignored."
    )
    return None


def _aspect(attributes: Attributes) -> float:
    """Return height over width of a pixel, from the ratio or the detector's spacing."""
    ratio = _pair(attributes, "PixelAspectRatio")
    pair = ratio or _pair(attributes, "ImagerPixelSpacing")
    pair = pair or _pair(attributes, "PixelSpacing")
    aspect = pair[0] / pair[1] if pair else 1.0
    if not LEAST_ASPECT <= aspect <= MOST_ASPECT:
        attributes.parts.note(
            f"Pixels would be {aspect:.3g} times as high as wide; this was ignored."
        )
        return 1.0
    if abs(aspect - 1) > CHANGE:
        attributes.parts.note(f"Pixels are {aspect:.3g} times as high as wide.")
    return aspect
