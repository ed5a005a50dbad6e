"""Hold the archive of a window, and make the jobs that search it, open and send."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_documents_path

from napari_motionseg.environment import chosen_archive
from napari_motionseg.io.archive_address import (
    ArchiveSettings,
    Credentials,
    archive_settings,
    checked_address,
)
from napari_motionseg.io.archive_client import open_archive
from napari_motionseg.io.archive_retrieval import Retrieved, retrieve_job
from napari_motionseg.io.archive_search import FoundSeries, Wanted, find_series
from napari_motionseg.io.archive_storage import Stored, store_job
from napari_motionseg.jobs import Job, Progress

FOLDER = "MotionSeg loops"
# less than of a command: a window that is closed waits for the request that runs
ANSWER_S, RETRIES = 15.0, 1


def _usual_folder() -> Path:
    return user_documents_path() / FOLDER


@dataclass
class ArchiveState:
    """The archive that the docks of a viewer search and send to.

    Nothing of it is saved with a project.

    Parameters
    ----------
    address
        Root of the DICOMweb service as the user has typed it; empty for none.
    credentials
        How the user has signed in to that address in this window; None to look in the
        environment and the keyring.
    folder
        Folder that loops are kept in.
    """

    address: str = field(default_factory=chosen_archive)
    credentials: Credentials | None = field(default=None, repr=False)
    folder: Path = field(default_factory=_usual_folder)

    def turn_to(self, address: str) -> None:
        """Use another archive, which does not get the password of the last one.

        Parameters
        ----------
        address
            Root of the DICOMweb service as typed.
        """
        if address.strip().rstrip("/") != self.address.strip().rstrip("/"):
            self.credentials = None
        self.address = address

    def settings(self) -> ArchiveSettings:
        """Return how the archive is asked.

        Raises
        ------
        SettingsError
            If the address cannot be used.
        """
        checked_address(self.address)
        found = archive_settings(self.address, credentials=self.credentials)
        return dataclasses.replace(found, answer_s=ANSWER_S, retries=RETRIES)


def search_job(settings: ArchiveSettings, wanted: Wanted) -> Job[list[FoundSeries]]:
    """Search an archive.

    Parameters
    ----------
    settings
        How the archive is asked.
    wanted
        Filters of the search.

    Yields
    ------
    Progress
        Before the search.
    """
    yield Progress(0, 0, settings.address)
    with open_archive(settings) as archive:
        return find_series(archive, wanted)


def opening_job(
    settings: ArchiveSettings, series: Sequence[FoundSeries], folder: Path
) -> Job[list[Retrieved]]:
    """Retrieve series into a folder; see `retrieve_job`.

    Parameters
    ----------
    settings
        How the archive is asked.
    series
        Series to retrieve.
    folder
        Folder for their files.
    """
    with open_archive(settings) as archive:
        return (yield from retrieve_job(archive, series, folder))


def sending_job(
    settings: ArchiveSettings, write: Callable[[Path], Job[Any]]
) -> Job[Stored]:
    """Write a DICOM object into a temporary file and send it to an archive.

    Parameters
    ----------
    settings
        How the archive is asked.
    write
        Function of a path that returns the job that writes the object there.
    """
    with (
        tempfile.TemporaryDirectory(prefix="motionseg-") as folder,
        open_archive(settings) as archive,
    ):
        path = Path(folder) / "object.dcm"
        yield from write(path)
        (stored,) = yield from store_job(archive, [path])
        return stored
