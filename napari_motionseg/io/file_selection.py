"""Read files that were chosen together; files of one series become one loop."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from napari_motionseg.cine import Cine
from napari_motionseg.errors import ReadError
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.dicom_header import is_dicom
from napari_motionseg.io.dicom_series import read_files
from napari_motionseg.io.dicomdir import is_dicomdir
from napari_motionseg.io.image_folders import read_image_files
from napari_motionseg.io.joined_frames import joined
from napari_motionseg.io.memory_budget import default_budget
from napari_motionseg.io.movies import IMAGES
from napari_motionseg.io.reading import Reader, can_read, read_all, read_cines
from napari_motionseg.io.regular_files import is_regular


def read_together(
    paths: Iterable[str | Path], *, memory_budget: int | None = None
) -> list[Cine]:
    """Read every loop among files and folders that were chosen together.

    DICOM files of one frame that share a series become one loop, in the order of the
    series, whatever the order of the paths. Images become one loop, ordered by the
    numbers in their names; so do TIFF and NumPy files of one frame each and of equal
    size. A file of several frames is a loop of its own, and so is every loop in a
    chosen folder.

    Parameters
    ----------
    paths
        Files and folders in any order; a repeated path is read once.
    memory_budget
        Bytes that the decoded frames of each loop may take together; see `read_cine`.

    Raises
    ------
    ReadError
        If nothing can be read; the message is that of the first path.

    Warns
    -----
    PartialReadWarning
        For each path that cannot be read, if others can.
    """
    chosen = list(dict.fromkeys(Path(path) for path in paths))
    if not chosen:
        raise ReadError("no file was chosen; choose at least one")
    if len(chosen) == 1:
        return read_cines(chosen[0], memory_budget=memory_budget)
    budget = default_budget() if memory_budget is None else memory_budget
    root = _common_folder(chosen)
    return joined(read_all(_readers(chosen, root, budget)), root)


def _readers(
    chosen: Sequence[Path], root: Path, memory_budget: int
) -> Iterator[Reader]:
    """Yield functions that read the series, the images, and each other path."""
    series = [path for path in chosen if _is_part_of_series(path)]
    images = [path for path in chosen if is_image(path)]
    if series:
        yield lambda: read_files(series, memory_budget, root)
    if len(images) > 1:
        yield lambda: [_one_of_images(images, root, memory_budget)]
    read = {*series, *(images if len(images) > 1 else ())}
    for path in chosen:
        if path not in read:
            yield partial(read_cines, path, memory_budget=memory_budget)


def can_read_together(paths: Sequence[str | Path]) -> bool:
    """Return whether paths that were chosen together may hold loops.

    Parameters
    ----------
    paths
        Files and folders.
    """
    chosen = [Path(path) for path in paths]
    return any(map(can_read, chosen)) or sum(map(is_image, chosen)) > 1


def is_image(path: Path) -> bool:
    """Return whether a file may be a frame of an image folder, judged by its name."""
    return path.suffix.lower() in IMAGES and is_regular(path) and not is_dicom(path)


def _is_part_of_series(path: Path) -> bool:
    return is_regular(path) and not is_dicomdir(path) and is_dicom(path)


def _one_of_images(images: Sequence[Path], root: Path, memory_budget: int) -> Cine:
    with damage_named(images[0], "image"):
        return read_image_files(images, root, memory_budget)


def _common_folder(paths: Sequence[Path]) -> Path:
    folders = [path.absolute().parent for path in paths]
    try:
        common = Path(os.path.commonpath(folders))
    except ValueError:  # the folders are on different drives
        return folders[0]
    # keep the way in which the user wrote the path, if possible
    first = paths[0].parent
    return first if first.absolute() == common else common
