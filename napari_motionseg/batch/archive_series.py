"""Take series of a DICOMweb archive as places of a batch."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from napari_motionseg.cine import Cine
from napari_motionseg.errors import ReadError, SettingsError
from napari_motionseg.io import read_cines
from napari_motionseg.io.archive_address import archive_settings
from napari_motionseg.io.archive_client import open_archive
from napari_motionseg.io.archive_retrieval import retrieve_job
from napari_motionseg.io.archive_search import (
    MODALITIES,
    FoundSeries,
    Wanted,
    find_series,
)
from napari_motionseg.io.temporary import temporary_folder
from napari_motionseg.jobs import run

SCHEMES = ("http://", "https://")
FILTERS = ("patient", "date", "modality", "study", "series")


@dataclass(frozen=True)
class SeriesPlace:
    """A series of an archive, whose objects one task retrieves and reads.

    Parameters
    ----------
    address
        Root of the DICOMweb service.
    series
        The series.
    """

    address: str
    series: FoundSeries

    @property
    def path(self) -> str:
        """Address of the series."""
        one = self.series
        return f"{self.address}/studies/{one.study}/series/{one.series}"

    @property
    def key(self) -> str:
        """SHA-256 of the series' address, as hexadecimal digits."""
        return hashlib.sha256(self.path.encode()).hexdigest()

    def stamp(self) -> str:
        """Return a digest of the number of objects that the archive has promised."""
        text = f"{self.path}\n{self.series.instances}"
        return hashlib.sha256(text.encode()).hexdigest()

    @contextmanager
    def loops(self) -> Iterator[list[Cine]]:
        """Retrieve the series, yield its loops, and remove its files.

        Raises
        ------
        ArchiveError
            If the archive refuses, stays silent, or sends something else.
        ReadError
            If the series has no loop.
        """
        with (
            temporary_folder(tempfile.gettempdir()) as room,
            open_archive(archive_settings(self.address)) as archive,
        ):
            (found,) = run(retrieve_job(archive, [self.series], room))
            if not found.files:
                raise ReadError(f"{self.path}: the archive has no object of it")
            yield read_cines(room / self.series.series)


def is_query(path: str | Path) -> bool:
    """Return whether a path is the address of an archive.

    Parameters
    ----------
    path
        A path, or an address as a text.
    """
    return isinstance(path, str) and path.lower().startswith(SCHEMES)


def series_of(query: str) -> Iterator[SeriesPlace]:
    """Yield the series that a query finds.

    Parameters
    ----------
    query
        Address of a DICOMweb service with filters, such as
        ``https://archive.example/dicom-web?modality=XA&date=2026-01-01:2026-06-30``.

    Raises
    ------
    SettingsError
        If there is another filter than patient, date, modality, study and series, or
        the address cannot be used.
    ArchiveError
        If the archive cannot be asked.
    """
    parts = urlsplit(query)
    filters = parse_qsl(parts.query, keep_blank_values=True)
    unknown = [name for name, _ in filters if name not in FILTERS]
    if unknown:
        raise SettingsError(
            f"{unknown[0]}: is no filter of an archive; take {', '.join(FILTERS)}"
        )
    given = dict(filters)
    modalities = tuple(value for name, value in filters if name == "modality")
    wanted = Wanted(
        given.get("patient", ""), given.get("date", ""), modalities or MODALITIES,
        given.get("study", ""), given.get("series", ""),
    )  # fmt: skip
    address = urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))
    settings = archive_settings(address)
    with open_archive(settings) as archive:
        found = find_series(archive, wanted)
    for one in found:
        yield SeriesPlace(settings.address, one)
