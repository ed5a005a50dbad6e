"""Hold the connection to a DICOMweb archive, which searches, retrieves and stores use.

dicomweb-client searches and stores. Objects are retrieved without it, because it keeps
them in memory and does not notice when an answer ends early.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_motionseg.errors import MissingDependencyError
from napari_motionseg.io.archive_address import ArchiveSettings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dicomweb_client import DICOMwebClient
    from requests import Response

LARGEST_REQUEST = 2**31  # bytes that are sent at once, with their length said before


class Archive:
    """A DICOMweb archive.

    Parameters
    ----------
    settings
        Address, credentials and time limits.

    Attributes
    ----------
    client
        The client of dicomweb-client; use it within `failures`.
    """

    def __init__(self, settings: ArchiveSettings) -> None:
        from dicomweb_client import DICOMwebClient

        from napari_motionseg.io.archive_session import ArchiveSession

        self.settings = settings
        self._session = ArchiveSession(settings)
        self._limits = (settings.connect_s, settings.answer_s)
        self.client: DICOMwebClient = DICOMwebClient(
            settings.address, session=self._session, timeout=self._limits,
            chunk_size=LARGEST_REQUEST, permissive_uid=True,
        )  # fmt: skip
        self.client.set_http_retry_params(retry=False)  # the session repeats

    def __repr__(self) -> str:
        """Return the address alone."""
        return f"Archive({self.settings.address})"

    def failures(self) -> AbstractContextManager[None]:
        """Return a context in which failures of requests become `ArchiveError`."""
        from napari_motionseg.io.archive_failures import archive_failures

        return archive_failures(self.settings)

    @contextmanager
    def stream(self, place: str, accept: str) -> Iterator[Response]:
        """Yield the answer to a request, whose content is read piece by piece.

        Parameters
        ----------
        place
            Path below the root of the service.
        accept
            Media type that is asked for.

        Raises
        ------
        ArchiveError
            If the request fails, here or while the content is read.
        """
        with self.failures(), self._session.get(
            self.settings.address + place, headers={"Accept": accept}, stream=True,
            timeout=self._limits,
        ) as response:  # fmt: skip
            response.raise_for_status()
            yield response

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Archive:
        """Return the archive; its connections are closed in the end."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Close the connections."""
        self.close()


def open_archive(settings: ArchiveSettings) -> Archive:
    """Return a connection to an archive; nothing is sent yet.

    Parameters
    ----------
    settings
        Address, credentials and time limits.

    Raises
    ------
    MissingDependencyError
        If dicomweb-client is not installed.
    """
    try:
        return Archive(settings)
    except ImportError as error:
        raise MissingDependencyError(
            "DICOMweb archives need dicomweb-client, which is not installed: "
            "pip install 'napari-motionseg[archive]'"
        ) from error
