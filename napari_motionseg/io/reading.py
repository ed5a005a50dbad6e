"""Read cine loops from any supported file or folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from napari_motionseg.cine import Cine
from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io.cache_folder import TAG
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.dicom import read_dicom
from napari_motionseg.io.dicom_header import is_dicom
from napari_motionseg.io.dicom_series import read_files
from napari_motionseg.io.dicomdir import files_of_dicomdir, is_dicomdir
from napari_motionseg.io.joined_frames import joined_by_folder
from napari_motionseg.io.memory_budget import default_budget
from napari_motionseg.io.movies import (
    IMAGES,
    MOVIES,
    images_in,
    read_image_folder,
    read_movie,
)
from napari_motionseg.io.program_marks import is_own, is_own_derived, movie_format
from napari_motionseg.io.regular_files import is_regular, open_regular

Reader = Callable[[], list[Cine]]
MEMORY_BUDGET = 8 * 2**30
MOST_NAMED = 8  # most loops that an error lists


def read_cine(path: str | Path, *, memory_budget: int | None = None) -> Cine:
    """Read one cine loop.

    Parameters
    ----------
    path
        Path of a DICOM file, movie, TIFF stack or ``.npy`` array, or of a folder with
        one loop (a series of single frames, or images).
    memory_budget
        Bytes that the decoded frames may take together; frames of DICOM files are
        decoded when asked for and never all kept. None for 8 GiB, or what the
        environment variable ``MOTIONSEG_MEMORY`` says.

    Raises
    ------
    ReadError
        If there is no loop or more than one. Subclasses: `MissingDecoderError` if a
        decoder is missing, `MemoryBudgetError` if the loop is too large.

    Warns
    -----
    PartialReadWarning
        If there are fewer or more frames than promised.
    """
    cines = read_cines(path, memory_budget=memory_budget)
    if len(cines) != 1:
        names = ", ".join(str(cine.source) for cine in cines[:MOST_NAMED])
        more = ", ..." if len(cines) > MOST_NAMED else ""
        raise ReadError(
            f"{path}: holds {len(cines)} loops; name one of them: {names}{more}"
        )
    return cines[0]


def read_cines(path: str | Path, *, memory_budget: int | None = None) -> list[Cine]:
    """Read every cine loop at or below a path, at least one.

    Parameters
    ----------
    path
        A path as for `read_cine`, a folder of loops, or a DICOMDIR. Masks, overlays and
        pictures that this program wrote are left out of a folder. TIFF and NumPy files
        of one frame each that lie in one folder are one loop.
    memory_budget
        Bytes for each loop; see `read_cine`.

    Raises
    ------
    ReadError
        If nothing there is a loop, or none can be read.
    SettingsError
        If ``MOTIONSEG_MEMORY`` holds no number.
    """
    path = Path(path)
    budget = default_budget() if memory_budget is None else memory_budget
    with damage_named(path, "file"):
        if path.is_dir():
            return _read_folder(path, budget)
        open_regular(path).close()  # a pipe, a device or nothing at all is refused here
        if is_dicomdir(path):
            return read_files(files_of_dicomdir(path), budget, path.parent)
        if is_dicom(path):
            return [read_dicom(path, budget)]
        if path.suffix.lower() in MOVIES or movie_format(path):
            return [read_movie(path, budget)]
        if path.suffix.lower() in IMAGES:
            raise ReadError(
                f"{path}: is a single image; open the folder of all frames, or a TIFF "
                "stack"
            )
        raise ReadError(
            f"{path}: is not a DICOM file, and no other format of a loop: "
            f"{', '.join(MOVIES)}, or a folder of {', '.join(IMAGES)}"
        )


def can_read(path: str | Path) -> bool:
    """Return whether a path may hold loops, judged by its name and first bytes.

    Parameters
    ----------
    path
        Path of a file or folder. Pipes and devices are not opened; for them the answer
        is False.
    """
    path = Path(path)
    if path.is_dir():
        return next(_loops_below(path), None) is not None
    if not is_regular(path):
        return False
    return path.suffix.lower() in MOVIES or is_dicomdir(path) or is_dicom(path)


def _read_folder(folder: Path, memory_budget: int) -> list[Cine]:
    listed = _listed(folder)
    if listed:
        return read_files(listed, memory_budget, folder)
    files = list(_files_below(folder, _warn))
    dicom = [file for file in files if _is_loop_file(file)]
    movies = [f for f in files if f.suffix.lower() in MOVIES and not is_own(f)]
    readers: list[Reader] = []
    if dicom:
        readers.append(partial(read_files, dicom, memory_budget, folder))
    readers += [
        partial(_read_one, read_movie, file, memory_budget)
        for file in movies
        if not is_dicom(file)
    ]
    if not readers:
        readers = [
            partial(_read_one, read_image_folder, place, memory_budget)
            for place in _image_folders(folder, files)
        ]
    if not readers:
        raise ReadError(f"{folder}: holds no cine loop{_own_words(files)}")
    return joined_by_folder(read_all(readers))


def _read_one(
    read: Callable[[Path, int], Cine], path: Path, memory_budget: int
) -> list[Cine]:
    with damage_named(path, "file"):
        return [read(path, memory_budget)]


def read_all(readers: Iterable[Reader]) -> list[Cine]:
    """Return the loops of all readers.

    Parameters
    ----------
    readers
        Functions that return the loops of some files.

    Raises
    ------
    ReadError
        If nothing can be read; the message is that of the first reader.

    Warns
    -----
    PartialReadWarning
        For each reader that fails, if others do not.
    """
    cines: list[Cine] = []
    errors: list[ReadError] = []
    for read in readers:
        try:
            cines += read()
        except ReadError as error:
            errors.append(error)
    if not cines:
        raise errors[0]
    for reason in errors:
        warnings.warn(f"left out: {reason}", PartialReadWarning, stacklevel=4)
    return cines


def _image_folders(folder: Path, files: list[Path]) -> list[Path]:
    """Return the folder if it holds images, else the folders below it that do."""
    if images_in(folder):
        return [folder]
    below = dict.fromkeys(f.parent for f in files if f.suffix.lower() in IMAGES)
    return [place for place in below if images_in(place)]


def _own_words(files: list[Path]) -> str:
    """Return what is said of files that are results, where nothing else is."""
    pictures = (*MOVIES, *IMAGES)
    own = [
        file
        for file in files
        if (file.suffix.lower() in pictures and is_own(file)) or is_own_derived(file)
    ]
    if not own:
        return ""
    return (
        f"; {own[0].name} and other files of this program are left out unless they "
        "are opened by name"
    )


def _listed(folder: Path) -> list[Path]:
    """Return the files that a folder's DICOMDIR lists; empty if it has none.

    A DICOMDIR that is damaged or lists only missing files is ignored, and the folder is
    read like any other.
    """
    directory = next(filter(is_dicomdir, sorted(folder.iterdir())), None)
    if directory is None:
        return []
    try:
        return files_of_dicomdir(directory)
    except ReadError as error:
        message = f"{error}; the files of the folder were read instead"
        warnings.warn(message, PartialReadWarning, stacklevel=3)
        return []


def _loops_below(folder: Path) -> Iterator[Path]:
    for file in _files_below(folder):
        picture = file.suffix.lower() in (*MOVIES, *IMAGES)
        if (picture and not is_own(file)) or _may_be_dicom(file):
            yield file


def _may_be_dicom(file: Path) -> bool:
    return is_dicomdir(file) or _is_loop_file(file)


def _is_loop_file(file: Path) -> bool:
    """Return whether a file in a folder is DICOM and may be a loop."""
    return is_dicom(file) and not is_dicomdir(file) and not is_own_derived(file)


def _files_below(
    folder: Path, unreadable: Callable[[OSError], None] | None = None
) -> Iterator[Path]:
    """Yield the regular files below a folder by name.

    Circular links are not followed; hidden folders and caches are left out. A folder
    that may not be read is left out, and `unreadable` is called with the reason.
    """
    seen: set[str] = set()
    for root, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in sorted(folders) if not _is_apart(root, name)]
        for name in sorted(names):
            path = Path(root, name)
            if not name.startswith(".") and is_regular(path):
                yield path


def _is_apart(root: str, name: str) -> bool:
    """Return whether a folder is hidden, or a cache of this or another program."""
    return name.startswith(".") or os.path.lexists(os.path.join(root, name, TAG))


def _warn(error: OSError) -> None:
    message = f"left out: {error.filename}: {error.strerror}"
    warnings.warn(message, PartialReadWarning, stacklevel=3)
