"""A folder that collects results of many loops, with a manifest of whose they are.

Loops often have the same name: archives call everything ``IM0001``. So names of results
are not trusted to be unique. ``motionseg-manifest.json`` says for each result which
loop it came from and what was written. A name that belongs to another loop, or to a
file that is not listed, is left alone: a short hash is added to the new one's name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
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
MANIFEST_BYTES = 512 * 2**20
HASH_DIGITS = 8
# Bytes of a name's first part; file systems take 255, and tails and hashes come to it.
STEM_BYTES = 180
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*]')  # Windows refuses these

Entry = dict[str, Any]
Name = tuple[str, str]


@dataclass(frozen=True)
class Source:
    """Source that results are made from.

    Parameters
    ----------
    path
        Absolute path of the file or folder that was read, or words for what was not
        read from a file.
    name
        Name of the loop; one file or folder may hold several.
    sha256
        SHA-256 of the content, in hexadecimal digits.
    """

    path: str
    name: str
    sha256: str

    @classmethod
    def of(cls, cine: Cine) -> Source:
        """Return the source that a loop is; its frames are decoded for the hash."""
        path = cine.name if cine.source is None else os.path.abspath(cine.source)
        return cls(path, cine.name, cine.content_hash())

    @property
    def identity(self) -> str:
        """SHA-256 over path, name and content, in hexadecimal digits."""
        text = json.dumps([self.path, self.name, self.sha256])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class Draft:
    """Results on their way into a folder.

    Parameters
    ----------
    temporary
        Paths to write to, in the order of the names that were asked for.
    final
        Paths that the results got, in the same order; empty until all are in place.
    """

    temporary: tuple[Path, ...]
    final: tuple[Path, ...] = ()


class OutputFolder:
    """A folder of results, in which nothing is replaced but an older own result.

    Parameters
    ----------
    folder
        Path of the folder; made with the first result.
    settings
        JSON values that results depend on, as hashes of models; kept in the manifest.
    overwrite
        Whether own results may be replaced that were changed after they were written.
        Files that the manifest does not list stay in any case.

    Raises
    ------
    OccupiedError
        If the folder holds a file of the manifest's name that is no manifest.
    WriteError
        If the folder is a file.
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
            raise OccupiedError(f"cannot write in {self.folder}: it is no folder")
        _read_manifest(self.folder)

    @contextmanager
    def writing(
        self, source: Source, names: Sequence[Name], kind: str = ""
    ) -> Iterator[Draft]:
        """Yield temporary paths; give what is there final names if all went well.

        Parameters
        ----------
        source
            What the results are made from.
        names
            First and last part of each name, as ``("IM0001", "_masks.npz")``. Where
            one is taken, all get the same short hash between the two parts.
        kind
            Kind of result, if it is a folder; see `result_folders`.

        Raises
        ------
        OccupiedError
            If an older result of the same source has been changed since; said before
            anything is written.
        WriteError
            If the disk refuses.
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
                )  # first: a kill must not leave unlisted results
                for name, temporary in zip(chosen, draft.temporary, strict=True):
                    self._place(temporary, name, kind)
            draft.final = tuple(self.folder / name for name in chosen)

    @contextmanager
    def _named(self, draft: Draft, names: Sequence[Name]) -> Iterator[None]:
        """Name the result, and not its temporary file, where a writer fails."""
        try:
            yield
        except WriteError as error:
            words = str(error)
            for path, (stem, tail) in zip(draft.temporary, names, strict=True):
                words = words.replace(str(path), str(self.folder / (stem + tail)))
            raise type(error)(words) from error

    def claim(self, names: Mapping[str, str], source: Source) -> None:
        """Take fixed names for this program, before results are written to them.

        What is at a claimed name counts as this program's until `settle` is called, so
        that a run that was killed can be repeated.

        Parameters
        ----------
        names
            By name: the kind of result if it is a folder, else an empty string.
        source
            What the results are made from.

        Raises
        ------
        OccupiedError
            If something is at a name that this program did not write, or that was
            changed since; then none is claimed.
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
        """Note what was written to claimed names: later changes are somebody else's."""
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
                    f"cannot write {target}: this program did not write what is "
                    f"there; choose another folder. {OVERWRITE}"
                )
            self._require_unchanged(target, entry)

    def _require_unchanged(self, target: Path, entry: Entry) -> None:
        listed = entry.get("contents", ())
        if self._overwrite or None in listed or list(fingerprint(target)) in listed:
            return
        raise OccupiedError(
            f"cannot write {target}: somebody has changed it since this program wrote "
            f"it; move it elsewhere. {OVERWRITE}"
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
            candidates.reverse()  # two names may become the same when they are cut
        # a rerun keeps the names that the source has
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
        """Return whether a name is free, or holds an older result of the source."""
        target = self.folder / name
        entry = entries.get(name)
        if entry is None:
            # some file systems see no difference between upper and lower case
            alike = any(other.casefold() == name.casefold() for other in entries)
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
        # The older content stays listed: a kill before the move leaves that one.
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


def safe_stem(name: str) -> str:
    """Return the first part of a file's name for a loop of any name.

    Characters that some file system refuses become ``_``, and so does a dot or a dash
    at the beginning; a name that is too long is cut.
    """
    kept = _UNSAFE.sub("_", name).rstrip(". ") or "loop"
    if kept[0] in ".-":
        kept = "_" + kept[1:]
    cut = kept.encode("utf-8", "surrogateescape")[:STEM_BYTES]
    return cut.decode("utf-8", "ignore")


def _content_of(path: Path) -> list[Any]:
    """Return size and SHA-256 of a file; of a folder those of its marker."""
    try:
        if path.is_dir():
            path = path / (read_marker(path)[0] or "")
        return list(fingerprint(path))
    except OSError as error:
        raise WriteError(f"cannot write {path.name}: {error.strerror}") from error


def _read_manifest(folder: Path) -> dict[str, Entry]:
    """Return the entries of a folder's manifest; none if there is no manifest."""
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
            f"cannot write in {folder}: {MANIFEST} there is no manifest of "
            f"this program ({error}); choose another folder, or move it elsewhere"
        ) from error


def _write_manifest(folder: Path, entries: Mapping[str, Entry]) -> None:
    """Replace the manifest of a folder."""
    described = {"made_by": MADE_BY, "outputs": dict(sorted(entries.items()))}
    with replacing(folder / MANIFEST) as temporary:
        text = as_json(described, indent=1)
        temporary.write_text(text + "\n", encoding="ascii")
