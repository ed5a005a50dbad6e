"""Store the pixels of loops that do not come from a file inside the project."""

from __future__ import annotations

import zipfile
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MemoryBudgetError, MotionSegError, ReadError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.dicom_spacing import LEAST_ASPECT, MOST_ASPECT
from napari_motionseg.io.regular_files import open_regular
from napari_motionseg.project.manifest import LoopRecord

STORED = "loops"  # name of the folder in a project
LARGEST_HEADER = 10_000  # bytes of an array's header
_PART_BYTES = 2**24  # bytes read at once


def store_pixels(cine: Cine, folder: Path, number: int) -> str:
    """Store the pixels of a loop, and return the name of the file.

    Parameters
    ----------
    cine
        The loop whose frames are stored.
    folder
        Path of the project.
    number
        Number of the loop, which is unique in the project.

    Raises
    ------
    WriteError
        If the file cannot be written.
    """
    name = f"{number}.npz"
    known = {
        "bits": np.asarray(cine.bits_stored),
        "pixel_aspect": np.asarray(float(cine.pixel_aspect)),
    }
    if cine.frame_times is not None:
        known["frame_times"] = cine.frame_times
    if cine.pixel_spacing is not None:
        known["pixel_spacing"] = np.asarray(cine.pixel_spacing)
    with replacing(folder / STORED / name) as temporary:
        np.savez_compressed(temporary, frames=cine.frames[:], **known)  # type: ignore[arg-type]
    return name


def read_stored(record: LoopRecord, folder: Path, memory_budget: int) -> Cine:
    """Read the stored pixels of a loop from the project.

    Parameters
    ----------
    record
        Record of the loop, whose shape the pixels must have.
    folder
        Path of the project.
    memory_budget
        Number of bytes that the pixels may take.

    Raises
    ------
    MemoryBudgetError
        If the pixels need more than the budget; they are not read then.
    ReadError
        If the file is missing, damaged, not a regular file, or of another shape.
    """
    path = folder / STORED / record.stored
    try:
        file = open_regular(path, follow_links=False)
    except ReadError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise ReadError(
                f"loop {record.name!r} is missing: there is no file {path}"
            ) from error
        raise
    with file, damage_named(path, "stored loop"):
        try:
            with zipfile.ZipFile(file) as archive:
                return _cine(archive, record, memory_budget)
        except (zipfile.BadZipFile, SyntaxError, TokenError) as error:
            raise ReadError(f"{path}: damaged or unreadable ({error})") from error
        except MemoryBudgetError as error:
            raise MemoryBudgetError(f"{path}: {error}") from error
        except MotionSegError as error:
            raise ReadError(f"{path}: {error}") from error


def _cine(archive: zipfile.ZipFile, record: LoopRecord, memory_budget: int) -> Cine:
    frames = _array(archive, "frames", "biuf", record.shape, memory_budget)
    optional: dict[str, Any] = {}
    shapes = {
        "frame_times": record.shape[:1],
        "pixel_spacing": (2,),
        "pixel_aspect": (),  # earlier versions did not store it
    }
    for name, shape in shapes.items():
        if f"{name}.npy" in archive.namelist():
            optional[name] = _array(archive, name, "f", shape, memory_budget)
    spacing = optional.pop("pixel_spacing", None)
    if spacing is not None:
        optional["pixel_spacing"] = (float(spacing[0]), float(spacing[1]))
    aspect = float(optional.pop("pixel_aspect", 1.0))
    if not LEAST_ASPECT <= aspect <= MOST_ASPECT:
        raise ReadError(
            f"says that pixels are {aspect:g} times as high as wide; it must be "
            f"{LEAST_ASPECT:g} to {MOST_ASPECT:g}"
        )
    optional["pixel_aspect"] = aspect
    bits = int(_array(archive, "bits", "iu", (), memory_budget))
    if not 0 < bits <= 16:
        raise ReadError(f"stores {bits} bits per pixel; there must be 1 to 16")
    return Cine.from_array(frames, bits_stored=bits, name=record.name, **optional)


def _array(
    archive: zipfile.ZipFile,
    name: str,
    kinds: str,
    shape: tuple[int, ...],
    memory_budget: int,
) -> NDArray[Any]:
    """Read an array of an expected shape; check its header before reading values."""
    with archive.open(f"{name}.npy") as file:
        found, rows_first, dtype = _header(file)
        if found != shape or dtype.kind not in kinds or dtype.itemsize > 8:
            raise ReadError(
                f"holds {name} of shape {found} and type {dtype}; the project needs "
                f"{shape}"
            )
        needed = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if needed > memory_budget:
            raise MemoryBudgetError(
                f"{name} needs {needed / 2**30:.3g} GiB; the memory budget is "
                f"{memory_budget / 2**30:.3g} GiB"
            )
        content = bytearray()  # grows with the data, whatever the header promises
        while len(content) < needed:
            part = file.read(min(_PART_BYTES, needed - len(content)))
            if not part:
                raise ReadError(f"ends before the end of {name}")
            content += part
        if file.read(1):
            raise ReadError(f"holds more than {name} after its values")
    array = np.frombuffer(content, dtype)
    if rows_first:
        return array.reshape(shape)
    return array.reshape(shape, order="F")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if reader is None:
        raise ReadError(f"has arrays of an unknown version {version}")
    shape, columns_first, dtype = reader(file, max_header_size=LARGEST_HEADER)
    return shape, not columns_first, dtype
