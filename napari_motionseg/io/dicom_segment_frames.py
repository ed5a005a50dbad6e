"""Find the frames of a DICOM Segmentation that show the segments of a loop's frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import UID

from napari_motionseg.cine import Cine
from napari_motionseg.io.damage import damage_named, pydicom_quiet
from napari_motionseg.io.dicom_header import read_header
from napari_motionseg.io.dicom_seg_references import Placed, integers_of, place_frames
from napari_motionseg.io.dicom_source import read_source, required_uid
from napari_motionseg.io.sop_classes import is_segmentation_data


@dataclass(frozen=True)
class SegmentFrame:
    """A frame of a segmentation that shows one segment.

    Parameters
    ----------
    sop_class, sop_instance
        UIDs of the segmentation.
    number
        Number of the frame in the segmentation, from 1.
    segment
        Number of the segment.
    shared
        Whether the frame shows other segments too, as that of a label map does.
    """

    sop_class: UID
    sop_instance: UID
    number: int
    segment: int
    shared: bool


@dataclass(frozen=True, eq=False)
class SegmentFrames:
    """The frames of a segmentation by the frames of the loop.

    Parameters
    ----------
    sop_class, sop_instance, series
        UIDs of the segmentation.
    placed
        Frames of the segmentation and the frames of the loop that they belong to.
    """

    sop_class: UID
    sop_instance: UID
    series: UID
    placed: tuple[Placed, ...]

    def of_frame(self, t: int, segment: int = 1) -> SegmentFrame | None:
        """Return the frame that shows a segment of a frame, or None if there is none.

        Parameters
        ----------
        t
            Index of the loop's frame.
        segment
            Number of the segment; a label map has all segments in one frame.
        """
        for one in self.placed:
            if one.t == t and one.segment in (segment, None):
                uids = self.sop_class, self.sop_instance
                shared = one.segment is None
                return SegmentFrame(*uids, one.index + 1, segment, shared)
        return None


def read_segment_frames(path: str | Path, cine: Cine) -> SegmentFrames | None:
    """Read which frames of a segmentation belong to which frames of a loop.

    Parameters
    ----------
    path
        Path of a file with masks.
    cine
        The loop.

    Returns
    -------
    SegmentFrames or None
        None if the file is no DICOM Segmentation.

    Raises
    ------
    ReadError
        If the segmentation cannot be read.
    LabelError
        If the segmentation belongs to another loop.
    """
    from napari_motionseg.io.dicom_seg_reader import is_segmentation

    path = Path(path)
    if not is_segmentation(path):
        return None
    source = read_source(cine)
    with pydicom_quiet(), damage_named(path, "file"):
        data = read_header(path).dataset
        if not is_segmentation_data(data):
            return None
        count = next(iter(integers_of(data, "NumberOfFrames")), 1)
        placed = place_frames(path, data, source, count)
        return SegmentFrames(
            required_uid(data, "SOPClassUID", path),
            required_uid(data, "SOPInstanceUID", path),
            required_uid(data, "SeriesInstanceUID", path),
            tuple(placed),
        )
