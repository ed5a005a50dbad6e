"""Read the formats of labels and masks: npz, TIFF, PNG, NIfTI, DICOM Segmentation.

Headers are compared with the shape of the loop before pixels are read, so a file cannot
make this program allocate more than the loop needs. Pickled objects are never loaded.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import LabelError, PartialReadWarning, ReadError
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.dicom_header import is_dicom
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.label_values import class_numbers, require_fit
from napari_motionseg.io.nifti import SUFFIXES as NIFTI
from napari_motionseg.io.nifti import read_nifti
from napari_motionseg.io.npy_arrays import npy_header, npy_pixels
from napari_motionseg.io.pillow_images import (
    is_deep_colour,
    open_image,
    png_raw_mode,
)
from napari_motionseg.io.png16 import read_deep_colours
from napari_motionseg.io.regular_files import is_regular, open_regular
from napari_motionseg.io.tiff_frames import (
    IN_A_FRAME,
    DecodedFrames,
    decode_series,
    frame_count,
    frames_in_order,
)
from napari_motionseg.io.tiff_stack import choose_series, quiet_tifffile

Shape = tuple[int, int, int]
FORMATS = (".npz", ".tif", ".tiff", ".png", *NIFTI)
_IMAGE_SUFFIXES = (".tif", ".tiff", ".png")
# pairs of array names: the labels, and which frames are labelled
_NPZ_KEYS = (("labels", "labelled"), ("mask", "valid"))
CONTENT = "cine_sha256"  # name of the array that holds the hash of the loop's pixels
HASH_DIGITS = 64
_HASH = re.compile(rf"[0-9a-f]{{{HASH_DIGITS}}}")
SPREAD = {"L;2": 85, "L;4": 17}  # step between two gray values, by Pillow's raw mode
_ANY_SIZE = 2**62  # bytes; the limit depends on the loop's shape only


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """Content of a label file.

    Parameters
    ----------
    labels
        Labels as stored, ``(T, H, W)``, or ``(H, W)`` for a single image.
    labelled
        ``(T,)`` which frames are labelled, or None where the file does not say.
    content
        Hash of the loop's pixels, see `Cine.content_hash`; empty where the file does
        not say.
    names
        Names of classes 1, 2, ..., as `segment_codes.segments_of` takes them; empty
        where the file does not say.
    """

    labels: NDArray[Any]
    labelled: NDArray[Any] | None = None
    content: str = ""
    names: tuple[str, ...] = ()


def load_labels(path: Path, shape: Shape, cine: Cine | None = None) -> StoredLabels:
    """Read a label file of a loop of `shape`.

    Parameters
    ----------
    path
        Path of a file in one of `FORMATS`, or of a folder of images.
    shape
        Frames, rows and columns of the loop; compared with the file's header before
        pixels are read.
    cine
        The loop itself, for a DICOM Segmentation; other formats do without.

    Raises
    ------
    LabelError
        If the labels do not fit the loop, or are not one number for each class.
    ReadError
        If the file is missing, damaged or of another type.

    Warns
    -----
    PartialReadWarning
        If black and white masks, or channels, were interpreted as classes.
    """
    with damage_named(path, "label file"):  # a name may be too long for the disk
        is_folder, is_there = path.is_dir(), path.exists()
    if is_folder:
        return _load_folder(path, shape)
    loaders: dict[str, Callable[[Path, Shape], StoredLabels]] = {
        ".npz": _load_npz,
        ".tif": _load_tiff,
        ".tiff": _load_tiff,
        ".png": _load_png,
        ".nii": _load_nifti,
        ".nii.gz": _load_nifti,
    }
    if not is_there:
        raise ReadError(f"{path}: there is no such file")
    loader = loaders.get(suffix_of(path))
    if loader is None and is_dicom(path):
        return _load_segmentation(path, shape, cine)
    if loader is None:
        raise ReadError(
            f"{path}: labels are read from {', '.join(FORMATS)}, a folder of images or "
            f"a DICOM Segmentation, not from {path.suffix or 'a file without suffix'!r}"
        )
    with damage_named(path, "label file"):
        stored = loader(path, shape)
    labels = class_numbers(stored.labels, shape, path.name)
    labelled = None if labels.ndim == 2 else stored.labelled
    return StoredLabels(labels, labelled, stored.content)


def _load_npz(path: Path, shape: Shape) -> StoredLabels:
    with open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
        names = {Path(n).stem for n in archive.namelist() if n.endswith(".npy")}
        keys = next((pair for pair in _NPZ_KEYS if pair[0] in names), None)
        if keys is None:
            held = ", ".join(sorted(names)) or "nothing"
            raise LabelError(f"must hold an array 'labels' or 'mask'; it holds {held}")
        labels_key, labelled_key = keys
        labels = _member(archive, labels_key, shape)
        labelled = None
        if labelled_key in names and labels.shape[0] == shape[0]:
            labelled = _member(archive, labelled_key, None, shape[0])
        content = _stored_hash(archive) if CONTENT in names else ""
    return StoredLabels(labels, labelled, content)


def _stored_hash(archive: zipfile.ZipFile) -> str:
    """Return the hash of the loop that a file names; empty where it is no hash."""
    with archive.open(f"{CONTENT}.npy") as stream:
        try:
            header = npy_header(stream)
            if header[0] != () or header[2] != np.dtype(f"<U{HASH_DIGITS}"):
                return ""
            return _checked_hash(str(npy_pixels(stream, header)))
        except ValueError:  # the labels can be read without it
            return ""


def _checked_hash(value: Any) -> str:
    known = isinstance(value, str) and _HASH.fullmatch(value)
    return str(value) if known else ""


def _member(
    archive: zipfile.ZipFile, key: str, shape: Shape | None, count: int = 0
) -> NDArray[Any]:
    """Read an array of an archive after its header was found to fit the loop."""
    with archive.open(f"{key}.npy") as stream:
        try:
            header = npy_header(stream)
        except ValueError as error:
            raise LabelError(f"{key!r} cannot be read: {error}") from error
        if shape is not None:
            require_fit(header[0], shape)
        elif header[0] != (count,):
            raise LabelError(
                f"{key!r} must have one flag for each of {count} frames; "
                f"got shape {header[0]}"
            )
        return npy_pixels(stream, header)


def _load_tiff(path: Path, shape: Shape) -> StoredLabels:
    with (
        open_regular(path) as stream,
        quiet_tifffile() as errors,
        tifffile.TiffFile(stream, name=path.name, _multifile=False) as file,
    ):
        series, _ = choose_series(file.series, path)
        stored = _tiff_shape(series, shape)
        cut = f"{path}: the TIFF file is damaged or ends too early"
        if errors and stored != shape:
            raise ReadError(f"{cut} ({errors[0]})")
        require_fit(stored, shape)
        array = _tiff_pixels(file, series, path).reshape(stored)
        described = (file.shaped_metadata or ({},))[0]
    if errors:
        warnings.warn(cut, PartialReadWarning, stacklevel=4)
    labelled = described.get("labelled") if len(array) == shape[0] else None
    return StoredLabels(
        array, None if labelled is None else np.asarray(labelled, dtype=bool),
        _checked_hash(described.get(CONTENT)),
    )  # fmt: skip


def _tiff_shape(series: list[Any], shape: Shape) -> tuple[int, ...]:
    """Return the shape of all series of a TIFF together, without axes of length 1."""
    axes, sizes = series[0].axes, series[0].shape
    if axes.endswith("SYX"):  # one plane for each channel
        sizes = (*sizes[:-3], *sizes[-2:], sizes[-3])
    stored = tuple(n for n in sizes if n > 1)
    if len(series) > 1:
        in_a_frame = sum(
            n > 1 for axis, n in zip(axes, sizes, strict=True) if axis in IN_A_FRAME
        )
        stored = (sum(map(frame_count, series)), *stored[len(stored) - in_a_frame :])
    for fitting in (shape, shape[1:]):
        if stored == tuple(n for n in fitting if n > 1):
            return fitting
    single = axes in ("YXS", "SYX") and len(series) == 1
    return (1, *stored) if single else stored


def _tiff_pixels(
    file: tifffile.TiffFile, series: list[Any], path: Path
) -> NDArray[Any]:
    """Return the pixels of all series, in the order of the file and black as 0."""
    if len(series) == 1:
        array: NDArray[Any] = series[0].asarray()
        if series[0].axes.endswith("SYX"):
            array = np.moveaxis(array, -3, -1)
        return _with_black_as_zero(array, series[0])
    parts = [decode_series(file, one, path) for one in series]
    if any(len(part.frames) < part.count for part in parts):
        raise ReadError(f"{path}: damaged TIFF: an image cannot be decoded")
    shown = [
        DecodedFrames(_with_black_as_zero(part.frames, one), part.places, part.count)
        for part, one in zip(parts, series, strict=True)
    ]
    return frames_in_order(series, shown).frames


def _with_black_as_zero(array: NDArray[Any], series: Any) -> NDArray[Any]:
    """Invert a black and white mask in which white is 0; leave classes as they are."""
    page = series.keyframe
    if page.photometric != tifffile.PHOTOMETRIC.MINISWHITE:
        return array
    if array.dtype.kind == "b":
        # tifffile, and so scikit-image, stores True as 1 and calls it black
        return array if str(page.software).startswith("tifffile") else ~array
    white = (
        array.dtype.kind == "u" and array.max(initial=0) == np.iinfo(array.dtype).max
    )
    return np.iinfo(array.dtype).max - array if white else array


def _load_png(path: Path, shape: Shape) -> StoredLabels:
    with open_image(path, ("PNG",), _ANY_SIZE) as image:
        require_fit((image.height, image.width), shape)
        if is_deep_colour(image):
            return StoredLabels(read_deep_colours(path)[None])
        # Pillow spreads gray values of 2 and 4 bits over 8 bits
        spread = SPREAD.get(png_raw_mode(image), 1)
        # pixels of a palette image are class numbers; the colours have no meaning
        pixels = np.asarray(image)[None]
        return StoredLabels(pixels // np.uint8(spread) if spread > 1 else pixels)


def _load_nifti(path: Path, shape: Shape) -> StoredLabels:
    return StoredLabels(read_nifti(path, shape))


def _load_segmentation(path: Path, shape: Shape, cine: Cine | None) -> StoredLabels:
    if cine is None:
        raise LabelError(
            "a DICOM Segmentation says by references which frames its masks belong to; "
            "give the loop that it was made of"
        )
    found = read_segmentation(path, cine)
    require_fit(found.labels.shape, shape)
    names = {segment.number: segment.name for segment in found.segments}
    in_order = tuple(names.get(k, "") for k in range(1, max(names, default=0) + 1))
    return StoredLabels(found.labels, found.labelled, names=in_order)


def suffix_of(path: Path) -> str:
    """Return the suffix of a path in lower case; ``.nii.gz`` counts as one suffix."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def _load_folder(folder: Path, shape: Shape) -> StoredLabels:
    """Read numbered images; a frame is labelled if there is an image for it."""
    images = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and is_regular(path)
    ]
    if not images:
        raise ReadError(f"{folder}: holds no image ({', '.join(_IMAGE_SUFFIXES)})")
    labels: NDArray[Any] = np.zeros(shape, np.uint16)
    labelled = np.zeros(shape[0], bool)
    for path in sorted(images):
        frame = _frame_of(path, shape[0])
        if labelled[frame]:
            raise LabelError(
                f"{path.name}: another image is for frame {frame} too; keep one of "
                "the two"
            )
        with _named(path):
            stored = load_labels(path, (1, *shape[1:])).labels
        if stored.size and (stored.min() < 0 or stored.max() > np.iinfo("u2").max):
            raise LabelError(f"{path.name}: labels must lie between 0 and 65535")
        labels[frame] = stored.reshape(shape[1:])
        labelled[frame] = True
    return StoredLabels(labels, labelled)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the image of a folder in an error about its labels."""
    try:
        yield
    except LabelError as error:
        raise type(error)(f"{path.name}: {error}") from error


def _frame_of(path: Path, count: int) -> int:
    number = re.search(r"([0-9]+)$", path.stem)
    if number is None or int(number[1]) >= count:
        raise LabelError(
            f"{path.name}: the name must end in its frame's index, 0 to {count - 1}"
        )
    return int(number[1])
