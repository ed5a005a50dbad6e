"""Find the frame of a loop that each frame of a segmentation object belongs to."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset

from napari_motionseg.errors import LabelError, PartialReadWarning, ReadError
from napari_motionseg.io.damage import DAMAGE
from napari_motionseg.io.dicom_source import DicomSource
from napari_motionseg.io.dicom_values import values_of

SHARED, PER_FRAME = (
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
# a small file may refer from each of its frames to all of a loop's
MOST_PLACED = 200_000
# limit for one frame; a list of all frames of a loop is shorter
MOST_REFERENCES = 100_000


@dataclass(frozen=True)
class Placed:
    """A frame of a segmentation and its place in the loop.

    Parameters
    ----------
    index
        Index of the frame in the segmentation.
    segment
        Number of the segment that it shows; None in a label map.
    t
        Index of the loop's frame.
    """

    index: int
    segment: int | None
    t: int


def place_frames(
    path: Path, data: Dataset, source: DicomSource, count: int
) -> list[Placed]:
    """Return the places of a segmentation's frames in a loop.

    Parameters
    ----------
    path
        Path of the segmentation, for messages.
    data
        Attributes of the segmentation.
    source
        DICOM objects that the loop was read from.
    count
        Number of frames of the segmentation.

    Raises
    ------
    LabelError
        If the segmentation refers to other images than the loop.
    ReadError
        If the segmentation does not say which images its frames belong to.

    Warns
    -----
    PartialReadWarning
        If some frames belong to other images, and are left out.
    """
    groups = items_of(data, PER_FRAME)
    if len(groups) != count:
        raise ReadError(
            f"{path}: describes {len(groups)} frames (PerFrameFunctionalGroups) and "
            f"counts {count} (NumberOfFrames); it cannot be known what they show"
        )
    shared = items_of(data, SHARED)[:1]
    known = _Loop(source)
    placed: list[Placed] = []
    lost: list[int] = []
    needed: dict[str, None] = {}
    for index, group in enumerate(groups):
        segment = _segment_of([group, *shared])
        references = _references([group, *shared])
        if not references:
            references = _only_frame(path, data, known, index)
        times = known.places(references)
        if not times:
            lost.append(index)
            needed.update(dict.fromkeys(uid for uid, _ in references))
        placed += [Placed(index, segment, t) for t in times]
        if len(placed) > MOST_PLACED:
            raise ReadError(
                f"{path}: its frames refer to more than {MOST_PLACED} frames of the "
                "loop in all; no segmentation needs that many"
            )
    _report(path, data, lost, list(needed), count)
    return placed


class _Loop:
    """The frames of a loop by their place in its objects."""

    def __init__(self, source: DicomSource) -> None:
        self.count = len(source.frames)
        self._places: dict[str, dict[int | None, int]] = {}
        for t, frame in enumerate(source.frames):
            self._places.setdefault(frame.sop_instance, {})[frame.number] = t

    def places(self, references: Sequence[tuple[str, tuple[int, ...]]]) -> list[int]:
        """Return indices of the frames that are referred to and are in the loop."""
        found: dict[int, None] = {}
        for uid, numbers in references:
            frames = self._places.get(uid, {})
            if not numbers:  # PS3.3 10.3: the reference is to all frames
                found.update(dict.fromkeys(frames.values()))
                continue
            for number in numbers:
                # an object of one frame may be given its number all the same
                t = frames.get(number, frames.get(None) if number == 1 else None)
                if t is not None:
                    found[t] = None
        return list(found)

    def knows(self, uid: str) -> bool:
        """Return whether the loop has frames in an object."""
        return uid in self._places


def items_of(data: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence; nothing if it is absent or damaged."""
    try:
        found = data.get(keyword)
        items = [] if found is None else list(found)
    except DAMAGE:
        return []
    return items if all(isinstance(item, Dataset) for item in items) else []


def integers_of(data: Dataset, keyword: str) -> tuple[int, ...]:
    """Return the integers of an attribute; nothing if a value is not an integer."""
    try:
        return tuple(int(value) for value in values_of(data, keyword))
    except (TypeError, ValueError, OverflowError):
        return ()


def text_of(data: Dataset, keyword: str) -> str:
    """Return the first value of an attribute as text without padding."""
    return next((str(value).strip(" \0") for value in values_of(data, keyword)), "")


def _segment_of(groups: Sequence[Dataset]) -> int | None:
    for group in groups:
        for item in items_of(group, "SegmentIdentificationSequence")[:1]:
            return next(iter(integers_of(item, "ReferencedSegmentNumber")), None)
    return None


def _references(groups: Sequence[Dataset]) -> list[tuple[str, tuple[int, ...]]]:
    """Return UID and frame numbers of the images that a frame was derived from."""
    found = []
    for image in _source_images(groups):
        uid = text_of(image, "ReferencedSOPInstanceUID")
        numbers = integers_of(image, "ReferencedFrameNumber")
        if uid:
            found.append((uid, numbers[:MOST_REFERENCES]))
    return found


def _source_images(groups: Sequence[Dataset]) -> Iterator[Dataset]:
    for group in groups:
        derivations = items_of(group, "DerivationImageSequence")
        for derivation in derivations:
            yield from items_of(derivation, "SourceImageSequence")
        if derivations:
            return


def _only_frame(
    path: Path, data: Dataset, loop: _Loop, index: int
) -> list[tuple[str, tuple[int, ...]]]:
    """Return the reference of the whole object if it refers to one frame only."""
    whole = [uid for uid in referenced_uids(data) if loop.knows(uid)]
    if loop.count == 1 and whole:
        return [(whole[0], ())]
    raise ReadError(
        f"{path}: does not say which image its frame {index + 1} was derived from "
        "(DerivationImageSequence), so that it cannot be laid on a loop; write it "
        "again with a program that keeps the references"
    )


def referenced_uids(data: Dataset) -> list[str]:
    """Return the SOP Instance UIDs that the segmentation refers to."""
    images = items_of(data, "SourceImageSequence")
    for series in items_of(data, "ReferencedSeriesSequence"):
        images += items_of(series, "ReferencedInstanceSequence")
    found = (text_of(image, "ReferencedSOPInstanceUID") for image in images)
    return list(dict.fromkeys(uid for uid in found if uid))


def _report(
    path: Path, data: Dataset, lost: Sequence[int], needed: Sequence[str], count: int
) -> None:
    if not lost:
        return
    series = [
        text_of(item, "SeriesInstanceUID")
        for item in items_of(data, "ReferencedSeriesSequence")
    ]
    where = f" of series {series[0]}" if series and series[0] else ""
    more = f" and {len(needed) - 1} others" if len(needed) > 1 else ""
    if len(lost) == count:
        raise LabelError(
            f"{path}: is the segmentation of other images; open the loop whose SOP "
            f"Instance UID is {needed[0]}{more}{where}, or frames that this one has"
        )
    warnings.warn(
        f"{path}: {len(lost)} of {count} frames belong to images that are not in this "
        f"loop (SOP Instance UID {needed[0]}{more}), and were left out",
        PartialReadWarning,
        stacklevel=4,
    )


def segment_labels(data: Dataset) -> Mapping[int, Any]:
    """Return the items of the Segment Sequence by segment number."""
    found: dict[int, Any] = {}
    for item in items_of(data, "SegmentSequence"):
        for number in integers_of(item, "SegmentNumber")[:1]:
            found.setdefault(number, item)
    return found
