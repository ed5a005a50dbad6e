"""Tell how far a batch is."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from napari_motionseg.batch.places import Part
from napari_motionseg.batch.records import DONE, FAILED, BatchFolder
from napari_motionseg.errors import ReadError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.durable import make_folders
from napari_motionseg.io.json_files import read_json
from napari_motionseg.text import as_json

PARTS, MOST_BYTES = "parts", 2**16


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
