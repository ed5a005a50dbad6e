"""Send DICOM files to a DICOMweb archive (STOW-RS, PS3.18 10.5)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread

from napari_motionseg.errors import ArchiveError, MotionSegError, ReadError
from napari_motionseg.io.archive_client import Archive
from napari_motionseg.io.damage import damage_named, pydicom_quiet
from napari_motionseg.io.dicom_header import is_dicom
from napari_motionseg.io.regular_files import open_regular
from napari_motionseg.jobs import Job, Progress

# PS3.18 table I.2-2; the last digits of some codes are the archive's own
REASONS = {
    0x0110: "it could not process the object",
    0x0122: "it does not take objects of this class",
    0x0124: "it does not permit this to you",
    0x0212: "it is being changed elsewhere",
    0x0131: "it demands another class",
}
RANGES = {0xA7: "it has no room left", 0xA9: "the object contradicts its class",
          0xC0: "it does not understand the object", 0xC1: "it does not accept the "
          "object", 0xC4: "it does not accept the object"}  # fmt: skip
UNIQUE = "SOPInstanceUID"


@dataclass(frozen=True)
class Stored:
    """A file that an archive has taken.

    Parameters
    ----------
    path
        Path of the file.
    study, series, instance
        UIDs of the object.
    """

    path: Path
    study: str
    series: str
    instance: str


def store_job(archive: Archive, paths: Sequence[str | Path]) -> Job[list[Stored]]:
    """Send files to an archive, one request for each, and make sure that it has them.

    Parameters
    ----------
    archive
        The archive.
    paths
        Paths of DICOM files.

    Yields
    ------
    Progress
        Before each file.

    Returns
    -------
    list of Stored
        What was sent.

    Raises
    ------
    ReadError
        If a path is no DICOM object; files before it have been sent.
    ArchiveError
        If the archive refuses an object, or does not list it afterwards.
    """
    done: list[Stored] = []
    for number, path in enumerate(map(Path, paths)):
        words = f"file {number + 1} of {len(paths)}"
        yield Progress(number, len(paths), words)
        done.append(_store(archive, path))
    yield Progress(len(paths), len(paths), f"{len(paths)} files are stored")
    return done


def _store(archive: Archive, path: Path) -> Stored:
    data = _read(path)
    uids = [str(data.get(name, "")) for name in
            ("StudyInstanceUID", "SeriesInstanceUID", UNIQUE)]  # fmt: skip
    if not all(uids):
        raise ReadError(f"{path}: lacks the UIDs by which an archive files it")
    sent = Stored(path, *uids)
    try:
        with archive.failures(), pydicom_quiet():
            answer = archive.client.store_instances([data])
    except ArchiveError as error:
        refused = _answer_of(error)
        if refused is None:
            raise
        answer = refused
    except (ValueError, TypeError, KeyError, AttributeError, SyntaxError) as error:
        raise ArchiveError(
            f"{archive.settings.address}: its answer to {path.name} cannot be read "
            f"({type(error).__name__}); search for the object to see whether it is "
            "there"
        ) from error
    _require_taken(archive, sent, answer)
    return sent


def _read(path: Path) -> Dataset:
    with damage_named(path, "DICOM file"), pydicom_quiet():
        open_regular(path).close()
        if not is_dicom(path):
            raise ReadError(f"{path}: is no DICOM file, and archives take no others")
        return dcmread(path)


def _answer_of(error: ArchiveError) -> Dataset | None:
    """Return what an archive says of the objects that it has refused, if anything."""
    response: Any = getattr(error.__cause__, "response", None)
    if response is None or response.status_code not in (400, 409):
        return None
    with suppress(Exception):  # whatever stands there, the status is told
        answer = Dataset.from_json(response.json())
        return answer if "FailedSOPSequence" in answer else None
    return None


def _require_taken(archive: Archive, sent: Stored, answer: Dataset) -> None:
    address = archive.settings.address
    for item in answer.get("FailedSOPSequence") or ():
        code = int(item.get("FailureReason") or 0)
        known = REASONS.get(code) or RANGES.get(code >> 8) or "it gives no known reason"
        raise ArchiveError(
            f"{address}: did not store {sent.path.name}: {known} ({code:04X}H)"
        )
    taken = answer.get("ReferencedSOPSequence") or ()
    if any(x.get("ReferencedSOPInstanceUID") == sent.instance for x in taken):
        return
    try:
        with archive.failures():
            listed = archive.client.search_for_instances(
                sent.study, sent.series, search_filters={UNIQUE: sent.instance}
            )
    except MotionSegError:
        listed = []
    if not listed:
        raise ArchiveError(
            f"{address}: answered, but does not list {sent.path.name} afterwards; ask "
            "who administers it whether it may store objects"
        )
