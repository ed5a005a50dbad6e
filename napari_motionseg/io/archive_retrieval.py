"""Retrieve loops from a DICOMweb archive into files (WADO-RS, PS3.18 10.4).

An object gets its name only when it is complete. What is complete already is not sent
again, so that the same call goes on where an earlier one has ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_motionseg.errors import ArchiveError, OccupiedError, ReadError
from napari_motionseg.io.archive_client import Archive
from napari_motionseg.io.archive_search import (
    FoundInstance,
    FoundSeries,
    find_instances,
)
from napari_motionseg.io.arriving_frames import ArrivingFrames
from napari_motionseg.io.atomic import disk_errors, place_file
from napari_motionseg.io.dicom_header import is_dicom, read_header
from napari_motionseg.io.multipart_stream import (
    CutShortError,
    MultipartError,
    object_bytes,
)
from napari_motionseg.io.temporary import temporary_folder
from napari_motionseg.jobs import STOP, Job, Progress

ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@dataclass(frozen=True)
class Retrieved:
    """Files of a series that were retrieved.

    Parameters
    ----------
    series
        The series that the objects belong to.
    files
        Paths of its objects, in the order of the archive.
    new
        Number of them that were sent now; the others were there.
    """

    series: FoundSeries
    files: tuple[Path, ...]
    new: int


@dataclass(frozen=True)
class _Place:
    """An object and the file that it gets."""

    series: FoundSeries
    instance: FoundInstance
    path: Path

    @property
    def url(self) -> str:
        """The object's place below the root of the service."""
        return (
            f"/studies/{self.series.study}/series/{self.series.series}"
            f"/instances/{self.instance.sop_instance}"
        )


def retrieve_job(
    archive: Archive, wanted: Sequence[FoundSeries], folder: str | Path
) -> Job[list[Retrieved]]:
    """Retrieve all objects of some series, each into a file of its own.

    The files are ``folder/SERIES/OBJECT.dcm``, named after the UIDs.

    Parameters
    ----------
    archive
        The archive.
    wanted
        Series that `find_series` has found.
    folder
        Folder for the files.

    Yields
    ------
    Progress
        As frames arrive; `step` and `total` count frames, and `preview` is the newest
        frame as gray values ``(H, W)``, or None.

    Returns
    -------
    list of Retrieved
        What each series consists of now; after `STOP`, as far as it is complete.

    Raises
    ------
    ArchiveError
        If the archive refuses, stays silent, or sends something else. Objects that were
        complete by then are kept.
    OccupiedError
        If another file has the name of an object.
    WriteError
        If a file cannot be written.
    """
    places: list[_Place] = []
    for number, series in enumerate(wanted):
        yield Progress(0, 0, f"series {number + 1} of {len(wanted)}")
        home = Path(folder) / series.series
        places += [
            _Place(series, one, home / f"{one.sop_instance}.dcm")
            for one in find_instances(archive, series)
        ]
    total = sum(place.instance.frames for place in places)
    done, new, before = [], set(), 0
    for number, place in enumerate(places):
        words = f"object {number + 1} of {len(places)}"
        signal = yield Progress(before, total, words)
        if signal == STOP:
            break
        if not _is_there(place):
            yield from _retrieve(archive, place, Progress(before, total, words))
            new.add(place)
        done.append(place)
        before += place.instance.frames
    yield Progress(before, total, f"{len(new)} of {len(places)} objects were sent")
    return [_retrieved(series, done, new) for series in wanted]


def _retrieved(
    series: FoundSeries, done: Sequence[_Place], new: set[_Place]
) -> Retrieved:
    ours = [place for place in done if place.series == series]
    return Retrieved(
        series, tuple(place.path for place in ours), sum(x in new for x in ours)
    )


def _is_there(place: _Place) -> bool:
    """Return whether the file of an object exists already.

    Raises
    ------
    OccupiedError
        If a file of its name holds something else.
    """
    if not place.path.exists():
        return False
    try:
        _require_object(place.path, place.instance.sop_instance)
    except ReadError as error:
        raise OccupiedError(
            f"{place.path}: is in the way, and is not what the archive has; move it, "
            "or choose another folder"
        ) from error
    return True


def _require_object(path: Path, uid: str) -> None:
    """Raise a ReadError if a file is not the DICOM object of a UID."""
    if not is_dicom(path):
        raise ReadError(f"{path}: is not a DICOM object")
    found = str(read_header(path).dataset.get("SOPInstanceUID", ""))
    if found != uid:
        raise ReadError(f"{path}: is the object {found}, not {uid}")


def _retrieve(archive: Archive, place: _Place, before: Progress) -> Job[None]:
    """Retrieve one object; ask again if the answer breaks off."""
    settings = archive.settings
    for attempt in range(settings.retries + 1):
        try:
            yield from _one_try(archive, place, before)
            return
        except (MultipartError, ArchiveError) as error:
            reason = _reason(archive, place, error)
            if attempt == settings.retries or not _may_repeat(error):
                raise reason from error
        words = f"{before.message}: broke off, asking again"
        yield Progress(before.step, before.total, words)
        time.sleep(settings.backoff_s * 2**attempt)


def _may_repeat(error: Exception) -> bool:
    from napari_motionseg.io.archive_failures import BrokenAnswerError

    return isinstance(error, (CutShortError, BrokenAnswerError))


def _reason(archive: Archive, place: _Place, error: Exception) -> ArchiveError:
    if isinstance(error, ArchiveError):
        return error
    return ArchiveError(
        f"{archive.settings.address}: {error}, for the object "
        f"{place.instance.sop_instance}"
    )


def _one_try(archive: Archive, place: _Place, before: Progress) -> Job[None]:
    folder, name = place.path.parent, place.path.name
    with disk_errors(place.path), temporary_folder(folder) as room:
        path = room / name
        frames = 0
        arriving = ArrivingFrames(path)
        for _ in _written(archive, place, path):
            seen = arriving.look()
            if seen is None:
                continue
            frames = min(seen.frames, place.instance.frames)
            words = f"{before.message}, frame {frames} of {place.instance.frames}"
            yield Progress(
                before.step + frames, before.total, words, preview=seen.newest
            )
        try:
            _require_object(path, place.instance.sop_instance)
        except ReadError as error:
            raise ArchiveError(
                f"{archive.settings.address}: sent something else than the object "
                f"{place.instance.sop_instance} ({str(error).partition(': ')[2]})"
            ) from error
        place_file(path, place.path, only_new=True)


def _written(archive: Archive, place: _Place, path: Path) -> Iterator[int]:
    """Write an object into a file while it arrives; yield the number of bytes."""
    from napari_motionseg.io.archive_session import pieces_of

    with archive.stream(place.url, ACCEPT) as response, path.open("wb") as file:
        kind = response.headers.get("Content-Type", "")
        for piece in object_bytes(kind, pieces_of(response)):
            file.write(piece)
            file.flush()
            yield file.tell()
