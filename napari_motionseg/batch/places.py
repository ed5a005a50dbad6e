"""List the loops of an archive one by one, in bounded memory.

A place is what one task reads: a file of several frames, or the files of single frames
in one folder, which make up the loops of one or more series.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from napari_motionseg.batch.archive_series import SeriesPlace, is_query, series_of
from napari_motionseg.cine import Cine
from napari_motionseg.errors import ReadError, SettingsError
from napari_motionseg.io import read_cines
from napari_motionseg.io.dicom_header import is_dicom, read_header
from napari_motionseg.io.dicom_values import values_of
from napari_motionseg.io.dicomdir import files_of_dicomdir, is_dicomdir
from napari_motionseg.io.file_selection import read_together
from napari_motionseg.io.image_folders import images_in
from napari_motionseg.io.joined_frames import SUFFIXES as STILLS
from napari_motionseg.io.joined_frames import holds_one_frame
from napari_motionseg.io.movies import MOVIES
from napari_motionseg.io.program_marks import is_own, is_own_derived
from napari_motionseg.io.regular_files import is_regular

LISTS = (".txt", ".list")  # suffixes of text files with one path on each line
SERIES = "single frames"  # in the name of a place of several files
STILL_FRAMES = "single frames as TIFF or NumPy files"

Known = Callable[["Place"], bool]


@dataclass(frozen=True)
class Place:
    """The file or the files that one task reads.

    Parameters
    ----------
    path
        Absolute path of the file, or of the folder of single frames.
    files
        The files of single frames; empty for one file, and for a folder of pictures.
    """

    path: Path
    files: tuple[Path, ...] = ()

    @property
    def key(self) -> str:
        """SHA-256 of the path, as hexadecimal digits; it names the record."""
        series = SERIES if self.files else ""
        if self.files and self.files[0].suffix.lower() in STILLS:
            series = STILL_FRAMES  # a folder may hold a series of DICOM files too
        text = f"{self.path}\n{series}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def stamp(self) -> str:
        """Return a digest of names, sizes and dates of the files.

        Raises
        ------
        ReadError
            If a file is not there any more.
        """
        digest = hashlib.sha256()
        try:
            for file in self.files or self._all_files():
                facts = file.stat()
                line = f"{file.name}\n{facts.st_size}\n{facts.st_mtime_ns}\n"
                digest.update(line.encode("utf-8", "surrogatepass"))
        except OSError as error:
            raise ReadError(f"{self.path}: {error.strerror or error}") from error
        return digest.hexdigest()

    def _all_files(self) -> Sequence[Path]:
        return images_in(self.path) if self.path.is_dir() else [self.path]

    @contextmanager
    def loops(self) -> Iterator[list[Cine]]:
        """Yield the loops of the place, whose frames can be read meanwhile.

        Raises
        ------
        ReadError
            If there is none.
        """
        yield read_together(self.files) if self.files else read_cines(self.path)


AnyPlace = Place | SeriesPlace


@dataclass(frozen=True)
class Part:
    """One of several equal parts of an archive, for runs beside each other.

    Parameters
    ----------
    number
        Number of the part, from 1.
    count
        Number of parts.

    Raises
    ------
    SettingsError
        If the number is not one of 1 to `count`.
    """

    number: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise SettingsError(
                f"a part must be I/N with I from 1 to N; got {self.number}/{self.count}"
            )

    def has(self, place: AnyPlace) -> bool:
        """Return whether a place belongs to the part; its path alone decides."""
        return int(place.key[:12], 16) % self.count == self.number - 1


def places(
    paths: Iterable[str | Path], known: Known | None = None
) -> Iterator[AnyPlace]:
    """Yield every place at or below some paths, one folder at a time.

    Parameters
    ----------
    paths
        DICOM files and movies, folders, DICOMDIR files, text files with a path on each
        line, and queries of DICOMweb archives; see `series_of`. A place is yielded
        once, even if it is reached in several ways.
    known
        Function that returns whether a file is already known to hold a loop of several
        frames, so that its header need not be read again. None reads all headers.

    Raises
    ------
    SettingsError
        If a path does not exist.
    """
    seen: set[bytes] = set()
    for path in paths:
        for place in _of_any(path, known or _unknown):
            key = bytes.fromhex(place.key)
            if key not in seen:
                seen.add(key)
                yield place


def _of_any(path: str | Path, known: Known) -> Iterator[AnyPlace]:
    if is_query(path):
        yield from series_of(str(path))
    else:
        yield from _at(Path(os.path.abspath(path)), known)


def _unknown(_: Place) -> bool:
    return False


def _at(path: Path, known: Known, lists: tuple[Path, ...] = ()) -> Iterator[Place]:
    """Yield the places of a path, which was named by text files `lists`, if any."""
    if path.resolve() in lists:
        raise SettingsError(f"{path}: the list of paths names itself; remove the line")
    if path.is_dir():
        yield from _below(path, known)
    elif not path.exists():
        raise SettingsError(f"{path}: no such file or folder")
    elif path.suffix.lower() in LISTS and not is_dicom(path):
        yield from _listed(path, known, (*lists, path.resolve()))
    elif is_dicomdir(path):
        yield from _grouped(path.parent, files_of_dicomdir(path), known)
    else:
        yield Place(path)


def _listed(path: Path, known: Known, lists: tuple[Path, ...]) -> Iterator[Place]:
    # editors of Windows begin a text with a mark, which "utf-8-sig" leaves out
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
        for line in lines:
            if name := line.strip("\r\n"):
                yield from _at(Path(os.path.abspath(path.parent / name)), known, lists)


def _below(folder: Path, known: Known) -> Iterator[Place]:
    """Yield the places of a folder and of the folders in it; links are not followed."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(root)
        files = [here / name for name in sorted(names) if not name.startswith(".")]
        yield from _in_folder(here, list(filter(is_regular, files)), known)


def _in_folder(folder: Path, files: Sequence[Path], known: Known) -> Iterator[Place]:
    movies = [f for f in files if f.suffix.lower() in MOVIES and not is_dicom(f)]
    dicom = [f for f in files if _is_loop(f, known)]
    yield from _movies(folder, [file for file in movies if not is_own(file)], known)
    yield from _grouped(folder, dicom, known)
    if not movies and not dicom and images_in(folder):
        yield Place(folder)


def _movies(folder: Path, files: Sequence[Path], known: Known) -> Iterator[Place]:
    """Yield movies and stacks, then the single frames of the folder together."""
    stills = [
        file
        for file in files
        if file.suffix.lower() in STILLS
        and not known(Place(file))
        and holds_one_frame(file)
    ]
    together = stills if len(stills) > 1 else []
    yield from (Place(file) for file in files if file not in together)
    if together:
        yield Place(folder, tuple(together))


def _is_loop(file: Path, known: Known) -> bool:
    if known(Place(file)):
        return True
    return is_dicom(file) and not is_dicomdir(file) and not is_own_derived(file)


def _grouped(folder: Path, files: Sequence[Path], known: Known) -> Iterator[Place]:
    """Yield files of several frames, then the single frames of the folder together."""
    singles = []
    for file in files:
        if known(Place(file)) or _frames_of(file) != 1:
            yield Place(file)
        else:
            singles.append(file)
    if singles:
        yield Place(folder, tuple(singles))


def _frames_of(file: Path) -> int:
    """Return the number of frames that a header promises; 0 if it cannot be read."""
    try:
        values = values_of(read_header(file).dataset, "NumberOfFrames")
        return int(values[0]) if values else 1
    except (ReadError, ValueError):
        return 0  # its task will tell why
