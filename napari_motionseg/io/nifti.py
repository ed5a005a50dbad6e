"""Masks as NIfTI-1, for programs that read nothing else.

Axes are columns, rows, one slice, frames. A projection has no place in the patient: the
affine says only how large a pixel is, with the signs that show the picture upright in
viewers that put the patient's left at the right. Times are those of equal steps.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import LabelError, ReadError

SUFFIXES = (".nii", ".nii.gz")
SCANNER_UNKNOWN = 0  # NIFTI_XFORM_UNKNOWN: coordinates of no patient
ALIGNED = 2  # NIFTI_XFORM_ALIGNED_ANAT: coordinates of another file, the loop
DAMAGE = (OSError, EOFError, ValueError, zlib.error, gzip.BadGzipFile)


def write_nifti(
    path: Path,
    stack: NDArray[Any],
    pixel_spacing: tuple[float, float] | None,
    frame_times: NDArray[np.float64] | None,
) -> None:
    """Write ``(T, H, W)`` labels.

    Parameters
    ----------
    path
        Ends in ``.nii`` or ``.nii.gz``.
    stack
        ``(T, H, W)`` uint8 or uint16.
    pixel_spacing
        Millimetres between rows and between columns; pixels of size 1 without a unit
        if None.
    frame_times
        ``(T,)`` milliseconds; the unit of time is left out if None.
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
    image.to_filename(path)


def read_nifti(path: Path, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Read ``(T, H, W)`` labels of a loop of this shape.

    Raises
    ------
    LabelError
        If what is stored has another shape or is no integer.
    ReadError
        If the file is damaged.
    """
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    count, height, width = shape
    try:
        image: Any = nibabel.load(path)
        stored = tuple(n for n in image.shape if n > 1)
        wanted = tuple(n for n in (width, height, count) if n > 1)
        if stored != wanted:  # before pixels are read: a header can promise anything
            raise LabelError(
                f"{path.name}: has axes {image.shape}; a loop of {count} frames of "
                f"{height} x {width} is ({width}, {height}, 1, {count}) in NIfTI"
            )
        if image.get_data_dtype().kind not in "bui":
            raise LabelError(
                f"{path.name}: labels are integers; got {image.get_data_dtype()}"
            )
        pixels = np.asarray(image.dataobj)
    except LabelError:
        raise
    except (*DAMAGE, ImageFileError, HeaderDataError) as error:
        raise ReadError(
            f"{path}: damaged or unreadable NIfTI file ({error})"
        ) from error
    if pixels.dtype.kind == "f" and (pixels == np.round(pixels)).all():
        pixels = pixels.astype(np.int32)  # scaled by a factor in the header
    return np.ascontiguousarray(pixels.reshape(width, height, count).transpose(2, 1, 0))
