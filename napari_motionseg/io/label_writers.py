"""Write masks and labels as npz, TIFF, PNG or NIfTI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import ArrayLike, NDArray

from napari_motionseg.errors import WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.label_readers import CONTENT, FORMATS, suffix_of
from napari_motionseg.io.nifti import SUFFIXES as NIFTI
from napari_motionseg.io.nifti import require_nibabel, write_nifti
from napari_motionseg.io.png_files import save_png
from napari_motionseg.io.program_marks import MARK
from napari_motionseg.io.result_folders import replacing_folder

MASKS = "masks"  # kind of result that is recorded in a folder of PNG files


def write_masks(
    path: str | Path,
    masks: ArrayLike,
    *,
    frame_times: ArrayLike | None = None,
    labelled: ArrayLike | None = None,
    pixel_spacing: tuple[float, float] | None = None,
    content: str = "",
    overwrite: bool = False,
) -> None:
    """Write masks or labels in a format that `read_labels` can read.

    Parameters
    ----------
    path
        Path of the target, whose suffix selects the format. ``.npz`` and ``.tif`` or
        ``.tiff`` hold the stack with its times and labelled frames; ``.png`` holds one
        frame; no suffix makes a folder of ``frame_0000.png`` and so on for the labelled
        frames; ``.nii`` and ``.nii.gz`` are described in `nifti`. PNG holds class
        numbers as gray values, so class 1 looks black.
    masks
        ``(T, H, W)`` or ``(H, W)`` bool or integers from 0 to 65535.
    frame_times
        ``(T,)`` time of each frame in milliseconds, stored with the masks; None if
        unknown.
    labelled
        ``(T,)`` bool, which frames were segmented or painted; None means all.
    pixel_spacing
        Millimetres between rows and between columns, kept in NIfTI.
    content
        Hash of the loop's pixels, see `Cine.content_hash`, by which the window finds
        the loop again; kept in ``.npz`` and TIFF.
    overwrite
        For a folder: whether to replace files of this program in a folder that holds
        other files too; see `result_folders.replacing_folder`.

    Raises
    ------
    OccupiedError
        If something at the path must not be replaced.
    WriteError
        If masks, times and format do not fit together, or the files cannot be written.
    MissingDependencyError
        If the format needs a library that is not installed.
    """
    path = Path(path)
    stack = _storable(np.asarray(masks))
    chosen = np.ones(len(stack), bool) if labelled is None else np.asarray(labelled)
    times = None if frame_times is None else np.asarray(frame_times, np.float64)
    for name, values in (("labelled", chosen), ("frame_times", times)):
        if values is not None and values.shape != (len(stack),):
            raise WriteError(
                f"{path}: {name} must have one value for each of {len(stack)} frames; "
                f"got shape {values.shape}"
            )
    suffix = suffix_of(path)
    if suffix not in (*FORMATS, ""):
        raise WriteError(f"{path}: its suffix must be {', '.join(FORMATS)} or none")
    if suffix == ".png" and len(stack) != 1:
        raise WriteError(
            f"{path}: a PNG holds one frame, but there are {len(stack)}; name a "
            "folder, or a .tiff or .npz file"
        )
    if suffix in NIFTI:
        require_nibabel(path)
    if not suffix:
        with replacing_folder(path, MASKS, overwrite=overwrite) as folder:
            _write_series(folder, stack, chosen.astype(bool))
        return
    with replacing(path) as temporary:
        if suffix in NIFTI:
            write_nifti(temporary, stack, pixel_spacing, times)
        else:
            _write(temporary, stack, chosen.astype(bool), times, content)


def _write(
    path: Path,
    stack: NDArray[Any],
    labelled: NDArray[np.bool_],
    times: NDArray[np.float64] | None,
    content: str,
) -> None:
    suffix = path.suffix.lower()
    known: dict[str, Any] = {} if times is None else {"frame_times": times}
    if content:
        known[CONTENT] = np.asarray(content)
    if suffix == ".npz":
        with path.open("wb") as stream:  # NumPy would add .npz to a name in capitals
            np.savez_compressed(stream, labels=stack, labelled=labelled, **known)  # type: ignore[arg-type]
    elif suffix == ".png":
        save_png(path, stack[0])
    else:
        described = {"axes": "TYX", "made_by": MARK, "labelled": labelled.tolist()}
        described |= {name: values.tolist() for name, values in known.items()}
        tifffile.imwrite(
            path, stack, compression="zlib", photometric="minisblack",
            metadata=described,
        )  # fmt: skip


def _write_series(
    folder: Path, stack: NDArray[Any], labelled: NDArray[np.bool_]
) -> None:
    folder.mkdir()
    for t in np.flatnonzero(labelled):
        save_png(folder / f"frame_{t:04d}.png", stack[t])


def _storable(masks: NDArray[Any]) -> NDArray[Any]:
    stack = masks[np.newaxis] if masks.ndim == 2 else masks
    if stack.ndim != 3 or 0 in stack.shape or stack.dtype.kind not in "bui":
        raise WriteError(
            f"masks must be integers of axes (T, H, W); got {masks.dtype} of shape "
            f"{masks.shape}"
        )
    low, high = int(stack.min()), int(stack.max())
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise WriteError(f"masks must lie between 0 and 65535; got {low} to {high}")
    return np.ascontiguousarray(stack, np.uint8 if high < 256 else np.uint16)
