"""Loops that are no DICOM: movies, TIFF stacks, arrays, folders of images."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MemoryBudgetError, ReadError
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.dicom_pixels import luminance
from napari_motionseg.io.own_marks import is_own

Frame = NDArray[Any]
VIDEO = (".avi", ".mp4", ".mov", ".mkv", ".m4v")
TIFF = (".tif", ".tiff")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp")
MOVIES = (*VIDEO, ".gif", *TIFF, ".npy")


def read_movie(path: str | Path, memory_budget: int) -> Cine:
    """Read a movie by its suffix.

    Parameters
    ----------
    path
        AVI, MP4, MOV, MKV, GIF, TIFF or ``.npy``. An array has axes ``(T, H, W)``,
        ``(H, W)`` or ``(T, H, W, 3)``; colours become luminance.
    memory_budget
        Bytes that all frames together may take.

    Raises
    ------
    ReadError
        If the file is damaged or no movie.
    MemoryBudgetError
        If it is larger than the budget.
    """
    path = Path(path)
    if not path.is_file():
        raise ReadError(f"{path}: no such file")
    suffix = path.suffix.lower()
    with damage_named(path, "movie"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if suffix == ".npy":
            array, interval = _checked(_load_npy(path), path, memory_budget), None
        elif suffix in TIFF:
            array, interval = _tiff(path, memory_budget)
        elif suffix in MOVIES:
            array, interval = _video(path, memory_budget)
        else:
            raise ReadError(f"{path}: no movie; these are: {', '.join(MOVIES)}")
        return _cine(array, interval, path)


def read_image_folder(folder: str | Path, memory_budget: int) -> Cine:
    """Read the images of a folder as frames, by the numbers in their names.

    Raises
    ------
    ReadError
        If there is none, or they differ in size.
    """
    folder = Path(folder)
    files = sorted(images_in(folder), key=lambda file: natural(file.name))
    if not files:
        raise ReadError(f"{folder}: holds no image ({', '.join(IMAGES)})")
    with damage_named(files[0], "image"):
        first = _gray(iio.imread(files[0]))
    needed = first.nbytes * len(files)
    if needed > memory_budget:
        raise MemoryBudgetError(_too_large(folder, needed, memory_budget))

    def decode(index: int) -> Frame:
        """Read one image, and insist on the size and type of the first."""
        with damage_named(files[index], "image"):
            frame = _gray(iio.imread(files[index]))
        if frame.shape != first.shape or frame.dtype != first.dtype:
            raise ReadError(
                f"{files[index]}: is {frame.shape} {frame.dtype}; the first image of "
                f"the folder is {first.shape} {first.dtype}: a loop has one size"
            )
        return frame

    array = np.stack([decode(index) for index in range(len(files))])
    return _cine(array, None, folder)


def images_in(folder: Path) -> list[Path]:
    """Return the image files right in a folder; results of this program are none."""
    images = (p for p in folder.iterdir() if p.suffix.lower() in IMAGES and p.is_file())
    return [path for path in images if not is_own(path)]


def natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts ``frame2`` before ``frame10``."""
    parts, digits = [], ""
    for character in f"{name} ":
        if character.isdigit():
            digits += character
            continue
        if digits:
            parts.append((int(digits), ""))
            digits = ""
        parts.append((-1, character))
    return parts


def _load_npy(path: Path) -> Frame:
    # mapped, so that a file larger than the budget is refused before it is read
    array: Frame = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _tiff(path: Path, memory_budget: int) -> tuple[Frame, float | None]:
    with tifffile.TiffFile(path) as file:
        if not file.series:
            raise ReadError(f"{path}: holds no image")
        series = file.series[0]
        needed = int(np.prod(series.shape, dtype=np.int64)) * series.dtype.itemsize
        if needed > memory_budget:
            raise MemoryBudgetError(_too_large(path, needed, memory_budget))
        described = file.imagej_metadata or {}
        array = _checked(series.asarray(), path, memory_budget)
    seconds, rate = described.get("finterval"), described.get("fps")
    if seconds:
        return array, float(seconds) * 1000
    return array, 1000.0 / float(rate) if rate else None


def _video(path: Path, memory_budget: int) -> tuple[Frame, float | None]:
    frames, used = [], 0
    plugin: Any = "pillow" if path.suffix.lower() == ".gif" else "FFMPEG"
    for frame in iio.imiter(path, plugin=plugin):
        gray = _gray(frame)
        used += gray.nbytes
        if used > memory_budget:
            raise MemoryBudgetError(_too_large(path, used, memory_budget))
        frames.append(gray)
    if not frames:
        raise ReadError(f"{path}: holds no frame")
    first: dict[str, Any] = {"index": 0} if plugin == "pillow" else {}
    described = iio.immeta(path, plugin=plugin, **first)
    rate = described.get("fps")
    interval = 1000.0 / rate if rate else described.get("duration")
    return np.stack(frames), float(interval) if interval else None


def _checked(array: Frame, path: Path, memory_budget: int) -> Frame:
    if array.nbytes > memory_budget:
        raise MemoryBudgetError(_too_large(path, array.nbytes, memory_budget))
    array = _gray(array)
    while array.ndim > 3 and len(array) == 1:
        array = array[0]
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ReadError(f"{path}: is {array.shape}; a loop has axes (T, H, W)")
    return np.ascontiguousarray(array)


def _gray(frame: Frame) -> Frame:
    if frame.ndim < 3:
        return frame
    if frame.shape[-1] == 1:
        return frame[..., 0]
    return (
        luminance(frame[..., :3], frame.dtype) if frame.shape[-1] in (3, 4) else frame
    )


def _too_large(path: Path, needed: int, budget: int) -> str:
    return (
        f"{path}: needs {needed / 2**30:.3g} GiB; the memory budget is "
        f"{budget / 2**30:.3g} GiB"
    )


def _cine(array: Frame, interval: float | None, path: Path) -> Cine:
    count = len(array) if array.ndim == 3 else 1
    known = interval is not None and interval > 0
    times = np.arange(count) * interval if known and interval is not None else None
    basis = "container" if known else "unknown"
    return Cine.from_array(
        array, times, timing_basis=basis, name=path.stem, source=path,
        technical={"format": path.suffix.lower().lstrip(".") or "images"},
    )  # fmt: skip
