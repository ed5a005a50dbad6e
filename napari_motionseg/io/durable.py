"""Wait until the disk has something: a power cut loses what was not flushed.

The content of a file is durable after ``fsync`` of the file, its name after ``fsync``
of the folder that holds it (POSIX). A new folder is a name in another one.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def flush_file(path: Path) -> None:
    """Wait until a file's content is on the disk.

    Parameters
    ----------
    path
        Path of a regular file that can be written.

    Raises
    ------
    OSError
        If the disk refuses. A disk that is full may say so only here.
    """
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can.

    Parameters
    ----------
    folder
        Path of the folder. Names in its subfolders are not waited for.
    """
    if sys.platform == "win32":
        return
    with suppress(OSError):  # some file systems cannot; the file itself is safe
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def flush_tree(folder: Path) -> None:
    """Wait until all files of a folder, and all names below it, are on the disk.

    Parameters
    ----------
    folder
        Path of the folder. Links in it are not followed.

    Raises
    ------
    OSError
        If the disk refuses a file.
    """
    for root, _, files in os.walk(folder):
        for name in files:
            if not (Path(root) / name).is_symlink():
                flush_file(Path(root) / name)
        flush_folder(Path(root))


def make_folders(folder: Path) -> None:
    """Make a folder, and those that are missing on the way to it, for good.

    Parameters
    ----------
    folder
        Path of the folder; it may be there already.

    Raises
    ------
    OSError
        If a folder cannot be made, or something else is in its place.
    """
    missing = []
    place = folder
    while not place.exists() and place != place.parent:
        missing.append(place)
        place = place.parent
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        flush_folder(made.parent)
