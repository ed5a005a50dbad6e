"""Environment variables: device, model, cache, archive and scheduler of the user.

napari's preferences of the plugin set the same variables; child processes inherit them.
"""

from __future__ import annotations

import os

CACHE = "MOTIONSEG_CACHE"  # see `io.cache_folder`
DEVICE = "MOTIONSEG_DEVICE"
MEMORY = "MOTIONSEG_MEMORY"  # GiB; see `io.memory_budget`
MODEL = "MOTIONSEG_MODEL"
SCHEDULER = "MOTIONSEG_SCHEDULER"  # address of a Dask scheduler for jobs
ARCHIVE = "MOTIONSEG_DICOMWEB"  # address of a DICOMweb archive
ARCHIVE_CA = "MOTIONSEG_DICOMWEB_CA"  # file of the certificates that it is checked by
ARCHIVE_HTTP = "MOTIONSEG_DICOMWEB_HTTP"  # "allow": also without encryption
ARCHIVE_USER = "MOTIONSEG_DICOMWEB_USER"
ARCHIVE_PASSWORD = "MOTIONSEG_DICOMWEB_PASSWORD"
ARCHIVE_TOKEN = "MOTIONSEG_DICOMWEB_TOKEN"


def chosen_device() -> str:
    """Return the name of the device that the user prefers, or ``"auto"``."""
    return os.environ.get(DEVICE, "").strip() or "auto"


def chosen_model() -> str | None:
    """Return the checkpoint that the user prefers, or None for what ships."""
    return os.environ.get(MODEL, "").strip() or None


def chosen_archive() -> str:
    """Return the address of the archive that the user prefers, or an empty text."""
    return os.environ.get(ARCHIVE, "").strip()


def chosen_scheduler() -> str:
    """Return the address of the scheduler that jobs run on; empty for this computer."""
    return os.environ.get(SCHEDULER, "").strip()
