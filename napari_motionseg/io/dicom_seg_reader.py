"""Read DICOM Segmentation objects of any program as labels of a loop."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from napari_motionseg.cine import Cine
from napari_motionseg.errors import (
    DamagedFrameError,
    LabelError,
    MemoryBudgetError,
    PartialReadWarning,
    ReadError,
)
from napari_motionseg.io.damage import damage_named, pydicom_quiet
from napari_motionseg.io.dicom_header import MEMORY_BUDGET, Header, read_header
from napari_motionseg.io.dicom_pixels import PixelSource
from napari_motionseg.io.dicom_seg_references import (
    Placed,
    integers_of,
    items_of,
    place_frames,
    segment_labels,
    text_of,
)
from napari_motionseg.io.dicom_source import read_source
from napari_motionseg.io.pixel_format import PixelFormat, pixel_format
from napari_motionseg.io.segment_codes import color_of_cielab, name_of_code
from napari_motionseg.io.sop_classes import is_segmentation_data
from napari_motionseg.text import printable

TYPES = ("BINARY", "FRACTIONAL", "LABELMAP")
LARGEST_SEGMENT = 65535  # segment numbers are unsigned shorts
MOST_SEGMENTS_NAMED = 8
MOST_PADDING_BITS = 15  # a value fills whole words, which tiny frames fit into


@dataclass(frozen=True)
class StoredSegment:
    """A segment that an object describes.

    Parameters
    ----------
    number
        Number of the segment, which becomes the label.
    label
        Name of the segment as displayed.
    color
        Recommended display color as ``#rrggbb``; None if the object has none.
    name
        Code and label, as `segment_codes.segments_of` takes them.
    """

    number: int
    label: str
    color: str | None = None
    name: str = ""


@dataclass(frozen=True, eq=False)
class ReadSegmentation:
    """The contents of a segmentation object, laid on a loop.

    Parameters
    ----------
    labels
        ``(T, H, W)`` unsigned segment numbers; 0 where there is no segment.
    labelled
        ``(T,)`` bool, True for frames of the loop that the object describes.
    segments
        Descriptions of the object's segments, by number.
    kind
        ``BINARY``, ``FRACTIONAL`` or ``LABELMAP``.
    fractions
        ``(T, H, W)`` float16 probabilities in [0, 1] by segment number, if requested.
    """

    labels: NDArray[Any]
    labelled: NDArray[np.bool_]
    segments: tuple[StoredSegment, ...]
    kind: str
    fractions: dict[int, NDArray[np.float16]] = field(default_factory=dict)


def is_segmentation(path: str | Path) -> bool:
    """Return whether a file is a DICOM Segmentation, by its header.

    Parameters
    ----------
    path
        Path of a file. A file that cannot be read as DICOM is not a segmentation.
    """
    try:
        return is_segmentation_data(read_header(path).dataset)
    except ReadError:
        return False


def read_segmentation(
    path: str | Path,
    cine: Cine,
    *,
    segments: Iterable[int] | None = None,
    fractions: bool = False,
    memory_budget: int = MEMORY_BUDGET,
) -> ReadSegmentation:
    """Read a DICOM Segmentation as labels of the loop that it was made from.

    Frames are placed by their references, not by their order. Probabilities of at least
    one half become labels; of several segments, the most probable one is taken.

    Parameters
    ----------
    path
        Path of the segmentation.
    cine
        The loop, read from its DICOM files.
    segments
        Numbers of the segments to read; None reads all.
    fractions
        Whether to keep the probabilities of a FRACTIONAL object too.
    memory_budget
        Bytes that labels and probabilities may take.

    Raises
    ------
    LabelError
        If the object belongs to other images, has another size, or has no such segment.
    ReadError
        If the file is not a segmentation, is damaged, or lacks references to images.
    MemoryBudgetError
        If the result exceeds the budget.

    Warns
    -----
    PartialReadWarning
        If segments overlap (the higher number wins), frames belong to other images, or
        the pixel data hold more frames than the header counts.
    """
    path = Path(path)
    if not cine.files:
        raise LabelError(
            f"{path}: refers to DICOM images by their UIDs, and the loop {cine.name} "
            "was not read from any; open the loop from its DICOM file"
        )
    with damage_named(path, "DICOM Segmentation"), pydicom_quiet():
        header = read_header(path, memory_budget)
        if not is_segmentation_data(header.dataset):
            raise ReadError(
                f"{path}: is a DICOM file, but no Segmentation: its SOP class is "
                f"{text_of(header.dataset, 'SOPClassUID') or 'unknown'}"
            )
        kind = text_of(header.dataset, "SegmentationType").upper()
        if kind not in TYPES:
            raise ReadError(
                f"{path}: SegmentationType is {printable(kind)!r}; "
                f"{', '.join(TYPES)} can be read"
            )
        frames = _open_frames(header, cine)
        count = _counted_frames(path, frames)
        placed = place_frames(path, header.dataset, read_source(cine), count)
        chosen = _chosen(path, header.dataset, placed, kind, segments)
        filling = _Filling(path, cine.shape, kind, header.dataset, chosen)
        if fractions and kind == "FRACTIONAL":
            filling.keep_fractions(memory_budget)
        filling.fill(frames, placed)
        return filling.result(_described(header.dataset, filling.numbers))


def _open_frames(header: Header, cine: Cine) -> PixelSource:
    data = header.dataset
    # values are numbers of segments, whatever they are shown as
    data.PhotometricInterpretation = "MONOCHROME2"
    data.PixelRepresentation, data.SamplesPerPixel = 0, 1
    form = pixel_format(header)
    if (form.rows, form.columns) != cine.shape[1:]:
        rows, columns = cine.shape[1:]
        raise LabelError(
            f"{header.path}: the segmentation has {form.rows} x {form.columns} pixels, "
            f"the loop {rows} x {columns}; one that is made of another size cannot be "
            "laid on it"
        )
    _check_bits(header.path, form)
    return PixelSource(header, form)


def _check_bits(path: Path, form: PixelFormat) -> None:
    if not form.frames:
        raise ReadError(f"{path}: NumberOfFrames is missing or no number")
    if form.bits_allocated not in (1, 8, 16):
        raise ReadError(
            f"{path}: has {form.bits_allocated} bits allocated; segmentations have 1, "
            "8 or 16"
        )


def _counted_frames(path: Path, frames: PixelSource) -> int:
    """Return NumberOfFrames; refuse less pixel data, and tell of more."""
    promised, held = frames.promised, frames.count
    if held < promised:
        raise ReadError(
            f"{path}: counts {promised} frames and holds {held}: the file ends too "
            "early; copy it again"
        )
    if (held - promised) * frames.frame_bits > MOST_PADDING_BITS:
        warnings.warn(
            f"{path}: the pixel data hold {held} frames, the header counts {promised}; "
            "the frames beyond were left out",
            PartialReadWarning,
            stacklevel=3,
        )
    return promised


def _chosen(
    path: Path,
    data: Dataset,
    placed: Sequence[Placed],
    kind: str,
    segments: Iterable[int] | None,
) -> frozenset[int] | None:
    """Return the numbers of segments to read; None for all of a label map."""
    known = set(segment_labels(data)) - {0}
    if kind != "LABELMAP":
        if any(one.segment is None for one in placed):
            raise ReadError(
                f"{path}: a frame does not say which segment it shows "
                "(SegmentIdentificationSequence); write the object again"
            )
        known |= {one.segment for one in placed if one.segment is not None}
        _check_numbers(path, known)
    if segments is None:
        return None if kind == "LABELMAP" else frozenset(known)
    wanted = frozenset(segments)
    if not wanted <= known:
        some = ", ".join(str(k) for k in sorted(known)[:MOST_SEGMENTS_NAMED])
        missing = ", ".join(str(k) for k in sorted(wanted - known))
        raise LabelError(f"{path}: has no segment {missing}; it has {some}")
    return wanted


def _check_numbers(path: Path, numbers: Iterable[int]) -> None:
    wrong = [k for k in numbers if not 1 <= k <= LARGEST_SEGMENT]
    if wrong:
        raise ReadError(
            f"{path}: a frame shows segment {wrong[0]}; segments of this type are "
            f"numbered from 1 to {LARGEST_SEGMENT}"
        )


class _Filling:
    """Labels that are filled frame by frame."""

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        kind: str,
        data: Dataset,
        chosen: frozenset[int] | None,
    ) -> None:
        self._path, self._kind, self._chosen = path, kind, chosen
        wide = kind == "LABELMAP" and data.BitsAllocated > 8
        largest = max(chosen or (0,))
        self._labels = np.zeros(shape, np.uint16 if wide or largest > 255 else np.uint8)
        self._labelled = np.zeros(shape[0], bool)
        self._overlapping = 0
        self._maximum = 1
        if kind == "FRACTIONAL":
            found = integers_of(data, "MaximumFractionalValue")
            self._maximum = next((v for v in found if 0 < v <= 255), 255)
        self._fractions: dict[int, NDArray[np.float16]] = {}
        described = segment_labels(data) if chosen is None else chosen
        self.numbers: set[int] = {k for k in described if k > 0}

    def keep_fractions(self, budget: int) -> None:
        """Make room for probabilities, if they fit."""
        numbers = sorted(self._chosen or ())
        needed = 2 * len(numbers) * self._labels.size
        if needed > budget:
            raise MemoryBudgetError(
                f"{self._path}: the probabilities of {len(numbers)} segments take "
                f"{needed / 2**30:.3g} GiB; the memory budget is "
                f"{budget / 2**30:.3g} GiB. Read fewer segments at once"
            )
        shape = self._labels.shape
        self._fractions = {k: np.zeros(shape, np.float16) for k in numbers}

    def fill(self, frames: PixelSource, placed: Sequence[Placed]) -> None:
        """Decode each frame once for each place, a frame of the loop at a time."""
        by_time: dict[int, list[Placed]] = {}
        for one in placed:
            by_time.setdefault(one.t, []).append(one)
        for t, group in sorted(by_time.items()):
            self._labelled[t] = True
            best = np.zeros(self._labels.shape[1:], np.uint8)
            # sorted by number: the result must not depend on the order in the file
            for one in sorted(group, key=lambda p: (p.segment or 0, p.index)):
                pixels = _decoded(self._path, frames, one.index)
                if self._kind == "LABELMAP":
                    self._lay_map(t, pixels)
                elif self._chosen is None or one.segment in self._chosen:
                    self._lay_segment(t, one.segment or 0, pixels, best)
        if self._overlapping:
            warnings.warn(
                f"{self._path}: segments overlap on {self._overlapping} pixels, and a "
                "pixel has one label: the segment of the higher number was taken. Read "
                "segments one by one to have each whole",
                PartialReadWarning,
                stacklevel=4,
            )

    def _lay_map(self, t: int, pixels: NDArray[Any]) -> None:
        kept = pixels
        if self._chosen is not None:
            kept = np.where(np.isin(pixels, list(self._chosen)), pixels, 0)
        self.numbers |= {int(k) for k in np.unique(kept) if k}
        self._labels[t] = kept

    def _lay_segment(
        self, t: int, segment: int, pixels: NDArray[Any], best: NDArray[Any]
    ) -> None:
        labels = self._labels[t]
        if self._kind == "BINARY":
            inside = pixels > 0
            others = inside & (labels != 0) & (labels != segment)
            self._overlapping += int(np.count_nonzero(others))
            labels[inside] = segment
            return
        if segment in self._fractions:
            fraction = pixels.astype(np.float32) / self._maximum
            self._fractions[segment][t] = np.minimum(fraction, 1.0)
        likelier = (2 * pixels.astype(np.int32) >= self._maximum) & (pixels > best)
        labels[likelier] = segment
        best[likelier] = pixels[likelier]

    def result(self, segments: tuple[StoredSegment, ...]) -> ReadSegmentation:
        """Return the filled labels and probabilities."""
        return ReadSegmentation(
            self._labels, self._labelled, segments, self._kind, self._fractions
        )


def _decoded(path: Path, frames: PixelSource, index: int) -> NDArray[Any]:
    try:
        return frames(index)
    except DamagedFrameError as error:
        raise ReadError(
            f"{path}: frame {index + 1} of the segmentation is damaged, so that it is "
            f"not whole ({error}); export it from its archive again"
        ) from error


def _described(data: Dataset, numbers: Iterable[int]) -> tuple[StoredSegment, ...]:
    items = segment_labels(data)
    found = []
    for number in sorted(numbers):
        item = items.get(number, Dataset())
        label = printable(text_of(item, "SegmentLabel")) or f"segment {number}"
        lab = integers_of(item, "RecommendedDisplayCIELabValue")
        color = color_of_cielab(lab) if len(lab) == 3 else None
        found.append(StoredSegment(number, label, color, _name(item, label)))
    return tuple(found)


def _name(item: Dataset, label: str) -> str:
    code = next(iter(items_of(item, "SegmentedPropertyTypeCodeSequence")), Dataset())
    scheme, value = text_of(code, "CodingSchemeDesignator"), text_of(code, "CodeValue")
    return name_of_code(scheme, value, label)
