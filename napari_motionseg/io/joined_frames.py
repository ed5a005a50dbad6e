"""Join TIFF and NumPy files of one frame each to one loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile

from napari_motionseg.cine import Cine, FrameStack
from napari_motionseg.errors import ReadError
from napari_motionseg.io.damage import DAMAGE
from napari_motionseg.io.image_names import natural
from napari_motionseg.io.loop_names import loop_name
from napari_motionseg.io.npy_arrays import npy_header
from napari_motionseg.io.program_marks import movie_format
from napari_motionseg.io.regular_files import open_regular
from napari_motionseg.io.tiff_frames import frame_count
from napari_motionseg.io.tiff_stack import quiet_tifffile

SUFFIXES = (".tif", ".tiff", ".npy")


def holds_one_frame(path: Path) -> bool:
    """Return whether a TIFF or NumPy file holds one frame, judged by its header.

    Parameters
    ----------
    path
        Path of a file of any kind. The answer is False if it cannot be read.
    """
    try:
        with open_regular(path) as stream:
            if movie_format(path) == "npy":
                shape = npy_header(stream)[0]
                return len(shape) == 2 or (len(shape) == 3 and shape[0] == 1)
            with quiet_tifffile(), tifffile.TiffFile(stream, name=path.name) as file:
                described = (file.imagej_metadata or {}) if file.is_imagej else {}
                pages = len(file.pages) == 1 and described.get("images", 1) == 1
                return pages and frame_count(file.series[0]) == 1
    except (ReadError, *DAMAGE):
        return False


def joined(cines: Sequence[Cine], root: Path) -> list[Cine]:
    """Join single frames from arrays and TIFF files to one loop; return all loops.

    Parameters
    ----------
    cines
        Loops that were read from files.
    root
        Folder that gives the joined loop its name.

    Returns
    -------
    list of Cine
        Loops of several frames, then the joined one. Single frames that differ in size
        or type stay as they are.
    """
    singles = [cine for cine in cines if _is_single(cine)]
    alike = {(cine.shape, cine.frames.dtype) for cine in singles}
    if len(singles) < 2 or len(alike) > 1:
        return list(cines)
    ordered = sorted(singles, key=lambda cine: natural(cine.source.name))  # type: ignore[union-attr]
    pixels = np.concatenate([cine.frames[:] for cine in ordered])
    notes = (note for cine in ordered for note in cine.notes)
    whole = dataclasses.replace(
        ordered[0],
        frames=FrameStack.from_array(pixels),
        # where the file does not tell the bits, the largest value does
        bits_stored=max(cine.bits_stored for cine in ordered),
        frame_times=None,
        timing_basis="unknown",
        name=loop_name(root),
        source=root,
        notes=tuple(dict.fromkeys(notes)),
    )
    return [*(cine for cine in cines if not _is_single(cine)), whole]


def joined_by_folder(cines: Sequence[Cine]) -> list[Cine]:
    """Join the single frames of each folder to a loop; return all loops in order.

    Parameters
    ----------
    cines
        Loops that were read from the files of several folders.
    """
    folders: dict[Path, list[Cine]] = {}
    for cine in cines:
        if cine.source is not None and _is_single(cine):
            folders.setdefault(cine.source.parent, []).append(cine)
    others = [cine for cine in cines if cine.source is None or not _is_single(cine)]
    return others + [one for f, found in folders.items() for one in joined(found, f)]


def _is_single(cine: Cine) -> bool:
    suffix = cine.source.suffix.lower() if cine.source is not None else ""
    return len(cine) == 1 and suffix in SUFFIXES
