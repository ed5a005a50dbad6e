"""Which files of a project hold its labels: the newest blocks, the journals after."""

from __future__ import annotations

from pathlib import Path

from napari_motionseg.errors import ReadError
from napari_motionseg.project.journal import Record, parse

LABELS = "labels"
BLOCKS, JOURNAL = ".blocks", ".journal"


def label_files(folder: Path) -> list[Path]:
    """Return blocks and journals, the oldest first, blocks after their journal."""
    files = [
        file
        for file in (folder / LABELS).glob("[0-9]*")
        if file.suffix in (BLOCKS, JOURNAL) and file.stem.isdigit()
    ]
    return sorted(files, key=lambda file: (int(file.stem), file.suffix != JOURNAL))


def current_files(folder: Path, upto: int | None) -> list[Path]:
    """Return the files that count, up to a number: the newest blocks, what follows."""
    files = [f for f in label_files(folder) if upto is None or int(f.stem) <= upto]
    blocks = [index for index, file in enumerate(files) if file.suffix == BLOCKS]
    return files[blocks[-1] :] if blocks else files


def read_records(files: list[Path]) -> tuple[dict[int, list[Record]], int]:
    """Return the records by layer, and how many bytes were none."""
    by_layer: dict[int, list[Record]] = {}
    lost = 0
    for file in files:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ReadError(f"{file}: cannot be read ({error.strerror})") from error
        lost += len(content)
        for record in parse(content):
            lost -= record.size
            by_layer.setdefault(record.layer, []).append(record)
    return by_layer, lost
