"""Tell how far a batch is, and make a table of its loops."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from napari_motionseg.batch.places import Part
from napari_motionseg.batch.records import DONE, FAILED, BatchFolder, Record
from napari_motionseg.errors import ReadError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.durable import make_folders
from napari_motionseg.io.json_files import read_json
from napari_motionseg.text import as_json

PARTS, MOST_BYTES = "parts", 2**16
HEAD = (
    "path", "state", "reason", "loop", "result", "frames", "rows", "columns",
    "damaged_frames", "spacing_basis", "timing_basis", "strangeness", "strange",
    "fullest_frame", "vessel_area_unit", "vessel_area_largest", "vessel_area_mean",
    "seconds",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run such a text


@dataclass(frozen=True)
class Status:
    """Progress of a batch.

    Parameters
    ----------
    done, working, failed
        Places in each state. Those in work may be of runs that were killed.
    found
        Places of all parts whose listing has ended; None if none has.
    parts_listed, parts
        Number of parts whose listing has ended, and of parts in the newest division.
    seconds
        Mean time of a place in seconds; None if none is done.
    failures
        Path and reason of each failed place.
    """

    done: int = 0
    working: int = 0
    failed: int = 0
    found: int | None = None
    parts_listed: int = 0
    parts: int = 1
    seconds: float | None = None
    failures: tuple[tuple[str, str], ...] = ()

    @property
    def missing(self) -> int | None:
        """Places that are neither done nor failed; None if their number is unknown."""
        if self.found is None:
            return None
        return max(0, self.found - self.done - self.failed)

    @property
    def left_s(self) -> float | None:
        """Seconds that one process still needs; None if that is unknown."""
        missing = self.missing
        return (
            None if missing is None or self.seconds is None else missing * self.seconds
        )


def note_listed(folder: BatchFolder, part: Part, found: int) -> None:
    """Write down how many places a part has.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    path = folder.folder / PARTS / f"{part.number}-of-{part.count}.json"
    make_folders(path.parent)
    with replacing(path) as temporary:
        temporary.write_text(as_json({"found": found}) + "\n", encoding="ascii")


def status(folder: BatchFolder) -> Status:
    """Return how far a batch is; every record is read.

    Parameters
    ----------
    folder
        The output folder.
    """
    counts = {DONE: 0, FAILED: 0}
    working, seconds, failures = 0, [], []
    for record in folder.records():
        if record.state == DONE:
            seconds.append(record.seconds)
        elif record.state == FAILED:
            failures.append((record.path, record.reason))
        else:
            working += 1
        counts[record.state] = counts.get(record.state, 0) + 1
    found, listed, parts = _listed(folder)
    return Status(
        counts[DONE], working, counts[FAILED], found, listed, parts,
        round(fmean(seconds), 2) if seconds else None, tuple(failures),
    )  # fmt: skip


def _listed(folder: BatchFolder) -> tuple[int | None, int, int]:
    """Return places and number of the parts that were listed, and the parts in all.

    Only the division that was written last counts.
    """
    room = folder.folder / PARTS
    files = sorted(room.glob("*-of-*.json"), key=lambda path: path.stat().st_mtime_ns)
    if not files:
        return None, 0, 1
    count = files[-1].stem.rpartition("-")[2]
    alike = [path for path in files if path.stem.endswith(f"-of-{count}")]
    try:
        found = sum(int(read_json(path, MOST_BYTES)["found"]) for path in alike)
        return found, len(alike), int(count)
    except (ReadError, KeyError, TypeError, ValueError):
        return None, 0, 1


def rows(folder: BatchFolder) -> Iterator[dict[str, Any]]:
    """Yield a row for each loop, and for each place that has failed.

    Parameters
    ----------
    folder
        The output folder.
    """
    for record in folder.records():
        if record.state != DONE:
            yield _of_place(replace(record, rows=()))
            continue
        names = [name for name, _, _ in record.results]
        for number, row in enumerate(record.rows):
            area = [float(one) for one in row.get("vessel_area", ())]
            yield {
                **_of_place(record), **row,
                "result": names[number] if number < len(names) else "",
                "vessel_area_largest": max(area, default=0.0),
                "vessel_area_mean": round(fmean(area), 1) if area else 0.0,
            }  # fmt: skip


def _of_place(record: Record) -> dict[str, Any]:
    return {
        "path": record.path, "state": record.state, "reason": record.reason,
        "seconds": record.seconds,
    }  # fmt: skip


def write_table(folder: BatchFolder, path: str | Path) -> int:
    """Write a CSV file with a row for each loop, and return the number of rows.

    It has no attribute of a patient, but the paths of the loops.

    Parameters
    ----------
    folder
        The output folder.
    path
        File to write.

    Raises
    ------
    OccupiedError
        If something at the path must not be replaced.
    WriteError
        If the file cannot be written.
    """
    count = 0
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, HEAD, extrasaction="ignore", restval="")
        table.writeheader()
        for row in rows(folder):
            table.writerow({name: _plain(value) for name, value in row.items()})
            count += 1
    return count


def _plain(value: Any) -> Any:
    """Return a value that a spreadsheet shows and does not run."""
    text = isinstance(value, str) and value.startswith(FORMULA)
    return f"'{value}" if text else value
