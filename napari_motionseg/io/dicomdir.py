"""Read a DICOMDIR, the list of the files on a CD or DVD (PS3.3 F, PS3.10 8)."""

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

# Types of directory records that are never loops (PS3.3 F.5). Records without a type,
# or with a type of a later edition, are examined.
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
UNUSED = 0  # RecordInUseFlag (retired) of records that were deleted
MOST_NAMED = 8  # most files that a message lists
# a DVD of 20,000 files; pydicom needs 12 us for each element
MOST_ELEMENTS = 500_000
MOST_BYTES = 2**28


def is_dicomdir(path: Path) -> bool:
    """Return whether a DICOM file is a DICOMDIR, judged by its name.

    Copies of old media keep the version of ISO 9660 in the name (``DICOMDIR;1``).
    """
    return _plain(path.name) == "dicomdir"


def files_of_dicomdir(path: Path) -> list[Path]:
    """Return the image files that a DICOMDIR lists, in its order, each once.

    Parameters
    ----------
    path
        Path of the DICOMDIR. Its folder is the medium; files outside it are never
        returned.

    Raises
    ------
    ReadError
        If the DICOMDIR is not a regular file, is damaged, is larger or deeper than that
        of any medium, or lists no existing file.

    Warns
    -----
    PartialReadWarning
        If listed files are missing or lie outside the medium.
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
        raise ReadError(f"{path}: lists no existing file{reason}")
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
    """Return file names for a message, with control characters escaped, and a verb."""
    shown = [repr(name)[1:-1][:120] for name in names[:MOST_NAMED]]
    if len(names) > MOST_NAMED:
        shown.append(f"{len(names) - MOST_NAMED} more")
    return f"{', '.join(shown)} {'is' if len(names) == 1 else 'are'}"


def _listed(path: Path) -> Iterator[list[str]]:
    """Yield the parts of the name of each listed image.

    The records lie side by side in one sequence. The links that form a tree of them are
    not followed, so a cycle or a deep tree does no harm.
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
    # some writers put the whole path into a single value
    path = "/".join(word.replace("\\", "/") for word in written)
    first, *others = path.split("/")  # an empty first part is an absolute path
    return [first] * (first != ".") + [part for part in others if part not in ("", ".")]


class Medium:
    """Find listed files inside one folder, and never anywhere else.

    Parameters
    ----------
    root
        Folder of the DICOMDIR, which is the medium.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real = root.resolve()
        self._names: dict[Path, list[tuple[Key, dict[str, list[str]]]]] = {}

    def contains(self, parts: list[str]) -> bool:
        """Return whether a listed name stays inside the folder, judged by its parts."""
        return all(
            part not in ("", ".", "..") and ":" not in part and "\0" not in part
            for part in parts
        )

    def holds(self, file: Path) -> bool:
        """Return whether a file is really inside the folder, links followed."""
        return file.resolve().is_relative_to(self._real)

    def find(self, parts: list[str]) -> Path | None:
        """Return the file of a listed name, or None if there is none.

        On copies of old media, names differ from the listed ones in case, by an ISO
        9660 version (``IM1.;1``), or by a suffix that was added or lost. A folder that
        leads outside the medium is not searched; the path is then returned as listed.
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
        """Return a folder's names by each way of comparing, the strictest first."""
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
    """Return a name in ISO 9660's sense: no version, no empty suffix, any case."""
    return name.partition(";")[0].rstrip(".").casefold()


def _without_suffix(name: str) -> str:
    plain = _plain(name)
    suffix = Path(plain).suffix
    return plain.removesuffix(suffix) if suffix in SUFFIXES else plain


KEYS: tuple[Key, ...] = (str, str.casefold, _plain, _without_suffix)
