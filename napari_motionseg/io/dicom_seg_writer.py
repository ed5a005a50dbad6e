"""Write masks of a loop as a DICOM Segmentation object (PS3.3 A.51 and A.97).

X-ray projections have no frame of reference. Only the references in each frame's
Derivation Image Sequence tie a mask to its frame; no geometry is invented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    RLELossless,
    SegmentationStorage,
)

from napari_motionseg.cine import Cine
from napari_motionseg.errors import SettingsError, WriteError
from napari_motionseg.io.atomic import require_file_target
from napari_motionseg.io.damage import pydicom_quiet
from napari_motionseg.io.dicom_seg_frames import (
    LARGEST_CLASS,
    SegmentationPixels,
    SegmentationType,
)
from napari_motionseg.io.dicom_seg_groups import add_functional_groups, add_orientation
from napari_motionseg.io.dicom_source import DicomSource, frame_numbers, read_source
from napari_motionseg.io.dicom_study import (
    DISCLAIMER,
    Identifiers,
    add_equipment,
    file_meta,
    referenced_instances,
    save_dataset,
    study_of,
)
from napari_motionseg.io.program_marks import MARK
from napari_motionseg.io.segment_codes import (
    SEGMENT_KINDS,
    Segment,
    cielab,
    code_item,
    segments_of,
)
from napari_motionseg.io.sop_classes import LABEL_MAP_STORAGE
from napari_motionseg.version import __version__

AlgorithmType = Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]
SERIES_NUMBER = 9000  # devices count their series from 1, so this number is free


@dataclass(frozen=True)
class Algorithm:
    """Origin of the masks of a segmentation.

    Parameters
    ----------
    type
        ``AUTOMATIC``: by a network alone; ``SEMIAUTOMATIC``: by a network that was
        trained on a user's strokes, or corrected; ``MANUAL``: painted by a user.
    name
        Name of the network, such as its file name.
    weights
        SHA-256 of the weights in hexadecimal digits; empty if unknown.
    parameters
        Settings that the masks depend on, as text.
    """

    type: AlgorithmType = "MANUAL"
    name: str = ""
    weights: str = ""
    parameters: str = ""


@dataclass(frozen=True)
class SegmentationSettings:
    """Options for writing a segmentation object.

    Parameters
    ----------
    kind
        Type of the object: ``BINARY``, which all viewers can read; ``LABELMAP``, which
        is smaller and newer; ``FRACTIONAL``, which stores probabilities.
    compressed
        Whether to compress without loss: BINARY as a deflated file, the others by RLE.
    names
        Names of classes 1, 2, ..., as in `segment_codes.segments_of`.
    colors
        Colors of classes 1, 2, ... as ``#rrggbb``, as in `segment_codes.segments_of`.
    algorithm
        Origin of the masks.
    deterministic
        Whether UIDs and dates depend on source and masks alone, so that the same call
        writes the same bytes. Else UIDs are random, and the date is today's.
    oriented
        Whether to say that rows run along x and columns along y, which a projection
        cannot know. OHIF and cornerstone3D show no segmentation without it.
    """

    kind: SegmentationType = "BINARY"
    compressed: bool = False
    names: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()
    algorithm: Algorithm = Algorithm()
    deterministic: bool = False
    oriented: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(SegmentationType):
            raise SettingsError(
                f"a segmentation is BINARY, LABELMAP or FRACTIONAL, not {self.kind!r}"
            )


def write_segmentation(
    path: str | Path,
    cine: Cine,
    masks: ArrayLike,
    *,
    labelled: ArrayLike | None = None,
    fractions: Mapping[int, ArrayLike] | None = None,
    settings: SegmentationSettings | None = None,
) -> None:
    """Write masks as a DICOM Segmentation of the study that the loop belongs to.

    Patient and study attributes are copied from the loop's file into the object.

    Parameters
    ----------
    path
        Path of the file to write.
    cine
        The loop; it must have been read from DICOM files that still exist.
    masks
        ``(T, H, W)`` class numbers from 0 to 255, 0 = background.
    labelled
        ``(T,)`` bool, True for frames that were segmented; None for all.
    fractions
        Probabilities ``(T, H, W)`` in [0, 1] by class number, for FRACTIONAL; None
        to store the masks as probabilities 0 and 1.
    settings
        Options of the object; None for the defaults.

    Raises
    ------
    ReadError
        If the loop has no DICOM file, or the file is missing, was changed, or lacks
        UIDs.
    WriteError
        If the masks do not fit the loop, mark frames that its header does not count,
        or cannot be written.
    """
    chosen = settings or SegmentationSettings()
    require_file_target(path)
    pixels = _checked(path, cine, masks, labelled, fractions or {}, chosen)
    source = read_source(cine)
    _require_counted_frames(path, source, pixels)
    with pydicom_quiet():
        data = compose_segmentation(source, pixels, chosen)
        save_dataset(path, data)


def compose_segmentation(
    source: DicomSource, pixels: SegmentationPixels, settings: SegmentationSettings
) -> Dataset:
    """Return the attributes of a segmentation object.

    Parameters
    ----------
    source
        DICOM objects that the loop was read from.
    pixels
        Class numbers and probabilities to store.
    settings
        Options of the object.
    """
    made = Identifiers.random()
    segments = segments_of(pixels.highest, settings.names, settings.colors)
    if settings.deterministic:
        described = f"{segments} {settings} {__version__}"
        content = f"{pixels.content_hash()} {described}"
        made = Identifiers.from_content(source, content)
    data = study_of(source)
    add_equipment(data, source, settings.algorithm.weights[:16] or __version__)
    _add_series(data, source, made)
    _add_segments(data, segments, pixels, settings.algorithm)
    add_functional_groups(data, source, pixels, made.uid("dimensions"))
    if settings.oriented:
        add_orientation(data)
    _add_pixels(data, pixels, settings.compressed)
    return data


def _checked(
    path: str | Path,
    cine: Cine,
    masks: ArrayLike,
    labelled: ArrayLike | None,
    fractions: Mapping[int, ArrayLike],
    settings: SegmentationSettings,
) -> SegmentationPixels:
    classes = np.asarray(masks)
    if classes.dtype.kind not in "bui" or classes.shape != cine.shape:
        raise WriteError(
            f"{path}: masks are integers of the loop's shape {cine.shape}; got "
            f"{classes.dtype} of shape {classes.shape}"
        )
    low, high = int(classes.min()), int(classes.max())
    if low < 0 or high > LARGEST_CLASS:
        raise WriteError(f"{path}: classes must be 0 to 255; got {low} to {high}")
    chosen = np.ones(len(cine), bool) if labelled is None else np.asarray(labelled)
    if chosen.shape != (len(cine),):
        raise WriteError(
            f"{path}: labelled has shape {chosen.shape} for {len(cine)} frames"
        )
    if not chosen.any():
        raise WriteError(f"{path}: no frame is labelled; there is nothing to write")
    known: dict[int, NDArray[Any]] = {}
    if settings.kind == "FRACTIONAL":
        given = fractions or {k: classes == k for k in range(1, max(1, high) + 1)}
        known = {k: _checked_fraction(path, k, v, cine) for k, v in given.items()}
    return SegmentationPixels(
        settings.kind, classes.astype(np.uint8), chosen.astype(bool), known
    )


def _checked_fraction(
    path: str | Path, number: int, values: ArrayLike, cine: Cine
) -> NDArray[Any]:
    fraction = np.asarray(values)
    if fraction.shape != cine.shape or not 1 <= number <= LARGEST_CLASS:
        raise WriteError(
            f"{path}: the probabilities of class {number} have shape "
            f"{fraction.shape}; classes are 1 to 255 and the loop is {cine.shape}"
        )
    if not (np.isfinite(fraction).all() and 0 <= fraction.min() <= fraction.max() <= 1):
        raise WriteError(
            f"{path}: the probabilities of class {number} must be 0 to 1; got "
            f"{fraction.min():g} to {fraction.max():g}"
        )
    return fraction


def _require_counted_frames(
    path: str | Path, source: DicomSource, pixels: SegmentationPixels
) -> None:
    beyond = [int(t) for t in np.flatnonzero(pixels.labelled) if t >= source.promised]
    if beyond:
        raise WriteError(
            f"{path}: NumberOfFrames of the loop's file is {source.promised}, so that "
            f"no system would find the frames {frame_numbers(beyond)}; leave them out, "
            "or have the file repaired"
        )


def _add_series(data: Dataset, source: DicomSource, made: Identifiers) -> None:
    data.Modality = "SEG"
    data.SOPInstanceUID = made.uid("instance")
    data.SeriesInstanceUID = made.uid("series")
    data.SeriesNumber = SERIES_NUMBER
    data.SeriesDescription = f"{MARK} masks, {DISCLAIMER}"
    data.InstanceNumber = 1
    data.SeriesDate, data.SeriesTime = made.made
    data.ContentDate, data.ContentTime = made.made
    data.ContentLabel = "SEGMENTATION"
    data.ContentDescription = f"Masks of a cine loop, {DISCLAIMER}"
    data.ContentCreatorName = ""
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.PatientOrientation = ""
    data.BurnedInAnnotation = "NO"
    referenced = Dataset()
    referenced.SeriesInstanceUID = source.series
    referenced.ReferencedInstanceSequence = referenced_instances(source)
    data.ReferencedSeriesSequence = [referenced]


def _add_segments(
    data: Dataset,
    segments: Sequence[Segment],
    pixels: SegmentationPixels,
    algorithm: Algorithm,
) -> None:
    labelmap = pixels.kind == "LABELMAP"
    data.SOPClassUID = LABEL_MAP_STORAGE if labelmap else SegmentationStorage
    data.SegmentationType = pixels.kind
    items = [_segment_item(segment, algorithm) for segment in segments]
    if labelmap:
        background = Segment(0, "background", SEGMENT_KINDS["background"])
        items.insert(0, _segment_item(background, algorithm))
    else:
        data.SegmentsOverlap = "NO" if pixels.kind == "BINARY" else "UNDEFINED"
    if pixels.kind == "FRACTIONAL":
        data.SegmentationFractionalType = "PROBABILITY"
        data.MaximumFractionalValue = 255
    data.SegmentSequence = items


def _segment_item(segment: Segment, algorithm: Algorithm) -> Dataset:
    item = Dataset()
    item.SegmentNumber = segment.number
    item.SegmentLabel = segment.label
    item.SegmentedPropertyCategoryCodeSequence = [code_item(*segment.kind.category)]
    item.SegmentedPropertyTypeCodeSequence = [code_item(*segment.kind.type)]
    item.RecommendedDisplayCIELabValue = cielab(segment.kind.color)
    item.SegmentAlgorithmType = algorithm.type
    if algorithm.type == "MANUAL":
        return item
    name = f"{MARK} {algorithm.name}".strip()
    item.SegmentAlgorithmName = name[:64]
    said = Dataset()
    said.AlgorithmFamilyCodeSequence = [code_item("DCM", "ArtificialIntelligence")]
    said.AlgorithmName = name[:64]
    said.AlgorithmVersion = __version__
    weights = f"weights SHA-256 {algorithm.weights}" if algorithm.weights else ""
    words = "; ".join(part for part in (weights, algorithm.parameters) if part)
    if words:
        said.AlgorithmParameters = words
    item.SegmentationAlgorithmIdentificationSequence = [said]
    return item


def _add_pixels(data: Dataset, pixels: SegmentationPixels, compressed: bool) -> None:
    binary = pixels.kind == "BINARY"
    bits = 1 if binary else 8
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.NumberOfFrames = len(pixels.frames)
    data.Rows, data.Columns = pixels.classes.shape[1:]
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit = bits - 1
    data.PixelRepresentation = 0
    if "LossyImageCompression" not in data:
        data.LossyImageCompression = "00"
    syntax: UID = ExplicitVRLittleEndian
    if compressed:
        # PS3.5 8.2.2: RLE is not for pixels of one bit
        syntax = DeflatedExplicitVRLittleEndian if binary else RLELossless
    data.file_meta = file_meta(data.SOPClassUID, data.SOPInstanceUID, syntax)
    if syntax == RLELossless:
        data.PixelData = encapsulate(pixels.run_length_encoded())
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
    else:
        data.PixelData = pixels.native()
        data["PixelData"].VR = "OB"
