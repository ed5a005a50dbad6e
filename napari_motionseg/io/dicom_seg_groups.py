"""Add dimensions and functional groups, which say what each frame shows."""

from __future__ import annotations

from pydicom import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID

from napari_motionseg.io.dicom_seg_frames import SegmentationPixels
from napari_motionseg.io.dicom_source import DicomSource, FrameReference
from napari_motionseg.io.dicom_study import referenced_instances
from napari_motionseg.io.segment_codes import code_item


def add_functional_groups(
    data: Dataset, source: DicomSource, pixels: SegmentationPixels, dimensions: UID
) -> None:
    """Add dimensions, source images, and the groups of each frame.

    Parameters
    ----------
    data
        Attributes of the segmentation.
    source
        Objects of the loop.
    pixels
        Contents of the segmentation.
    dimensions
        UID of the organization of its dimensions.

    Notes
    -----
    Dimensions are the segment, except in a label map, and the place of the frame in
    time. Values are ranks from 1 without gaps (PS3.3 C.7.6.17). TemporalPositionIndex
    must agree with them. Only the reference gives a frame's number in the loop.
    """
    organization = Dataset()
    organization.DimensionOrganizationUID = dimensions
    data.DimensionOrganizationSequence = [organization]
    labelmap = pixels.kind == "LABELMAP"
    data.DimensionIndexSequence = [
        _index(pointer, group, dimensions)
        for pointer, group in (
            ("ReferencedSegmentNumber", "SegmentIdentificationSequence"),
            ("TemporalPositionIndex", "FrameContentSequence"),
        )[labelmap:]
    ]
    data.SharedFunctionalGroupsSequence = [Dataset()]
    data.SourceImageSequence = [
        _with_purpose(item) for item in referenced_instances(source)
    ]
    frames = pixels.frames
    segment_ranks = {k: i + 1 for i, k in enumerate(sorted({k for k, _ in frames}))}
    time_ranks = {t: i + 1 for i, t in enumerate(sorted({t for _, t in frames}))}
    groups = []
    for segment, t in frames:
        ranks = [segment_ranks[segment], time_ranks[t]][labelmap:]
        group = _group(source.frames[t], ranks)
        if not labelmap:
            identified = Dataset()
            identified.ReferencedSegmentNumber = segment
            group.SegmentIdentificationSequence = [identified]
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = groups


def add_orientation(data: Dataset) -> None:
    """Add the orientation that some viewers demand, with no position or frame of it.

    Parameters
    ----------
    data
        Attributes of the segmentation, with its functional groups.
    """
    plane = Dataset()
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    (shared,) = data.SharedFunctionalGroupsSequence
    shared.PlaneOrientationSequence = [plane]


def _index(pointer: str, group: str, dimensions: UID) -> Dataset:
    item = Dataset()
    item.DimensionIndexPointer = Tag(pointer)
    item.FunctionalGroupPointer = Tag(group)
    item.DimensionOrganizationUID = dimensions
    item.DimensionDescriptionLabel = pointer
    return item


def _group(reference: FrameReference, ranks: list[int]) -> Dataset:
    content = Dataset()
    content.TemporalPositionIndex = ranks[-1]
    content.DimensionIndexValues = ranks
    image = Dataset()
    image.ReferencedSOPClassUID = reference.sop_class
    image.ReferencedSOPInstanceUID = reference.sop_instance
    if reference.number is not None:
        image.ReferencedFrameNumber = reference.number
    image.SpatialLocationsPreserved = "YES"
    derivation = Dataset()
    derivation.SourceImageSequence = [_with_purpose(image)]
    derivation.DerivationCodeSequence = [
        code_item("DCM", "SegmentationImageDerivation")
    ]
    group = Dataset()
    group.FrameContentSequence = [content]
    group.DerivationImageSequence = [derivation]
    return group


def _with_purpose(item: Dataset) -> Dataset:
    item.PurposeOfReferenceCodeSequence = [
        code_item("DCM", "SourceImageForImageProcessingOperation")
    ]
    return item
