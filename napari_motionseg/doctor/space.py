"""Say how much memory and disk are free, and whether the cache can be written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from napari_motionseg.doctor.findings import Finding, without_user
from napari_motionseg.environment import CACHE
from napari_motionseg.io.cache_folder import cache_folder

GIBIBYTE = 2**30
LEAST_MEMORY, LEAST_DISK = GIBIBYTE, GIBIBYTE  # a loop, a network and their results


def space_findings() -> Iterator[Finding]:
    """Yield free memory, free disk, and the state of the cache."""
    yield _memory()
    yield disk_finding("temporary files", Path(tempfile.gettempdir()))
    folder = cache_folder()
    if folder is None:
        yield Finding("cache", f"off ({CACHE})")
        return
    yield cache_finding(folder)
    yield disk_finding("disk of the cache", nearest_folder(folder))


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    free, total = memory.available / GIBIBYTE, memory.total / GIBIBYTE
    words = f"{free:.1f} of {total:.1f} GiB free"
    if memory.available < LEAST_MEMORY:
        return Finding("memory", words, "note", "close other programs before training")
    return Finding("memory", words)


def disk_finding(name: str, folder: Path) -> Finding:
    """Return the free space of the disk of a folder that exists."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return Finding(name, without_user(str(error)), "broken", "make the folder")
    words = (
        f"{usage.free / GIBIBYTE:.1f} of {usage.total / GIBIBYTE:.1f} GiB free at "
        f"{without_user(str(folder))}"
    )
    if usage.free < LEAST_DISK:
        return Finding(name, words, "note", "free some space")
    return Finding(name, words)


def cache_finding(folder: Path) -> Finding:
    """Return where the cache is, its size, and whether it can be written.

    Parameters
    ----------
    folder
        Path of the cache, which need not exist yet. Nothing is made.
    """
    shown = without_user(str(folder))
    nearest = nearest_folder(folder)
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Finding(
            "cache", f"{shown} cannot be written", "note",
            f"set {CACHE} to a folder of yours, or to off",
        )  # fmt: skip
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Finding("cache", f"{shown}, {size / GIBIBYTE:.2f} GiB")


def nearest_folder(folder: Path) -> Path:
    """Return the folder itself or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
