"""Read a folder of images as a loop, ordered by the numbers in their names."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_motionseg.cine import Cine, FrameStack
from napari_motionseg.cine.frame_stack import describe_damage
from napari_motionseg.errors import MemoryBudgetError, PartialReadWarning, ReadError
from napari_motionseg.io.image_names import gap_note, in_order
from napari_motionseg.io.movie_frames import (
    Frame,
    MovieFrames,
    require_budget,
    whole_numbers,
    with_blanks,
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
        If no image can be read, images differ in size, or two have the same number.
    MemoryBudgetError
        If the frames exceed the budget.

    Warns
    -----
    PartialReadWarning
        If thumbnails are left out, images are damaged (their frames are blank), or
        names are of several kinds.
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
        If no image can be read, the images differ in size, or two have the same number.
    MemoryBudgetError
        If the frames exceed the budget.

    Warns
    -----
    PartialReadWarning
        If thumbnails are left out, images are damaged (their frames are blank), or
        names are of several kinds.
    """
    files = _without_thumbnails(folder, files, memory_budget)
    files = in_order(files, folder)
    stills, colours = _sound_images(files, folder, memory_budget)
    frames, notes = whole_numbers(np.stack([*stills.values()]), folder)
    frames, damaged = with_blanks(frames, np.array([*stills]), len(files))
    notes = (*gap_note(files), *colours, *notes)
    movie = MovieFrames(frames, notes=notes, damaged=damaged)
    return cine_of_movie(movie, folder, "images")


def _sound_images(
    files: list[Path], folder: Path, memory_budget: int
) -> tuple[dict[int, Frame], tuple[str, ...]]:
    """Return the frames of readable images by index, and notes about their colours."""
    stills: dict[int, Frame] = {}
    errors: list[ReadError] = []
    notes: list[str] = []
    for index, file in enumerate(files):
        try:
            still = read_still(file, FORMATS, memory_budget)
        except MemoryBudgetError:
            raise
        except ReadError as error:
            errors.append(error)
            continue
        first = next(iter(stills.values()), still.gray)
        require_budget(folder, first.nbytes * len(files), memory_budget)
        _require_alike(first, still.gray, file)
        stills[index] = still.gray
        notes += still.notes
    if not stills:
        raise errors[0]
    if errors:
        damaged = sorted({*range(len(files))} - {*stills})
        warnings.warn(
            f"{errors[0]}; {describe_damage(damaged, len(files))}",
            PartialReadWarning,
            stacklevel=4,
        )
    return stills, tuple(dict.fromkeys(notes))


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
    facts = {"bits_stored": movie.bits_stored, "pixel_aspect": movie.pixel_aspect}
    told: dict[str, Any] = {k: v for k, v in facts.items() if v is not None}
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
    folder: Path, files: Sequence[Path], memory_budget: int
) -> list[Path]:
    """Leave out images of at most half the size, if they are a minority."""
    sizes = {}
    for file in files:
        try:
            with open_image(file, FORMATS, memory_budget) as image:
                sizes[file] = image.size
        except MemoryBudgetError:
            raise
        except ReadError:  # reported where the pixels are read
            continue
    counts = Counter(sizes.values())
    if not counts:
        return list(files)
    frames = max(counts, key=lambda size: (counts[size], size))
    small = [
        file
        for file, size in sizes.items()
        if 2 * size[0] <= frames[0] and 2 * size[1] <= frames[1]
    ]
    if not small:
        return list(files)
    warnings.warn(
        f"{folder}: {len(small)} thumbnails are left out: {small[0].name}"
        f"{', ...' if len(small) > 1 else ''}",
        PartialReadWarning,
        stacklevel=3,
    )
    return [file for file in files if file not in set(small)]


def _require_alike(first: Frame, frame: Frame, file: Path) -> None:
    """Raise `ReadError` unless a frame has the size and type of the first one."""
    if frame.shape != first.shape or frame.dtype != first.dtype:
        raise ReadError(
            f"{file}: is {frame.shape} {frame.dtype}, but the first image of the "
            f"folder is {first.shape} {first.dtype}; all frames of a loop must be "
            "alike"
        )
