"""Read and write masks as NIfTI-1, for programs that support no other format.

The axes are columns, rows, one slice, frames. A projection has no position in the
patient: the affine only gives the pixel size, with signs that show the picture upright
in viewers that put the patient's left on the right. Times are in equal steps.
"""

from __future__ import annotations

import gzip
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import (
    LabelError,
    MissingDependencyError,
    PartialReadWarning,
    ReadError,
)
from napari_motionseg.io.regular_files import open_regular, read_at_most

SUFFIXES = (".nii", ".nii.gz")
SCANNER_UNKNOWN = 0  # NIFTI_XFORM_UNKNOWN: coordinates refer to no patient
ALIGNED = 2  # NIFTI_XFORM_ALIGNED_ANAT: coordinates refer to another file, the loop
Shape = tuple[int, int, int]
LARGEST_PIXEL = 8  # bytes of a pixel
HEADER_BYTES = 2**20  # bytes that the header may take with its extensions
NIFTI2_HEADER = 540  # bytes; the header of NIfTI-1 has 348
DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError,
    RuntimeError, TypeError, ValueError, zlib.error, np.linalg.LinAlgError,
)  # fmt: skip


def require_nibabel(wanted: str | Path) -> None:
    """Check that NIfTI files can be read and written here.

    Parameters
    ----------
    wanted
        The file or option that asks for NIfTI; the message begins with it.

    Raises
    ------
    MissingDependencyError
        If nibabel is not installed.
    """
    try:
        import nibabel  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"{wanted}: NIfTI files need nibabel, which is not installed: "
            "pip install 'napari-motionseg[nifti]'"
        ) from error


def write_nifti(
    path: Path,
    stack: NDArray[Any],
    pixel_spacing: tuple[float, float] | None,
    frame_times: NDArray[np.float64] | None,
) -> None:
    """Write labels ``(T, H, W)`` as a NIfTI-1 file.

    Parameters
    ----------
    path
        Path of the file, which ends in ``.nii`` or ``.nii.gz``.
    stack
        Labels ``(T, H, W)`` as uint8 or uint16.
    pixel_spacing
        Millimetres between rows and between columns; None writes pixels of size 1
        without a unit.
    frame_times
        ``(T,)`` milliseconds; None leaves out the unit of time.
    """
    import nibabel

    down, across = pixel_spacing or (1.0, 1.0)
    affine = np.diag([-across, -down, 1.0, 1.0])
    make: Any = nibabel.Nifti1Image  # untyped
    image = make(stack.transpose(2, 1, 0)[:, :, None, :], affine)
    image.set_sform(affine, code=ALIGNED)
    image.set_qform(affine, code=SCANNER_UNKNOWN)
    timed = frame_times is not None and len(frame_times) > 1
    step = 1.0 if not timed else float(np.median(np.diff(np.asarray(frame_times))))
    image.header.set_zooms((across, down, 1.0, step))
    image.header.set_xyzt_units(
        "unknown" if pixel_spacing is None else "mm", "msec" if timed else "unknown"
    )
    image.header["descrip"] = b"napari-motionseg; research use only"
    plain = path.with_name(path.name.lower())  # nibabel knows only some capitals
    image.to_filename(plain)
    plain.replace(path)


def read_nifti(path: Path, shape: Shape) -> NDArray[Any]:
    """Read labels for a loop of the given shape, oriented by the affine.

    Other programs reorient images so that the axes run to the patient's right, front
    and head. The affine tells this, and the labels are turned back. An affine with
    positive signs and no origin is what libraries write if the orientation is unknown;
    the order of the file then counts.

    Parameters
    ----------
    path
        Path of a ``.nii`` or ``.nii.gz`` file.
    shape
        Number of frames, rows and columns of the loop.

    Returns
    -------
    ndarray
        Labels ``(T, H, W)``, or ``(H, W)`` for an image of one frame, as stored.

    Raises
    ------
    LabelError
        If the labels do not fit the loop.
    ReadError
        If the file is damaged.
    MissingDependencyError
        If nibabel is not installed.

    Warns
    -----
    PartialReadWarning
        If the labels were turned, or the affine was ignored.
    """
    require_nibabel(path)
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError
    from nibabel.wrapstruct import WrapStructError

    try:
        image = _opened(path, shape)
        turn = _turn(image, path)
        sides = _turned_shape(image.shape, turn)
        count = _frame_count(sides, shape, image.shape)
        if image.get_data_dtype().kind not in "buif":
            raise LabelError(f"labels must be integers; got {image.get_data_dtype()}")
        pixels = np.asarray(image.dataobj)
    except (LabelError, ReadError):
        raise
    except MemoryError as error:
        raise ReadError(f"{path}: needs more memory than is free") from error
    except (*DAMAGE, ImageFileError, HeaderDataError, WrapStructError) as error:
        raise ReadError(
            f"{path}: damaged or unreadable NIfTI file ({error})"
        ) from error
    turned = _turned(pixels, turn).reshape(shape[2], shape[1], count)
    stack = np.ascontiguousarray(turned.transpose(2, 1, 0))
    return stack if count == shape[0] else stack[0]


def _opened(path: Path, shape: Shape) -> Any:
    """Open a NIfTI file in memory; inflate no more bytes than labels can have."""
    import nibabel

    most = int(np.prod(shape, dtype=object)) * LARGEST_PIXEL + HEADER_BYTES
    with open_regular(path) as stream:
        packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        content = (
            _inflated(path, stream, most) if packed else read_at_most(stream, most)
        )
    if len(content) > most:
        raise LabelError(
            f"holds more than {most} bytes, more than labels of a loop of {shape[0]} "
            f"frames of {shape[1]} x {shape[2]} can take"
        )
    size = {content[:4], content[3::-1]}
    second = NIFTI2_HEADER.to_bytes(4, "little") in size
    kind: Any = nibabel.Nifti2Image if second else nibabel.Nifti1Image
    with nibabel.imageglobals.LoggingOutputSuppressor():  # it prints on stderr
        return kind.from_bytes(content)


def _inflated(path: Path, stream: Any, most: int) -> bytes:
    with gzip.GzipFile(fileobj=stream) as inflating:
        content = read_at_most(inflating, most)
        if len(content) <= most:  # reading to the end compares the check sum
            inflating.read(1)
    return content


def _turn(image: Any, path: Path) -> NDArray[np.float64] | None:
    """Return the orientation that turns labels as `write_nifti` lays them, or None."""
    orientations = _orientations()
    affine = np.asarray(image.affine, np.float64)
    if not np.isfinite(affine).all():
        raise ReadError(f"{path}: damaged NIfTI file: its affine is not finite")
    sides = affine[:3, :3] / np.abs(affine[:3, :3]).max(initial=1e-300)
    if np.linalg.matrix_rank(sides) < 3:
        raise ReadError(f"{path}: damaged NIfTI file: its affine is singular")
    unknown = not (image.header["sform_code"] or image.header["qform_code"])
    plain = np.array_equal(affine, np.diag(np.abs(np.diag(affine))))
    found = orientations.io_orientation(affine)
    target = _upright(found, image.shape)
    wanted = orientations.axcodes2ornt(target)
    if np.array_equal(found, wanted):
        return None
    if unknown or plain:
        warnings.warn(
            f"{path.name}: its affine does not tell the orientation of the image; "
            "columns and rows are taken as stored",
            PartialReadWarning,
            stacklevel=5,
        )
        return None
    warnings.warn(
        f"{path.name}: its affine says that axes run to "
        f"{''.join(orientations.ornt2axcodes(found))}; the labels are turned to "
        f"{target}",
        PartialReadWarning,
        stacklevel=5,
    )
    turn: NDArray[np.float64] = orientations.ornt_transform(found, wanted)
    return turn


def _upright(found: NDArray[np.float64], stored: tuple[int, ...]) -> str:
    """Return the axes of an upright picture: its rows run to the back or to the feet.

    Rows of a frontal or lateral picture run along the body, from the head to the feet.
    If both other axes are long, the third one counts the frames.
    """
    sides = dict(zip(found[:, 0].astype(int), stored, strict=False))
    frontal = sides.get(0, 1) == 1 or sides.get(1, 1) == 1
    return "LPI" if frontal and sides.get(2, 1) > 1 else "LPS"


def _orientations() -> Any:
    """Return nibabel's module of orientations, which has no type annotations."""
    from nibabel import orientations

    return orientations


def _turned(pixels: NDArray[Any], turn: NDArray[np.float64] | None) -> NDArray[Any]:
    if turn is None:
        return pixels
    padded = pixels.reshape(pixels.shape + (1,) * max(0, 3 - pixels.ndim))
    turned: NDArray[Any] = _orientations().apply_orientation(padded, turn)
    return turned


def _turned_shape(
    stored: tuple[int, ...], turn: NDArray[np.float64] | None
) -> tuple[int, ...]:
    """Return the shape that `_turned` will give, computed from the header alone."""
    sides = [*stored, *(1,) * max(0, 3 - len(stored))]
    if turn is None:
        return tuple(sides)
    placed = list(sides)
    for axis, (to, _) in enumerate(turn):
        placed[int(to)] = sides[axis]
    return tuple(placed)


def _frame_count(sides: tuple[int, ...], shape: Shape, stored: tuple[int, ...]) -> int:
    """Return the number of frames of the loop, or 1 if the file holds one frame."""
    count, height, width = shape
    long = tuple(n for n in sides if n != 1)
    for frames in (count, 1):
        if long == tuple(n for n in (width, height, frames) if n != 1):
            return frames
    raise LabelError(
        f"has axes {stored}; labels of a loop of {count} frames of "
        f"{height} x {width} have axes ({width}, {height}, 1, {count}) in NIfTI"
    )
