"""Reading the formats that labels and masks are stored in: npz, TIFF, PNG, NIfTI.

Nothing is allocated that the loop's shape does not account for: headers are compared
with it before pixels are read, and pickled objects are never loaded.
"""

from __future__ import annotations

import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from napari_motionseg.errors import LabelError, PartialReadWarning, ReadError
from napari_motionseg.io.nifti import SUFFIXES as NIFTI
from napari_motionseg.io.nifti import read_nifti

Shape = tuple[int, int, int]
FORMATS = (".npz", ".tif", ".tiff", ".png", *NIFTI)
_IMAGE_SUFFIXES = (".tif", ".tiff", ".png")
# the pairs of names under which files hold labels and which frames are labelled
_NPZ_KEYS = (("labels", "labelled"), ("mask", "valid"))
_DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    SyntaxError,  # Pillow, on a broken PNG chunk
    NotImplementedError,  # zipfile, on an unknown compression
    RuntimeError,  # zipfile, on an encrypted member
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    tifffile.TiffFileError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """What a file holds.

    Parameters
    ----------
    labels
        ``(T, H, W)``, or ``(H, W)`` for a single image; as stored.
    labelled
        ``(T,)`` which frames are labelled, or None where the file does not say.
    """

    labels: NDArray[Any]
    labelled: NDArray[Any] | None = None


def load_labels(path: Path, shape: Shape) -> StoredLabels:
    """Read a label file of a loop of `shape`.

    Raises
    ------
    LabelError
        If what is stored is no array of integers of this shape.
    ReadError
        If there is no such file, or it is damaged or of another type.
    """
    if path.is_dir():
        return _load_folder(path, shape)
    loaders: dict[str, Callable[[Path, Shape], StoredLabels]] = {
        ".npz": _load_npz,
        ".tif": _load_tiff,
        ".tiff": _load_tiff,
        ".png": _load_png,
        ".nii": _load_nifti,
        ".nii.gz": _load_nifti,
    }
    if not path.is_file():
        raise ReadError(f"{path}: no such file")
    loader = loaders.get(suffix_of(path))
    if loader is None:
        raise ReadError(
            f"{path}: labels are read from {', '.join(FORMATS)} or a folder of "
            f"images, not from {path.suffix or 'a file without a suffix'!r}"
        )
    with _damage_named(path):
        return loader(path, shape)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn whatever a broken file makes a library raise into one kind of error."""
    try:
        yield
    except LabelError:
        raise
    except MemoryError as error:
        raise ReadError(f"{path}: does not fit in memory") from error
    except _DAMAGE as error:
        words = error.strerror if isinstance(error, OSError) else None
        raise ReadError(
            f"{path}: damaged or unreadable label file ({words or error})"
        ) from error


def _load_npz(path: Path, shape: Shape) -> StoredLabels:
    with zipfile.ZipFile(path) as archive:
        names = {Path(n).stem for n in archive.namelist() if n.endswith(".npy")}
        keys = next((pair for pair in _NPZ_KEYS if pair[0] in names), None)
        if keys is None:
            held = ", ".join(sorted(names)) or "nothing"
            raise LabelError(f"needs an array 'labels' (or 'mask'); holds {held}")
        labels_key, labelled_key = keys
        labels = _member(archive, labels_key, (shape, shape[1:]))
        labelled = None
        if labelled_key in names and labels.ndim == 3:
            labelled = _member(archive, labelled_key, (shape[:1],))
    return StoredLabels(labels, labelled)


def _member(
    archive: zipfile.ZipFile, key: str, shapes: tuple[tuple[int, ...], ...]
) -> NDArray[Any]:
    """Read one array, after its header was found to promise one of `shapes`."""
    with archive.open(f"{key}.npy") as stream:
        stored_shape, dtype = _header(stream)
    if dtype.hasobject:
        raise LabelError(f"{key!r} holds Python objects, which are never loaded")
    _require_integers(dtype)
    _require_shape(stored_shape, *shapes)
    with archive.open(f"{key}.npy") as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"npy version {version}")
    shape, _, dtype = readers[version](stream)
    return shape, dtype


def _load_tiff(path: Path, shape: Shape) -> StoredLabels:
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        stored_shape = tuple(n for n in series.shape if n > 1)
        wanted = tuple(n for n in shape if n > 1)
        if series.dtype is not None:
            _require_integers(series.dtype)
        if stored_shape not in (wanted, tuple(n for n in shape[1:] if n > 1)):
            raise LabelError(_mismatch(series.shape, shape))
        described = (file.shaped_metadata or ({},))[0]
        stack = stored_shape == wanted
        array: NDArray[Any] = series.asarray().reshape(shape if stack else shape[1:])
    labelled = described.get("labelled") if stack else None
    return StoredLabels(
        _classes_of(array, path),
        None if labelled is None else np.asarray(labelled, dtype=bool),
    )


def _load_png(path: Path, shape: Shape) -> StoredLabels:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(path, formats=["PNG"])
        except UnidentifiedImageError as error:
            raise ReadError(f"{path}: not a PNG image") from error
    with image:
        _require_shape((image.height, image.width), shape[1:])
        if len(image.getbands()) > 1:
            raise LabelError(
                f"labels need one channel, the class's number; got {image.mode}"
            )
        array = np.asarray(image)
    return StoredLabels(_classes_of(array, path))


def _load_nifti(path: Path, shape: Shape) -> StoredLabels:
    return StoredLabels(read_nifti(path, shape))


def suffix_of(path: Path) -> str:
    """Return the suffix in lower case, ``.nii.gz`` as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def _load_folder(folder: Path, shape: Shape) -> StoredLabels:
    """Read numbered images; a frame that has one is labelled."""
    images = [p for p in folder.iterdir() if p.suffix.lower() in _IMAGE_SUFFIXES]
    if not images:
        raise ReadError(f"{folder}: holds no image ({', '.join(_IMAGE_SUFFIXES)})")
    labels: NDArray[Any] = np.zeros(shape, np.uint16)
    labelled = np.zeros(shape[0], bool)
    for path in sorted(images):
        number = re.search(r"(\d+)$", path.stem)
        if number is None or int(number[1]) >= shape[0]:
            raise LabelError(
                f"{path.name}: the name must end in its frame's index, "
                f"0 to {shape[0] - 1}"
            )
        stored = load_labels(path, (1, *shape[1:])).labels
        _require_integers(stored.dtype)
        if stored.size and (stored.min() < 0 or stored.max() > np.iinfo("u2").max):
            raise LabelError(f"{path.name}: labels must be 0 to 65535")
        labels[int(number[1])] = stored.reshape(shape[1:])
        labelled[int(number[1])] = True
    return StoredLabels(labels, labelled)


def _classes_of(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """Read black and white images as classes 0 and 1, and say so."""
    if array.dtype == np.uint8 and np.isin(array, (0, 255)).all() and array.any():
        warnings.warn(
            f"{path.name}: a black and white image; 255 is taken as class 1",
            PartialReadWarning,
            stacklevel=2,
        )
        array = (array == 255).astype(np.uint8)
    return array


def _require_integers(dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "bui":
        raise LabelError(f"labels must be integers, one number per class; got {dtype}")


def _require_shape(got: tuple[int, ...], *wanted: tuple[int, ...]) -> None:
    if tuple(got) not in wanted:
        raise LabelError(_mismatch(got, wanted[0]))


def _mismatch(got: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    return f"shape {tuple(got)} does not fit the loop's {tuple(wanted)}"
