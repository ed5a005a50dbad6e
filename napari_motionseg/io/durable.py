"""Flush files and folders to the disk, so that a power cut loses nothing.

The content of a file is safe after ``fsync`` of the file, and its name after ``fsync``
of the folder that holds it (POSIX). A new folder is a name in its parent folder.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def flush_file(path: Path) -> None:
    """Wait until the content of a file is on the disk.

    Parameters
    ----------
    path
        Path of a regular, writable file.

    Raises
    ------
    OSError
        If the disk reports an error. A full disk may report it only here.
    """
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, if the system supports it.

    Parameters
    ----------
    folder
        Path of the folder. Names in its subfolders are not flushed.
    """
    if sys.platform == "win32":
        return
    with suppress(OSError):  # some file systems cannot flush folders; the file is safe
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def flush_tree(folder: Path) -> None:
    """Wait until all files and all names in and below a folder are on the disk.

    Parameters
    ----------
    folder
        Path of the folder. Links in it are not followed.

    Raises
    ------
    OSError
        If the disk reports an error for a file.
    """
    for root, _, files in os.walk(folder):
        for name in files:
            if not (Path(root) / name).is_symlink():
                flush_file(Path(root) / name)
        flush_folder(Path(root))


def make_folders(folder: Path) -> None:
    """Create a folder and its missing parents, and flush their names to the disk.

    Parameters
    ----------
    folder
        Path of the folder, which may exist already.

    Raises
    ------
    OSError
        If a folder cannot be created, or a file is in its place.
    """
    missing = []
    place = folder
    while not place.exists() and place != place.parent:
        missing.append(place)
        place = place.parent
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        flush_folder(made.parent)
