"""Collect results of many loops in a folder, with a manifest of their sources.

Loops often share a name: some archives call every file ``IM0001``. Names of results are
therefore not assumed to be unique. ``motionseg-manifest.json`` records for each result
its loop and its content. A name that is taken by another loop, or by a file that is not
listed, is never reused: the new result gets a short hash in its name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_motionseg.cine import Cine
from napari_motionseg.errors import OccupiedError, ReadError, WriteError
from napari_motionseg.io.atomic import place_file, replacing, require_file_target
from napari_motionseg.io.durable import make_folders
from napari_motionseg.io.locks import locked
from napari_motionseg.io.regular_files import read_regular
from napari_motionseg.io.result_folders import (
    MADE_BY,
    OVERWRITE,
    fingerprint,
    place_folder,
    read_marker,
    require_folder_target,
)
from napari_motionseg.io.temporary import temporary_folder
from napari_motionseg.text import as_json
from napari_motionseg.version import __version__

MANIFEST, LOCK = "motionseg-manifest.json", ".motionseg-manifest.lock"
# largest manifest that is read; enough for millions of files
MANIFEST_BYTES = 512 * 2**20
HASH_DIGITS = 8  # enough to distinguish loops of the same name
# Bytes of the first part of a name. File systems allow 255; ending and hash follow.
STEM_BYTES = 180
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*]')  # not allowed on Windows

Entry = dict[str, Any]
Name = tuple[str, str]


@dataclass(frozen=True)
class Source:
    """The loop that results are made from.

    Parameters
    ----------
    path
        Absolute path of the file or folder that was read, or a description if the loop
        does not come from a file.
    name
        Name of the loop; one file or folder may hold several.
    sha256
        SHA-256 of the content, as hexadecimal digits.
    """

    path: str
    name: str
    sha256: str

    @classmethod
    def of(cls, cine: Cine) -> Source:
        """Return the source record of a loop; all frames are decoded for the hash."""
        path = cine.name if cine.source is None else os.path.abspath(cine.source)
        return cls(path, cine.name, cine.content_hash())

    @property
    def identity(self) -> str:
        """SHA-256 of path, name and content, as hexadecimal digits."""
        text = json.dumps([self.path, self.name, self.sha256])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class Draft:
    """Results that are being written into a folder.

    Parameters
    ----------
    temporary
        Paths to write to, in the order of the requested names.
    final
        Final paths of the results, in the same order; empty until all are in place.
    """

    temporary: tuple[Path, ...]
    final: tuple[Path, ...] = ()


class OutputFolder:
    """A folder of results, in which only this program's own results are replaced.

    Parameters
    ----------
    folder
        Path of the folder, which is created with the first result.
    settings
        JSON values that the results depend on, such as hashes of models; they are
        recorded in the manifest. None records nothing.
    overwrite
        Whether own results may be replaced even if they were changed after writing.
        Files that the manifest does not list are never replaced.

    Raises
    ------
    OccupiedError
        If the folder holds a file of the manifest's name that is not a manifest.
    WriteError
        If the path is a file.
    """

    def __init__(
        self,
        folder: str | Path,
        settings: Mapping[str, Any] | None = None,
        *,
        overwrite: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self._settings = dict(settings or {})
        self._overwrite = overwrite
        if os.path.lexists(self.folder) and not self.folder.is_dir():
            raise OccupiedError(f"cannot write in {self.folder}: it is not a folder")
        _read_manifest(self.folder)

    @contextmanager
    def writing(
        self, source: Source, names: Sequence[Name], kind: str = ""
    ) -> Iterator[Draft]:
        """Yield temporary paths, and move the results to their final names on success.

        Parameters
        ----------
        source
            Loop that the results are made from.
        names
            First and last part of each name, such as ``("IM0001", "_masks.npz")``. If a
            name is taken, all get the same short hash between their parts.
        kind
            Kind of result if it is a folder, see `result_folders`; empty for files.

        Raises
        ------
        OccupiedError
            If an older result of the same source has been changed; raised before
            anything is written.
        WriteError
            If the results cannot be written.
        """
        self._chosen(_read_manifest(self.folder), source, names, kind)
        with temporary_folder(self.folder) as room:
            draft = Draft(
                tuple(room / f"{i}{tail}" for i, (_, tail) in enumerate(names))
            )
            with self._named(draft, names):
                yield draft
            contents = [_content_of(path) for path in draft.temporary]
            with locked(self.folder / LOCK):
                entries = _read_manifest(self.folder)
                chosen = self._chosen(entries, source, names, kind)
                for name, content in zip(chosen, contents, strict=True):
                    entries[name] = self._entry(entries, name, source, content)
                _write_manifest(
                    self.folder, entries
                )  # listed first, so that a killed run leaves no unlisted results
                for name, temporary in zip(chosen, draft.temporary, strict=True):
                    self._place(temporary, name, kind)
            draft.final = tuple(self.folder / name for name in chosen)

    @contextmanager
    def _named(self, draft: Draft, names: Sequence[Name]) -> Iterator[None]:
        """Replace the temporary path in the message of a failed writer."""
        try:
            yield
        except WriteError as error:
            words = str(error)
            for path, (stem, tail) in zip(draft.temporary, names, strict=True):
                words = words.replace(str(path), str(self.folder / (stem + tail)))
            raise type(error)(words) from error

    def claim(self, names: Mapping[str, str], source: Source) -> None:
        """Reserve fixed names for this program before results are written to them.

        Anything at a reserved name counts as this program's until `settle` is called,
        so a run that was killed can be repeated.

        Parameters
        ----------
        names
            Kind of each result by name: as in `result_folders` for a folder, else
            empty.
        source
            Loop that the results are made from.

        Raises
        ------
        OccupiedError
            If something at one of the names was not written by this program, or has
            changed since; no name is then reserved.
        """
        make_folders(self.folder)
        with locked(self.folder / LOCK):
            entries = _read_manifest(self.folder)
            for name, kind in names.items():
                self._require_own(entries, name, kind)
            for name in names:
                entries[name] = self._entry(entries, name, source, None)
            _write_manifest(self.folder, entries)

    def settle(self, names: Iterable[str]) -> None:
        """Record the content of the reserved names, to notice later changes."""
        with locked(self.folder / LOCK):
            entries = _read_manifest(self.folder)
            for name in names:
                if name in entries and os.path.lexists(self.folder / name):
                    entries[name]["contents"] = [_content_of(self.folder / name)]
            _write_manifest(self.folder, entries)

    def _require_own(self, entries: Mapping[str, Entry], name: str, kind: str) -> None:
        target, entry = self.folder / name, entries.get(name)
        if kind:
            require_folder_target(target, kind, overwrite=self._overwrite)
        elif os.path.lexists(target):
            require_file_target(target)
            if entry is None:
                raise OccupiedError(
                    f"cannot write {target}: it exists already, and this program did "
                    f"not write it; choose another folder. {OVERWRITE}"
                )
            self._require_unchanged(target, entry)

    def _require_unchanged(self, target: Path, entry: Entry) -> None:
        listed = entry.get("contents", ())
        if self._overwrite or None in listed or list(fingerprint(target)) in listed:
            return
        raise OccupiedError(
            f"cannot write {target}: it was changed after this program wrote it; "
            f"move it elsewhere. {OVERWRITE}"
        )

    def _chosen(
        self,
        entries: Mapping[str, Entry],
        source: Source,
        names: Sequence[Name],
        kind: str,
    ) -> list[str]:
        """Return the names to write to, in the order of `names`."""
        safe = [(safe_stem(stem), tail) for stem, tail in names]
        tag = f"-{source.identity[:HASH_DIGITS]}"
        candidates = [[stem + mark + tail for stem, tail in safe] for mark in ("", tag)]
        if any(cut != whole for (cut, _), (whole, _) in zip(safe, names, strict=True)):
            candidates.reverse()  # two names may become equal when they are shortened
        # a repeated run keeps the names that the source already has
        candidates.sort(key=lambda chosen: not self._has(entries, chosen, source))
        for chosen in candidates:
            if all(self._free(entries, name, source, kind) for name in chosen):
                return chosen
        raise OccupiedError(
            f"cannot write {', '.join(candidates[0])} in {self.folder}: the names "
            "belong to files that this program did not write; choose another folder. "
            f"{OVERWRITE}"
        )

    def _has(
        self, entries: Mapping[str, Entry], chosen: Iterable[str], source: Source
    ) -> bool:
        found = (entries.get(name, {}) for name in chosen)
        return any(entry.get("identity") == source.identity for entry in found)

    def _free(
        self, entries: Mapping[str, Entry], name: str, source: Source, kind: str
    ) -> bool:
        """Return whether a name is free, or has an older result of the source."""
        target = self.folder / name
        entry = entries.get(name)
        if entry is None:
            alike = any(_folded(other) == _folded(name) for other in entries)
            return not alike and not os.path.lexists(target)
        if entry.get("identity") != source.identity:
            return False
        if not os.path.lexists(target):
            return True
        if kind:
            require_folder_target(target, kind, overwrite=self._overwrite)
            return read_marker(target)[1] == kind or not any(target.iterdir())
        if target.is_symlink() or not target.is_file():
            return False
        self._require_unchanged(target, entry)
        return True

    def _entry(
        self,
        entries: Mapping[str, Entry],
        name: str,
        source: Source,
        content: list[Any] | None,
    ) -> Entry:
        # the older content stays listed, because a kill before the move leaves it in
        # place
        older = entries.get(name, {}).get("contents", [])[-1:]
        return {
            "identity": source.identity,
            "source": asdict(source),
            "settings": self._settings,
            "version": __version__,
            "contents": [*(one for one in older if one != content), content],
        }

    def _place(self, temporary: Path, name: str, kind: str) -> None:
        target = self.folder / name
        try:
            if kind:
                place_folder(temporary, target, kind, overwrite=self._overwrite)
            else:
                place_file(temporary, target, only_new=not target.exists())
        except OSError as error:
            reason = error.strerror or error
            raise WriteError(f"cannot write {target}: {reason}") from error


def _folded(name: str) -> str:
    """Return a name without what some file systems do not distinguish.

    These are upper and lower case, and the two ways to write a letter with an accent.
    """
    return unicodedata.normalize("NFC", name.casefold())


def safe_stem(name: str) -> str:
    """Return the first part of a file name for a loop of any name.

    Characters that a file system does not allow become ``_``, and so does a dot or a
    dash at the beginning. A name that is too long is shortened.
    """
    kept = _UNSAFE.sub("_", name).rstrip(". ") or "loop"
    if kept[0] in ".-":
        kept = "_" + kept[1:]
    cut = kept.encode("utf-8", "surrogateescape")[:STEM_BYTES]
    return cut.decode("utf-8", "ignore")


def _content_of(path: Path) -> list[Any]:
    """Return size and SHA-256 of a file; for a folder, those of its marker."""
    try:
        if path.is_dir():
            path = path / (read_marker(path)[0] or "")
        return list(fingerprint(path))
    except OSError as error:
        raise WriteError(f"cannot write {path.name}: {error.strerror}") from error


def _read_manifest(folder: Path) -> dict[str, Entry]:
    """Return the entries of a folder's manifest; empty if it has no manifest."""
    path = folder / MANIFEST
    if not os.path.lexists(path):
        return {}
    try:
        text = read_regular(path, MANIFEST_BYTES, follow_links=False)
        described = json.loads(text)
        if described["made_by"] != MADE_BY:
            raise ValueError("another program made it")
        return {str(name): dict(entry) for name, entry in described["outputs"].items()}
    except (
        ReadError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
    ) as error:
        raise OccupiedError(
            f"cannot write in {folder}: its {MANIFEST} is not a manifest of "
            f"this program ({error}); choose another folder, or move the file elsewhere"
        ) from error


def _write_manifest(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Replace the manifest of a folder."""
    described = {"made_by": MADE_BY, "outputs": dict(sorted(entries.items()))}
    with replacing(folder / MANIFEST) as temporary:
        text = as_json(described, indent=1)
        temporary.write_text(text + "\n", encoding="ascii")
