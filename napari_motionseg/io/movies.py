"""Read loops from movies, TIFF stacks and NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_motionseg.cine import Cine
from napari_motionseg.errors import ReadError
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.image_folders import IMAGES as IMAGES
from napari_motionseg.io.image_folders import cine_of_movie
from napari_motionseg.io.image_folders import images_in as images_in
from napari_motionseg.io.image_folders import read_image_folder as read_image_folder
from napari_motionseg.io.movie_frames import (
    Frame,
    MovieFrames,
    gray,
    require_budget,
    whole_numbers,
)
from napari_motionseg.io.npy_arrays import npy_header, npy_pixels
from napari_motionseg.io.pillow_images import read_gif
from napari_motionseg.io.program_marks import movie_format
from napari_motionseg.io.regular_files import open_regular
from napari_motionseg.io.tiff_stack import read_tiff
from napari_motionseg.io.video_frames import read_video

VIDEO = (".avi", ".mp4", ".mov", ".mkv", ".m4v")
TIFF = (".tif", ".tiff")
MOVIES = (*VIDEO, ".gif", *TIFF, ".npy")


def read_movie(path: str | Path, memory_budget: int) -> Cine:
    """Read a movie, TIFF stack or array; its content decides how, then its suffix.

    Parameters
    ----------
    path
        Path of an AVI, MP4, MOV, MKV, GIF, TIFF or ``.npy`` file. An array has axes
        ``(T, H, W)``, ``(H, W)`` or ``(T, H, W, 3)``; colours become luminance.
    memory_budget
        Largest number of bytes that all frames together may take.

    Raises
    ------
    ReadError
        If the file is damaged or not a movie; `MissingDecoderError` if a decoder is
        missing.
    MemoryBudgetError
        If its frames exceed the budget.

    Warns
    -----
    PartialReadWarning
        If the file is cut short, or parts of it are left out.
    """
    path = Path(path)
    open_regular(path).close()  # a pipe, a device or nothing at all is refused here
    suffix = path.suffix.lower()
    found = movie_format(path)
    if suffix not in MOVIES and not found:
        raise ReadError(f"{path}: is not a movie; supported are {', '.join(MOVIES)}")
    named = FORMATS.get(suffix, "video" if suffix in VIDEO else "")
    form = found or named
    with damage_named(path, "movie"):
        movie = READERS[form](path, memory_budget)
    if form != named:
        note = f"the content is {NAMES[form]}, whatever the name of the file says"
        movie = replace(movie, notes=(note, *movie.notes))
    return cine_of_movie(movie, path, suffix.lstrip(".") or form)


def read_npy(path: Path, memory_budget: int) -> MovieFrames:
    """Read a NumPy array as a loop; pickled objects are never loaded.

    The file is read and not memory-mapped: if another program shortened a mapped file,
    this process would crash.

    Parameters
    ----------
    path
        Path of the file.
    memory_budget
        Largest number of bytes that the array may take.

    Raises
    ------
    ReadError
        If the array does not have the axes of a loop, or the file is truncated.
    MemoryBudgetError
        If the header promises more than the budget.
    """
    with open_regular(path) as stream:
        header = npy_header(stream)
        needed = int(np.prod(header[0], dtype=object)) * header[2].itemsize
        require_budget(path, needed, memory_budget)
        array = npy_pixels(stream, header)
    frames, notes = whole_numbers(_as_loop(array, path), path)
    return MovieFrames(np.ascontiguousarray(frames), notes=notes)


def _as_loop(array: Frame, path: Path) -> Frame:
    """Return an array ``(T, H, W)``; drop axes of length 1 and convert colours."""
    given = array.shape
    if array.ndim >= 3 and array.shape[-1] in (1, 3, 4):
        array = gray(array)
    while array.ndim > 3 and len(array) == 1:
        array = array[0]
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or 0 in array.shape:
        raise ReadError(f"{path}: an array must have axes (T, H, W); got {given}")
    return array


FORMATS = {".gif": "gif", ".tif": "tiff", ".tiff": "tiff", ".npy": "npy"}
NAMES = {"gif": "a GIF", "tiff": "a TIFF", "npy": "an array", "video": "a video"}
READERS: dict[str, Callable[[Path, int], MovieFrames]] = {
    "gif": read_gif,
    "tiff": read_tiff,
    "npy": read_npy,
    "video": read_video,
}
