"""Read a folder of images as a loop, ordered by the numbers in their names."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_motionseg.cine import Cine, FrameStack
from napari_motionseg.errors import PartialReadWarning, ReadError
from napari_motionseg.io.movie_frames import (
    Frame,
    MovieFrames,
    require_budget,
    whole_numbers,
)
from napari_motionseg.io.pillow_images import open_image, read_still
from napari_motionseg.io.program_marks import is_own
from napari_motionseg.io.regular_files import is_regular

IMAGES = (".png", ".jpg", ".jpeg", ".bmp")
FORMATS = ("PNG", "JPEG", "BMP")


def read_image_folder(folder: str | Path, memory_budget: int) -> Cine:
    """Read the images of a folder as frames, ordered by the numbers in their names.

    Parameters
    ----------
    folder
        Folder whose PNG, JPEG and BMP files are the frames; hidden files are ignored.
        Images of at most half the size, if they are the minority, are thumbnails and
        left out.
    memory_budget
        Largest number of bytes that all frames may take.

    Raises
    ------
    ReadError
        If there is no image, or images are damaged or differ in size.
    MemoryBudgetError
        If the frames exceed the budget.

    Warns
    -----
    PartialReadWarning
        If thumbnails are left out.
    """
    folder = Path(folder)
    files = images_in(folder)
    if not files:
        raise ReadError(f"{folder}: holds no image ({', '.join(IMAGES)})")
    return read_image_files(files, folder, memory_budget)


def read_image_files(files: Sequence[Path], folder: Path, memory_budget: int) -> Cine:
    """Read image files as frames, ordered by the numbers in their names.

    Parameters
    ----------
    files
        PNG, JPEG or BMP files in any order, at least one. Images of at most half the
        size, if they are the minority, are thumbnails and left out.
    folder
        Folder that gives the loop its name.
    memory_budget
        Largest number of bytes that all frames may take.

    Raises
    ------
    ReadError
        If an image is damaged, or the images differ in size.
    MemoryBudgetError
        If the frames exceed the budget.

    Warns
    -----
    PartialReadWarning
        If thumbnails are left out.
    """
    files = sorted(files, key=lambda file: natural(file.name))
    files = _without_thumbnails(folder, files, memory_budget)
    first = read_still(files[0], FORMATS, memory_budget)
    require_budget(folder, first.nbytes * len(files), memory_budget)
    others = [_like(first, file, memory_budget) for file in files[1:]]
    frames, notes = whole_numbers(np.stack([first, *others]), folder)
    return cine_of_movie(MovieFrames(frames, notes=notes), folder, "images")


def images_in(folder: Path) -> list[Path]:
    """Return the image files directly in a folder.

    Hidden files and results of this program are left out.
    """
    return [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGES
        and not path.name.startswith(".")
        and is_regular(path)
        and not is_own(path)
    ]


def natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts ``frame2`` before ``frame10``."""
    parts = re.findall(r"[0-9]+|[^0-9]", f"{name} ")
    return [(int(p), "") if p[0] in "0123456789" else (-1, p) for p in parts]


def cine_of_movie(movie: MovieFrames, path: Path, container: str) -> Cine:
    """Make a loop from the decoded frames of a movie.

    Parameters
    ----------
    movie
        Decoded frames with their times, pixel spacing and notes.
    path
        File or folder that the frames come from.
    container
        Name of the file format.
    """
    known = movie.times is not None
    told = {} if movie.bits_stored is None else {"bits_stored": movie.bits_stored}
    cine = Cine.from_array(
        movie.frames, movie.times, movie.pixel_spacing,
        timing_basis="container" if known else "unknown",
        spacing_basis=movie.spacing_basis, name=path.stem, source=path,
        technical={"format": container}, notes=movie.notes, **told,
    )  # fmt: skip
    if not movie.damaged:
        return cine
    pixels = cine.frames[:]
    blank = int(pixels[min(movie.damaged), 0, 0])
    return replace(cine, frames=FrameStack.from_array(pixels, movie.damaged, blank))


def _without_thumbnails(
    folder: Path, files: list[Path], memory_budget: int
) -> list[Path]:
    """Leave out images of at most half the size, if they are a minority."""
    sizes = {}
    for file in files:
        with open_image(file, FORMATS, memory_budget) as image:
            sizes[file] = image.size
    counts = Counter(sizes.values())
    frames = max(counts, key=lambda size: (counts[size], size))
    small = [
        file
        for file in files
        if 2 * sizes[file][0] <= frames[0] and 2 * sizes[file][1] <= frames[1]
    ]
    if not small:
        return files
    warnings.warn(
        f"{folder}: {len(small)} thumbnails are left out: {small[0].name}"
        f"{', ...' if len(small) > 1 else ''}",
        PartialReadWarning,
        stacklevel=3,
    )
    return [file for file in files if file not in set(small)]


def _like(first: Frame, file: Path, memory_budget: int) -> Frame:
    """Read an image, and require the size and type of the first image."""
    frame = read_still(file, FORMATS, memory_budget)
    if frame.shape != first.shape or frame.dtype != first.dtype:
        raise ReadError(
            f"{file}: is {frame.shape} {frame.dtype}, but the first image of the "
            f"folder is {first.shape} {first.dtype}; all frames of a loop must be "
            "alike"
        )
    return frame
