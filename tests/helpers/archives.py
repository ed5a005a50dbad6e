"""A connection to a `WebArchive` that does not wait long."""

from napari_motionseg.io.archive_address import ArchiveSettings
from napari_motionseg.io.archive_client import open_archive

QUICK = {"connect_s": 1.0, "answer_s": 1.0, "retries": 2, "backoff_s": 0.01}


def connected(web, **settings):
    """A connection, to be used in a with statement."""
    return open_archive(ArchiveSettings(web.address, **QUICK | settings))
