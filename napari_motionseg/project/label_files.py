"""Find the files with a project's labels: newest blocks and later journals."""

from __future__ import annotations

import re
from pathlib import Path

from napari_motionseg.errors import ReadError
from napari_motionseg.io.regular_files import open_regular, read_regular
from napari_motionseg.project.journal import MAGIC, Record, parse

LABELS = "labels"
BLOCKS, JOURNAL = ".blocks", ".journal"
LAST_NUMBER = 10**9 - 1  # largest number of a file, more than any project needs
_NAME = re.compile(r"[0-9]{6,9}\.(blocks|journal)", re.ASCII)


def label_files(folder: Path) -> list[Path]:
    """Return blocks and journals, the oldest first, blocks after their journal."""
    files = [
        file for file in (folder / LABELS).glob("[0-9]*") if _NAME.fullmatch(file.name)
    ]
    return sorted(files, key=lambda file: (int(file.stem), file.suffix != JOURNAL))


def is_own_label_file(file: Path) -> bool:
    """Return whether this program wrote a file, or the file is empty."""
    if not _NAME.fullmatch(file.name):
        return False
    try:
        with open_regular(file, follow_links=False) as opened:
            start = opened.read(len(MAGIC))
    except (ReadError, OSError):
        return False
    return MAGIC.startswith(start)


def next_number(folder: Path) -> int:
    """Return the number of the next journal.

    Raises
    ------
    ReadError
        If the largest number is used up, which no valid project can reach.
    """
    number = max((int(file.stem) for file in label_files(folder)), default=0) + 1
    if number > LAST_NUMBER:
        raise ReadError(
            f"{folder / LABELS}: a file has the number {number - 1}, the largest "
            "possible; the project is damaged"
        )
    return number


def current_files(folder: Path, upto: int | None) -> list[Path]:
    """Return the current files up to a number: newest blocks and later journals."""
    files = [f for f in label_files(folder) if upto is None or int(f.stem) <= upto]
    blocks = [index for index, file in enumerate(files) if file.suffix == BLOCKS]
    return files[blocks[-1] :] if blocks else files


def read_records(
    files: list[Path], memory_budget: int
) -> tuple[dict[int, list[Record]], int]:
    """Return the records of each layer, and the number of invalid bytes.

    Parameters
    ----------
    files
        Paths of blocks and journals, the oldest first.
    memory_budget
        Number of bytes that all files together may have.

    Raises
    ------
    ReadError
        If the files are larger, or one is not a regular file or cannot be read.
    """
    by_layer: dict[int, list[Record]] = {}
    lost, left = 0, memory_budget
    for file in files:
        content = read_regular(file, left, follow_links=False)
        left -= len(content)
        lost += len(content)
        for record in parse(content):
            lost -= record.size
            by_layer.setdefault(record.layer, []).append(record)
    return by_layer, lost
