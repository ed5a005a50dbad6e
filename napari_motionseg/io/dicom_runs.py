"""Sort the single-frame files of a series into loops, and order their frames.

A series may hold two planes of a biplane system, several runs whose instance numbers
start again, a localizer of another size, and the same file twice. Each loop gets the
frames of one plane, one size and one run.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from napari_motionseg.cine.acquisition import View
from napari_motionseg.io.dicom import OpenedFile
from napari_motionseg.io.dicom_geometry import view
from napari_motionseg.io.dicom_moments import SOURCES, passed_midnight
from napari_motionseg.io.dicom_values import Attributes, values_of
from napari_motionseg.io.image_names import natural
from napari_motionseg.io.optional_parts import OptionalParts
from napari_motionseg.io.regular_files import open_regular

PLANES = ("BIPLANE A", "BIPLANE B")
LOCALIZER = "LOCALIZER"
# The two planes of a biplane system look from clearly different directions. On a moving
# arm, successive frames differ by a few degrees and no view occurs twice.
PLANES_APART = 10.0
NEARLY = 5.0  # degrees within which the angles of one plane vary
BLOCK_BYTES = 2**20
FEWEST = 2  # frames that are needed for a loop of their own within a series


@dataclass(frozen=True)
class Single:
    """A file of one frame, with the attributes that decide which loop it belongs to.

    Parameters
    ----------
    file
        The opened file.
    number
        InstanceNumber, or None if it is missing.
    acquisition
        AcquisitionNumber, or None if it is missing.
    microseconds
        Time of acquisition, from one date or time attribute that all files have.
    plane
        Plane of a biplane system: ``BIPLANE A``, ``BIPLANE B`` or empty.
    angles
        Angles of the C-arm, or None if they are missing.
    localizer
        Whether ImageType calls the frame a localizer.
    """

    file: OpenedFile
    number: float | None
    acquisition: float | None
    microseconds: int | None
    plane: str
    angles: View | None
    localizer: bool

    @property
    def name(self) -> str:
        """Name of the file, without its folder."""
        return self.file.header.path.name


@dataclass(frozen=True)
class Runs:
    """The loops of a series, and the files that belong to none.

    Parameters
    ----------
    loops
        Files of each loop, in the order of their frames.
    left_out
        Files that belong to no loop, each with the reason for it.
    """

    loops: list[list[OpenedFile]]
    left_out: list[tuple[OpenedFile, str]]


def _singles(files: Sequence[OpenedFile]) -> list[Single]:
    """Read the attributes that decide which loop each file belongs to."""
    headers = [
        Attributes(file.header.dataset, OptionalParts(file.header.path))
        for file in files
    ]
    moments = _moments(headers)
    return [
        _single(file, header, moment)
        for file, header, moment in zip(files, headers, moments, strict=True)
    ]


def _moments(headers: Sequence[Attributes]) -> Sequence[int | None]:
    """Return the files' times from the first source that distinguishes them."""
    complete: Sequence[int | None] = [None] * len(headers)
    for _, read in SOURCES:
        found: Sequence[int | None] = [read(header) for header in headers]
        known = [one for one in found if one is not None]
        if len(known) < len(found):
            continue
        found = passed_midnight(known)
        if len(set(found)) == len(found):
            return found
        complete = complete if complete[0] is not None else found
    return complete


def _single(file: OpenedFile, header: Attributes, moment: int | None) -> Single:
    kinds = {word.upper() for word in header.texts("ImageType")}
    return Single(
        file=file,
        number=header.number("InstanceNumber"),
        acquisition=header.number("AcquisitionNumber"),
        microseconds=moment,
        plane=next((plane for plane in PLANES if plane in kinds), ""),
        angles=view(header),
        localizer=LOCALIZER in kinds,
    )


def runs(files: Sequence[OpenedFile]) -> Runs:
    """Sort the single-frame files of a series into loops.

    Parameters
    ----------
    files
        Opened files of one series, one frame each, in any order.
    """
    left_out: list[tuple[OpenedFile, str]] = []
    frames = _without_copies(_singles(files), left_out)
    if not all(frame.localizer for frame in frames):
        for frame in frames:
            if frame.localizer:
                left_out.append((frame.file, "it is a localizer"))
        frames = [frame for frame in frames if not frame.localizer]
    loops = []
    for plane in _by_angles(_split(frames, lambda frame: frame.plane)):
        for size in _by_form(plane, left_out):
            loops += _by_run(size)
    return Runs([[frame.file for frame in loop] for loop in loops], left_out)


def _split(
    frames: Iterable[Single], key: Callable[[Single], Hashable]
) -> list[list[Single]]:
    groups: dict[Hashable, list[Single]] = {}
    for frame in frames:
        groups.setdefault(key(frame), []).append(frame)
    return list(groups.values())


def _without_copies(
    frames: Sequence[Single], left_out: list[tuple[OpenedFile, str]]
) -> list[Single]:
    """Leave out files that repeat the SOP instance of another file byte for byte.

    Some writers give all frames the same SOPInstanceUID, so the pixels are compared
    too.
    """
    kept: list[Single] = []
    for same in _split(frames, _instance):
        seen: dict[bytes, Single] = {}
        for frame in same:
            if len(same) == 1:
                kept.append(frame)
                continue
            first = seen.setdefault(_digest(frame.file), frame)
            if first is frame:
                kept.append(frame)
            else:
                left_out.append((frame.file, f"it is a copy of {first.name}"))
    return kept


def _instance(frame: Single) -> Hashable:
    uid = values_of(frame.file.header.dataset, "SOPInstanceUID")
    return (str(uid[0]), frame.number) if uid else frame.file.header.path


def _digest(file: OpenedFile) -> bytes:
    """Return a hash of the pixel data of a file as they are stored."""
    header = file.header
    if header.inflated is not None:
        return hashlib.sha256(header.inflated).digest()
    digest = hashlib.sha256()
    with open_regular(header.path) as stream:
        stream.seek(header.pixels_at)
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
    return digest.digest()


def _by_angles(planes: list[list[Single]]) -> list[list[Single]]:
    """Divide frames into planes if their views alternate between two directions."""
    divided = []
    for frames in planes:
        groups = _by_view(frames)
        few = 2 <= len(groups) <= len(PLANES)
        full = all(len(group) >= FEWEST for group in groups)
        divided += groups if few and full and _apart(groups) else [frames]
    return divided


def _by_view(frames: list[Single]) -> list[list[Single]]:
    """Group frames whose angles are nearly those of the first frame of their group.

    The search ends at more groups than a biplane system has planes.
    """
    groups: list[list[Single]] = []
    for frame in frames:
        if len(groups) > len(PLANES):
            break
        near = next((one for one in groups if _is_near(one[0], frame)), None)
        if near is None:
            groups.append([frame])
        else:
            near.append(frame)
    return groups


def _is_near(first: Single, second: Single) -> bool:
    one, other = first.angles, second.angles
    if one is None or other is None:
        return one is other
    return (
        abs(one.primary - other.primary) < NEARLY
        and abs(one.secondary - other.secondary) < NEARLY
    )


def _apart(groups: list[list[Single]]) -> bool:
    first, second = (group[0].angles for group in groups)
    if first is None or second is None:
        return False
    return (
        abs(first.primary - second.primary) >= PLANES_APART
        or abs(first.secondary - second.secondary) >= PLANES_APART
    )


def _by_form(
    frames: list[Single], left_out: list[tuple[OpenedFile, str]]
) -> list[list[Single]]:
    """Divide frames by size and depth; a single deviating frame belongs to no loop."""
    groups = _split(frames, _form)
    groups.sort(key=len, reverse=True)
    kept = [groups[0]] if groups else []
    for group in groups[1:]:
        if len(group) >= FEWEST:
            kept.append(group)
            continue
        usual, odd = groups[0][0].file.form, group[0].file.form
        left_out.append(
            (
                group[0].file,
                f"it has {odd.rows} x {odd.columns} pixels of {odd.bits_stored} bits, "
                "but the other frames of the series have another size or type: "
                f"{usual.rows} x {usual.columns} of {usual.bits_stored} bits",
            )
        )
    return kept


def _form(frame: Single) -> Hashable:
    form = frame.file.form
    return form.rows, form.columns, form.dtype.str, form.bits_stored


def _by_run(frames: list[Single]) -> list[list[Single]]:
    """Divide frames by AcquisitionNumber, then where instance numbers start again."""
    groups = _split(frames, lambda frame: frame.acquisition)
    if not all(len(group) >= FEWEST for group in groups):
        groups = [frames]  # a new number for each frame only counts the frames
    groups.sort(key=lambda group: min(map(_moment, group)))
    return [run for group in groups for run in _restarted(group)]


def _restarted(frames: list[Single]) -> list[list[Single]]:
    counted = Counter(frame.number for frame in frames if frame.number is not None)
    if not counted or max(counted.values()) == 1 or len(counted) == 1:
        return [_ordered(frames)]
    if frames[0].microseconds is not None and len(
        {frame.microseconds for frame in frames}
    ) == len(frames):
        cut = _cut_where_numbers_fall(sorted(frames, key=_moment))
        if FEWEST * len(cut) <= len(frames):
            return cut  # else numbers fall nearly always, and time tells no runs
    found: dict[int, list[Single]] = {}
    times_seen: Counter[float | None] = Counter()
    for frame in sorted(frames, key=lambda one: (_moment(one), natural(one.name))):
        found.setdefault(times_seen[frame.number], []).append(frame)
        times_seen[frame.number] += 1
    if any(min(counted) not in (one.number for one in run) for run in found.values()):
        return [_ordered(frames)]  # a number that occurs twice, and no new beginning
    return [_ordered(run) for run in found.values()]


def _ordered(frames: list[Single]) -> list[Single]:
    """Return frames in order of InstanceNumber, or of time if numbers do not tell."""
    numbers = {frame.number for frame in frames}
    numbered = None not in numbers and len(numbers) > 1
    timed = all(frame.microseconds is not None for frame in frames)
    if timed and not numbered:
        return sorted(frames, key=_moment)
    if not numbered:
        by_name = sorted(frames, key=lambda frame: natural(frame.name))
        known = [frame.number for frame in by_name if frame.number is not None]
        if known == sorted(known):  # names are in the order of the numbers that exist
            return by_name
    return sorted(frames, key=_order)


def _cut_where_numbers_fall(frames: list[Single]) -> list[list[Single]]:
    """Divide frames, in order of time, wherever InstanceNumber falls."""
    divided = [[frames[0]]]
    for before, frame in zip(frames, frames[1:], strict=False):
        if (frame.number or 0) < (before.number or 0):
            divided.append([])
        divided[-1].append(frame)
    return divided


def _moment(frame: Single) -> float:
    return float("inf") if frame.microseconds is None else frame.microseconds


def _order(frame: Single) -> tuple[float, float, list[tuple[int, str]]]:
    number = float("inf") if frame.number is None else frame.number
    return number, _moment(frame), natural(frame.name)
