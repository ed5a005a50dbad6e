"""Keep a record of each place in the output folder, so that runs can share the work.

The folder holds ``motionseg-batch.json``, which says what all results there have in
common, a record of each place in ``records``, and the results in ``results``. A record
is written before its results are placed, and again afterwards. A run that is killed
therefore leaves no file that no record names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_motionseg.errors import OccupiedError, ReadError, SettingsError
from napari_motionseg.io.atomic import place_file, replacing, require_file_target
from napari_motionseg.io.durable import make_folders
from napari_motionseg.io.json_files import read_json
from napari_motionseg.io.locks import FileLock, NoLocksError, acquire
from napari_motionseg.io.output_folder import safe_stem
from napari_motionseg.io.result_folders import MADE_BY, fingerprint
from napari_motionseg.text import as_json

MANIFEST = "motionseg-batch.json"
RECORDS, RESULTS, LOCKS = "records", "results", "locks"
LOCK_DIGITS = 3  # of the key: 4096 lock files, whatever the number of places
MOST_BYTES = 2**24  # of a record
HASH_DIGITS = 8  # of the place's key in the names of its results
Result = tuple[str, int, str]  # name, size in bytes, SHA-256
WORKING, DONE, FAILED = "working", "done", "failed"


@dataclass(frozen=True)
class Record:
    """The state of a place and its results.

    Parameters
    ----------
    key
        Key of the place; see `Place`.
    path
        Path of the place.
    stamp
        Stamp of its files when it was read.
    state
        ``working``, ``done`` or ``failed``.
    tries
        How often it was begun since its files have changed.
    reason
        Why it failed; empty if it did not.
    again
        Whether a failure may end differently next time.
    results
        Name, size and SHA-256 of each result.
    rows
        Facts of each loop as JSON values.
    seconds
        Time that it took.
    """

    key: str
    path: str
    stamp: str
    state: str = WORKING
    tries: int = 1
    reason: str = ""
    again: bool = True
    results: tuple[Result, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0


@dataclass
class Draft:
    """Results of one place that are being written.

    Parameters
    ----------
    room
        Temporary folder to write to.
    names
        Final names of the results that were written.
    """

    room: Path
    names: list[str] = field(default_factory=list)

    def path(self, stem: str, key: str, tail: str) -> Path:
        """Return a path to write a result to, and take note of its name.

        Parameters
        ----------
        stem
            Name of the loop.
        key
            Key of the place; its first digits tell loops of one name apart.
        tail
            End of the name with the suffix, such as ``_masks.npz``.
        """
        begin = f"{safe_stem(stem)}-{key[:HASH_DIGITS]}"
        name, number = begin + tail, 1
        while name in self.names:  # another loop of the place has the same name
            number += 1
            name = f"{begin}-{number}{tail}"
        self.names.append(name)
        return self.room / name


class BatchFolder:
    """The output folder of an archive's results.

    Parameters
    ----------
    folder
        Path of the folder; it is created if there is none.
    settings
        JSON values that all results depend on: the task, the model's hash, options.
        None opens a folder to look at it.

    Raises
    ------
    SettingsError
        If the folder holds results of other settings, or none at all.
    OccupiedError
        If it is a folder of others.
    """

    def __init__(
        self, folder: str | Path, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.folder = Path(folder)
        manifest = self.folder / MANIFEST
        if not manifest.exists():
            if settings is None:
                raise SettingsError(f"{folder}: holds no {MANIFEST}: no batch ran here")
            self._begin(manifest, settings)
        self.settings = _settings_of(manifest)
        if settings is not None:
            _require_same(self.folder, self.settings, json.loads(as_json(settings)))

    def _begin(self, manifest: Path, settings: Mapping[str, Any]) -> None:
        if os.path.lexists(self.folder) and not self.folder.is_dir():
            raise OccupiedError(f"{self.folder}: is not a folder; choose a new folder")
        if self.folder.exists() and any(self.folder.iterdir()):
            raise OccupiedError(
                f"{self.folder}: has files, and no {MANIFEST}; choose a new folder"
            )
        make_folders(self.folder)
        with replacing(manifest) as temporary:
            text = as_json({"made_by": MADE_BY, "settings": dict(settings)}, indent=1)
            temporary.write_text(text + "\n", encoding="ascii")

    def record(self, key: str) -> Record | None:
        """Return the record of a place; None if there is none that can be read."""
        try:
            found = read_json(self._record_path(key), MOST_BYTES, follow_links=False)
            results = tuple((str(n), int(s), str(h)) for n, s, h in found["results"])
            rows = tuple(dict(row) for row in found["rows"])
            return Record(**{**found, "results": results, "rows": rows})
        except (ReadError, OSError, TypeError, ValueError, KeyError):
            return None

    def records(self) -> Iterator[Record]:
        """Yield all records, by key, without holding them together."""
        root = self.folder / RECORDS
        for shelf in sorted(root.iterdir()) if root.is_dir() else ():
            for path in sorted(shelf.glob("*.json")):
                found = self.record(path.stem)
                if found is not None:
                    yield found

    def write(self, record: Record) -> None:
        """Write a record, in place of an older one.

        Raises
        ------
        WriteError
            If it cannot be written.
        """
        path = self._record_path(record.key)
        make_folders(path.parent)
        with replacing(path) as temporary:
            temporary.write_text(as_json(asdict(record)) + "\n", encoding="ascii")

    def place(self, record: Record, draft: Draft) -> Record:
        """Move the results of a place to their names, and return its record.

        Parameters
        ----------
        record
            Record of the place in work.
        draft
            Its results.

        Raises
        ------
        OccupiedError
            If a file of that name is not a result of the place, or was changed since.
        WriteError
            If a result cannot be placed.
        """
        room = self.folder / RESULTS
        make_folders(room)
        results = tuple((n, *fingerprint(draft.room / n)) for n in draft.names)
        ours = (*record.results, *results)  # a killed run may have placed them already
        for name in draft.names:
            _require_own(room / name, ours)
        self.write(replace(record, results=ours))
        for name in draft.names:
            place_file(draft.room / name, room / name)
        return replace(record, results=results)

    def is_complete(self, record: Record) -> bool:
        """Return whether the results of a record are there, judged by their sizes."""
        room = self.folder / RESULTS
        try:
            return all(
                os.stat(room / n).st_size == size for n, size, _ in record.results
            )
        except OSError:
            return False

    def lock(self, key: str) -> FileLock | None:
        """Take the lock of a place; None if another run works on it.

        Few places share a lock. A place that is refused may be asked for later.

        Raises
        ------
        WriteError
            If the lock file cannot be made.
        """
        room = self.folder / LOCKS
        make_folders(room)
        try:
            return acquire(room / key[:LOCK_DIGITS], patience_s=0)
        except NoLocksError:
            return FileLock(os.open(os.devnull, os.O_RDONLY))

    def _record_path(self, key: str) -> Path:
        return self.folder / RECORDS / key[:2] / f"{key}.json"


def _require_own(target: Path, ours: Iterable[Result]) -> None:
    if not os.path.lexists(target):
        return
    require_file_target(target)
    if (target.name, *fingerprint(target)) not in ours:
        raise OccupiedError(
            f"{target}: was changed after this program wrote it, or is not of this "
            "program; move it elsewhere"
        )


def _settings_of(manifest: Path) -> dict[str, Any]:
    try:
        found = read_json(manifest, MOST_BYTES, follow_links=False)
        if found["made_by"] != MADE_BY:
            raise ValueError("another program made it")
        return dict(found["settings"])
    except (ReadError, TypeError, KeyError, ValueError) as error:
        raise OccupiedError(
            f"{manifest}: is not of this program ({error}); choose another folder"
        ) from error


def _require_same(
    folder: Path, there: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    names = sorted({*there, *wanted})
    other = [n for n in names if there.get(n) != wanted.get(n)]
    if other:
        words = ", ".join(f"{n} {there.get(n)!r}, now {wanted.get(n)!r}" for n in other)
        raise SettingsError(
            f"{folder}: holds results of other settings ({words}); choose another "
            "folder"
        )
