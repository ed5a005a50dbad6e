"""Search a DICOMweb archive for series of cine loops (QIDO-RS, PS3.18 10.6)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from napari_motionseg.errors import (
    ArchiveError,
    PartialReadWarning,
    SettingsError,
)
from napari_motionseg.io.archive_client import Archive

MODALITIES = ("XA", "XF", "RF", "US")  # of cine loops
MOST_STUDIES, MOST_SERIES, MOST_INSTANCES = 200, 500, 10_000
LARGEST_COUNT = 2**31 - 1  # of an integer string, PS3.5 6.2
UID = re.compile(r"[0-9.]{1,64}")
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")
Row = Mapping[str, Any]
STUDY, SERIES, INSTANCE, CLASS = "0020000D", "0020000E", "00080018", "00080016"
PATIENT = "00100020"
_ESCAPED = re.compile(r"[^\w.~*?-]|[^\x00-\x7f]")  # what a URI cannot hold as it is


@dataclass(frozen=True)
class Wanted:
    """Filters of a search; those that are empty match everything.

    Parameters
    ----------
    patient
        Patient ID; ``*`` stands for any characters; empty for all patients.
    date
        Date of the study: ``2026-11-28`` or ``20261128``; ``FROM:TO``, in which one of
        the two may be left out, for a range; empty for all dates.
    modalities
        Modalities of the series; empty for all of them.
    study, series
        Study and Series Instance UID; empty for all.
    """

    patient: str = field(default="", repr=False)
    date: str = ""
    modalities: tuple[str, ...] = MODALITIES
    study: str = ""
    series: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "date", _range_of(self.date))
        object.__setattr__(
            self, "modalities", tuple(m.strip().upper() for m in self.modalities if m)
        )
        for name in ("study", "series"):
            uid = getattr(self, name)
            if uid and not UID.fullmatch(uid):
                raise SettingsError(f"{name} {uid}: is no UID of digits and dots")


@dataclass(frozen=True)
class FoundSeries:
    """A series of an archive.

    Parameters
    ----------
    study, series
        Study and Series Instance UID.
    modality
        Modality, such as ``XA``.
    date, time
        Date ``20261128`` and time of day ``101112`` of the study; may be empty.
    description
        Description of the series, or else of the study.
    patient_id, patient_name
        Patient; left out of every text.
    instances
        Number of objects that the archive promises; None if it says nothing.
    """

    study: str
    series: str
    modality: str = ""
    date: str = ""
    time: str = ""
    description: str = ""
    patient_id: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    instances: int | None = None


@dataclass(frozen=True)
class FoundInstance:
    """An object of a series.

    Parameters
    ----------
    sop_class, sop_instance
        UIDs of its class and of itself.
    frames
        Number of frames that the archive promises, at least 1.
    """

    sop_class: str
    sop_instance: str
    frames: int = 1


def find_series(archive: Archive, wanted: Wanted) -> list[FoundSeries]:
    """Return the series that match, the newest study first; empty if none does.

    Studies are searched first and their series then, because few archives compare a
    series with attributes of its patient.

    Parameters
    ----------
    archive
        The archive.
    wanted
        What is searched for.

    Raises
    ------
    ArchiveError
        If the archive cannot be asked, or its answer cannot be understood.

    Warns
    -----
    PartialReadWarning
        If there are more matches than can be listed, or a match lacks its UIDs.
    """
    found: dict[str, FoundSeries] = {}
    for study in _studies(archive, wanted):
        uid = _text(study, STUDY)
        for row in _series_rows(archive, uid, wanted):
            one = _series(study, row)
            known = not wanted.modalities or one.modality in wanted.modalities
            if known and one.study == uid:
                found.setdefault(one.series, one)
        if len(found) >= MOST_SERIES:
            _warn_more(archive, MOST_SERIES, "series")
            break
    return sorted(found.values(), key=lambda x: (x.date, x.time), reverse=True)


def probe(archive: Archive) -> None:
    """Ask an archive for one study, to see whether it answers and lets you in.

    Parameters
    ----------
    archive
        The archive.

    Raises
    ------
    ArchiveError
        If it does not answer, or not with a list.
    """
    with archive.failures():
        rows = archive.client.search_for_studies(limit=1)
    _require_rows(archive, rows)


def find_instances(archive: Archive, series: FoundSeries) -> list[FoundInstance]:
    """Return the objects of a series, in the order of the archive.

    Parameters
    ----------
    archive
        The archive.
    series
        A series that `find_series` has found.

    Raises
    ------
    ArchiveError
        If the archive cannot be asked, or lists nothing.

    Warns
    -----
    PartialReadWarning
        If it lists more or fewer objects than it has promised.
    """
    rows = _pages(
        archive,
        lambda **page: archive.client.search_for_instances(
            series.study, series.series, fields=["NumberOfFrames"], **page
        ),
        INSTANCE, MOST_INSTANCES, "objects of a series",
    )  # fmt: skip
    if not rows:
        raise ArchiveError(
            f"{archive.settings.address}: lists no object of the series "
            f"{series.series}; search again, it may have been removed"
        )
    if series.instances not in (None, len(rows)):
        message = (
            f"{archive.settings.address}: promises {series.instances} objects in the "
            f"series {series.series}, but lists {len(rows)}; these are taken"
        )
        warnings.warn(message, PartialReadWarning, stacklevel=2)
    return [
        FoundInstance(
            _text(row, CLASS), _text(row, INSTANCE), _count(row, "00280008") or 1
        )
        for row in rows
    ]


def _studies(archive: Archive, wanted: Wanted) -> list[Row]:
    """Return the studies that match.

    Archives that decode no escaped characters find no patient with a space in the ID.
    They are asked again with a wildcard in its place, and other patients are left out.
    """
    found = _studies_of(archive, wanted, wanted.patient)
    loose = _ESCAPED.sub("?", wanted.patient)
    if found or loose == wanted.patient:
        return found
    return [
        row
        for row in _studies_of(archive, wanted, loose)
        if fnmatchcase(_text(row, PATIENT).casefold(), wanted.patient.casefold())
    ]


def _studies_of(archive: Archive, wanted: Wanted, patient: str) -> list[Row]:
    filters = {"PatientID": patient, "StudyDate": wanted.date,
               "StudyInstanceUID": wanted.study}  # fmt: skip
    given = {name: value for name, value in filters.items() if value}
    found: dict[str, Row] = {}
    for modality in wanted.modalities or ("",):
        asked = {**given, "ModalitiesInStudy": modality} if modality else given
        for row in _pages(
            archive,
            lambda asked=asked, **page: archive.client.search_for_studies(
                search_filters=asked, fields=["StudyDescription"], **page
            ),
            STUDY, MOST_STUDIES, "studies",
        ):  # fmt: skip
            found.setdefault(_text(row, STUDY), row)
    return list(found.values())


def _series_rows(archive: Archive, study: str, wanted: Wanted) -> list[Row]:
    chosen = {"SeriesInstanceUID": wanted.series} if wanted.series else {}
    return _pages(
        archive,
        lambda **page: archive.client.search_for_series(
            study, search_filters=chosen,
            fields=["SeriesDescription", "NumberOfSeriesRelatedInstances"], **page,
        ),
        SERIES, MOST_SERIES, "series",
    )  # fmt: skip


def _pages(
    archive: Archive,
    search: Callable[..., Sequence[Any]],
    key: str,
    most: int,
    what: str,
) -> list[Row]:
    """Return all matches of a search, page by page, each once.

    An archive may send fewer rows than it was asked for, ignore the offset and repeat
    its first page, or send everything at once.
    """
    found: dict[str, Row] = {}
    offset = 0
    while len(found) < most:
        with archive.failures():
            rows = search(limit=archive.settings.page, offset=offset)
        _require_rows(archive, rows)
        good = [row for row in rows if UID.fullmatch(_text(row, key))]
        if len(good) < len(rows):
            message = (
                f"{archive.settings.address}: {len(rows) - len(good)} matches without "
                "a valid UID are left out"
            )
            warnings.warn(message, PartialReadWarning, stacklevel=4)
        new = {_text(row, key): row for row in good if _text(row, key) not in found}
        found |= new
        offset += len(rows)
        if not new:
            return list(found.values())
    _warn_more(archive, most, what)
    return list(found.values())[:most]


def _require_rows(archive: Archive, rows: object) -> None:
    if not isinstance(rows, list) or not all(map(_is_row, rows)):
        raise ArchiveError(
            f"{archive.settings.address}: its answer is no list of matches; is this "
            "the root of a DICOMweb service?"
        )


def _is_row(row: object) -> bool:
    """Return whether something is a data set as DICOM JSON has it."""
    return isinstance(row, dict) and all(isinstance(x, dict) for x in row.values())


def _warn_more(archive: Archive, most: int, what: str) -> None:
    message = (
        f"{archive.settings.address}: the first {most} {what} are listed; search for a "
        "patient or a date to see the others"
    )
    warnings.warn(message, PartialReadWarning, stacklevel=4)


def _series(study: Row, row: Row) -> FoundSeries:
    both = {**study, **row}
    return FoundSeries(
        study=_text(both, STUDY),
        series=_text(row, SERIES),
        modality=_text(row, "00080060"),
        date=_text(both, "00080020"),
        time=_text(both, "00080030").partition(".")[0],
        description=_text(row, "0008103E") or _text(study, "00081030"),
        patient_id=_text(both, PATIENT),
        patient_name=_text(both, "00100010"),
        instances=_count(row, "00201209"),
    )


def _text(row: Row, tag: str) -> str:
    """Return the first value of an attribute in DICOM JSON (PS3.18 F.2) as text."""
    element = row.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    first = values[0] if isinstance(values, list) and values else None
    if isinstance(first, dict):  # a name of a person
        first = first.get("Alphabetic")
    return "" if first is None else str(first).strip()


def _count(row: Row, tag: str) -> int | None:
    text = _text(row, tag)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
    return number if 0 <= number <= LARGEST_COUNT else None


def _range_of(text: str) -> str:
    """Return a date or a range of dates as QIDO-RS writes it.

    Raises
    ------
    SettingsError
        If it is none.
    """
    words = text.strip()
    separator = ":" if ":" in words else "-"
    if not words or _DAY.fullmatch(words):
        return _day(words, text)
    begin, found, end = words.partition(separator)
    if not found or not (begin or end):
        raise _no_date(text)
    return f"{_day(begin, text)}-{_day(end, text)}"


def _day(words: str, text: str) -> str:
    if not words.strip():
        return ""
    found = _DAY.fullmatch(words.strip())
    if found is None:
        raise _no_date(text)
    try:
        return datetime.strptime("".join(found.groups()), "%Y%m%d").strftime("%Y%m%d")
    except ValueError as error:
        raise _no_date(text) from error


def _no_date(text: str) -> SettingsError:
    return SettingsError(
        f"date {text}: give a day such as 2026-11-28, or a range such as "
        "2026-11-01:2026-11-28"
    )
