"""A DICOMDIR: the list of what a CD or DVD holds (PS3.3 F, PS3.10 8)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from pydicom import Dataset

from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io.damage import DAMAGE, damage_named, pydicom_quiet
from napari_motionseg.io.dicom_header import read_attributes
from napari_motionseg.io.dicom_values import values_of
from napari_motionseg.io.loop_names import SUFFIXES
from napari_motionseg.io.regular_files import is_regular

# Directory records of objects that are never loops, PS3.3 F.5; a record without a type,
# or with one of a later edition, is looked at
NOT_LOOPS = frozenset(
    (
        "PATIENT", "STUDY", "SERIES", "SR DOCUMENT", "PRESENTATION", "KEY OBJECT DOC",
        "RT DOSE", "RT STRUCTURE SET", "RT PLAN", "RT TREAT RECORD", "WAVEFORM",
        "SPECTROSCOPY", "RAW DATA", "REGISTRATION", "FIDUCIAL", "HANGING PROTOCOL",
        "ENCAP DOC", "VALUE MAP", "STEREOMETRIC", "PALETTE", "IMPLANT", "MEASUREMENT",
        "SURFACE", "SURFACE SCAN", "TRACT", "ASSESSMENT", "PLAN", "PRIVATE", "TOPIC",
        "VISIT", "RESULTS", "INTERPRETATION", "STUDY COMPONENT", "STORED PRINT",
    )
)  # fmt: skip
UNUSED = 0  # RecordInUseFlag of records that were deleted, retired
MOST_NAMED = 8  # files that a message lists
# A DVD of 20,000 files; pydicom takes 12 us for an element
MOST_ELEMENTS = 500_000
MOST_BYTES = 2**28


def is_dicomdir(path: Path) -> bool:
    """Return whether a DICOM file is a directory of a medium, by its name."""
    return path.name.upper() == "DICOMDIR"


def files_of_dicomdir(path: Path) -> list[Path]:
    """Return the files that a DICOMDIR lists as images, in its order, each once.

    Parameters
    ----------
    path
        The DICOMDIR; the folder that holds it is the medium, and no file outside is
        ever returned.

    Raises
    ------
    ReadError
        If the DICOMDIR is not a regular file, damaged, larger or deeper than that of
        any medium, or lists no file that is there.

    Warns
    -----
    PartialReadWarning
        If files are listed that are not there, or that lie outside the medium.
    """
    medium = Medium(path.parent)
    there: dict[Path, None] = {}
    missing, outside = [], []
    with damage_named(path, "DICOMDIR"), pydicom_quiet():
        for parts in _listed(path):
            shown = "/".join(parts)
            if not medium.contains(parts):
                outside.append(shown)
                continue
            file = medium.find(parts)
            if file is None:
                missing.append(shown)
            elif not medium.holds(file):
                outside.append(shown)
            else:
                there[file] = None
    complaints = _complaints(missing, outside)
    if not there:
        reason = f" ({'; '.join(complaints)})" if complaints else ""
        raise ReadError(f"{path}: lists no file that is there{reason}")
    for complaint in complaints:
        warnings.warn(f"{path}: {complaint}", PartialReadWarning, stacklevel=3)
    return list(there)


def _complaints(missing: list[str], outside: list[str]) -> list[str]:
    said = []
    if missing:
        said.append(f"{_files(missing)} listed but missing on the medium")
    if outside:
        said.append(f"{_files(outside)} outside the medium and left out")
    return said


def _files(names: list[str]) -> str:
    """Return names for a message, control characters escaped, and the verb."""
    shown = [repr(name)[1:-1][:120] for name in names[:MOST_NAMED]]
    if len(names) > MOST_NAMED:
        shown.append(f"{len(names) - MOST_NAMED} more")
    return f"{', '.join(shown)} {'is' if len(names) == 1 else 'are'}"


def _listed(path: Path) -> Iterator[list[str]]:
    """Yield the parts of each listed image's name.

    The records lie side by side in one sequence. What links them to a tree is not
    followed, so that a cycle or a deep tree does no harm.
    """
    data = read_attributes(path, MOST_BYTES, (MOST_ELEMENTS, MOST_ELEMENTS))
    for record in data.get("DirectoryRecordSequence") or ():
        try:
            parts = _parts(record)
        except DAMAGE:
            continue
        if parts:
            yield parts


def _parts(record: Dataset) -> list[str]:
    kind = " ".join(str(word) for word in values_of(record, "DirectoryRecordType"))
    if kind.strip().upper() in NOT_LOOPS:
        return []
    if values_of(record, "RecordInUseFlag")[:1] == [UNUSED]:
        return []
    written = [str(part).strip() for part in values_of(record, "ReferencedFileID")]
    # some writers put the whole path into one value
    return [part for words in written for part in words.replace("\\", "/").split("/")]


class Medium:
    """Find listed files below one folder, and never anywhere else.

    Parameters
    ----------
    root
        Folder of the DICOMDIR.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real = root.resolve()
        self._names: dict[Path, list[tuple[Key, dict[str, list[str]]]]] = {}

    def contains(self, parts: list[str]) -> bool:
        """Return whether a listed name stays below the folder, by its words alone."""
        return all(
            part not in ("", ".", "..") and ":" not in part and "\0" not in part
            for part in parts
        )

    def holds(self, file: Path) -> bool:
        """Return whether a file really lies below the folder, links followed."""
        return file.resolve().is_relative_to(self._real)

    def find(self, parts: list[str]) -> Path | None:
        """Return the file of a listed name, or None if there is none.

        Copies of old media differ from what is listed: in case, by an ISO 9660 version
        (``IM1.;1``), by a suffix that was added or lost. A folder that leads outside
        is not looked into; the path is returned as it is listed.
        """
        found = self._root
        for place, part in enumerate(parts):
            if not self.holds(found):
                return found.joinpath(*parts[place:])
            name = self._entry(found, part)
            if name is None:
                return None
            found = found / name
        return found if is_regular(found) else None

    def _entry(self, folder: Path, part: str) -> str | None:
        for key, names in self._listing(folder):
            alike = names.get(key(part), [])
            if len(alike) == 1:
                return alike[0]
        return None

    def _listing(self, folder: Path) -> list[tuple[Key, dict[str, list[str]]]]:
        """Return a folder's names by each way of comparing them, strictest first."""
        if folder not in self._names:
            names = sorted(entry.name for entry in folder.iterdir())
            self._names[folder] = [(key, _grouped(names, key)) for key in KEYS]
        return self._names[folder]


Key = Callable[[str], str]


def _grouped(names: list[str], key: Key) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name in names:
        grouped.setdefault(key(name), []).append(name)
    return grouped


def _plain(name: str) -> str:
    """Return a name as ISO 9660 means it: no version, no empty suffix, any case."""
    return name.partition(";")[0].rstrip(".").casefold()


def _without_suffix(name: str) -> str:
    plain = _plain(name)
    suffix = Path(plain).suffix
    return plain.removesuffix(suffix) if suffix in SUFFIXES else plain


KEYS: tuple[Key, ...] = (str, str.casefold, _plain, _without_suffix)
