"""Provide what the napari manifest names: readers, a writer and sample data. No GUI.

Layers are plain tuples. The time axis counts frames, so that the slider does too and
loops of different frame rates can share a viewer; the time of each frame in
milliseconds is in ``metadata["cine"].frame_times``. The other two axes are in
millimetres at the isocentre if the magnification is known, else in pixels.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.cine.displayed_frames import DisplayedFrames
from napari_motionseg.cine.frame_stack import warn_partial_read
from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.io.loop_names import short_loop_name

if TYPE_CHECKING:
    from napari_motionseg.project.watched import LoopFacts

LayerTuple = tuple[Any, dict[str, Any], str]
Reader = Callable[[str | Sequence[str]], list[LayerTuple]]
AXES = ("time", "y", "x")
# percentiles shown black and white if a loop of more than 8 bits has no window
PERCENTILES = (0.5, 99.5)
SAMPLES = Path(__file__).parent / "samples"
VESSEL = "#ff5c33"


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return a reader if `path` may hold cine loops, else None.

    Parameters
    ----------
    path
        A file or folder, or several files that napari opens as a stack. A pipe or a
        device gets a reader too, whose error says that only files can be read.
    """
    from napari_motionseg.io.file_selection import can_read_together

    paths = _as_list(path)
    odd = any(_is_neither_file_nor_folder(one) for one in paths)
    return read_layers if odd or can_read_together(paths) else None


def read_layers(path: str | Sequence[str]) -> list[LayerTuple]:
    """Read every loop at or below `path` as an image layer.

    Parameters
    ----------
    path
        A file or folder, or several that were chosen together. Files of one series
        become one loop.

    Raises
    ------
    MotionSegError
        If no loop could be read.
    """
    from napari_motionseg.io.file_selection import read_together

    paths = _as_list(path)
    layers, errors = [], []
    for cine in read_together(paths):
        try:
            layers.append(cine_layer(cine))
        except ReadError as error:
            errors.append(error)
    if not layers:
        raise errors[0] if errors else ReadError(f"{paths[0]}: holds no cine loop")
    for reason in errors:
        warn_partial_read(f"left out: {reason}")
    return layers


def _as_list(path: str | Sequence[str]) -> list[str | Path]:
    return [path] if isinstance(path, (str, Path)) else list(path)


def _is_neither_file_nor_folder(path: str | Path) -> bool:
    place = Path(path)
    return os.path.lexists(place) and not (place.is_file() or place.is_dir())


def cine_layer(cine: Cine) -> LayerTuple:
    """Return the layer of a loop; its frames are decoded when they are displayed.

    The layer's metadata hold the loop without patient attributes, because users save,
    share and print layers.

    Raises
    ------
    ReadError
        If no frame of the loop can be decoded.
    """
    nearest_usable_frame(cine, len(cine) // 2)  # napari shows the middle frame first
    attributes = {
        "name": short_loop_name(cine.name, cine.technical.get("modality")),
        "contrast_limits": contrast_limits(cine),
        "colormap": "gray",
        "metadata": {"cine": dataclasses.replace(cine, patient={})},
        **geometry(cine),
    }
    return DisplayedFrames(cine.frames), attributes, "image"


def geometry(cine: Cine | LoopFacts) -> dict[str, Any]:
    """Return scale, units and axis labels for layers ``(T, H, W)`` of a loop."""
    spacing = cine.pixel_spacing or (cine.pixel_aspect, 1.0)
    unit = "pixel" if cine.pixel_spacing is None else "mm"
    return {
        "scale": (1.0, *spacing),
        "units": ("pixel", unit, unit),
        "axis_labels": AXES,
    }


def contrast_limits(cine: Cine) -> tuple[float, float]:
    """Return the stored values that are shown black and white.

    This is the loop's window if it has one, else the full range for 8 bits. A loop of
    more bits seldom uses its range, so percentiles of its middle frame are taken, or of
    the readable frame nearest to it.
    """
    if cine.window is not None:
        return cine.window
    if cine.bits_stored <= 8:
        return cine.stored_range
    frame = cine.frames[nearest_usable_frame(cine, len(cine) // 2)]
    if cine.valid_area is not None and cine.valid_area.any():
        frame = frame[cine.valid_area]
    low, high = (float(value) for value in np.percentile(frame, PERCENTILES))
    return (low, high) if low < high else cine.stored_range


def nearest_usable_frame(cine: Cine, t: int) -> int:
    """Return the index of the readable frame that is nearest to frame `t`.

    Parameters
    ----------
    cine
        The loop whose frames are tried.
    t
        Index of the wanted frame, from 0.

    Raises
    ------
    ReadError
        If no frame of the loop can be decoded.
    """
    nearest = sorted(range(len(cine)), key=lambda other: abs(other - t))
    return next((other for other in nearest if cine.frames.usable(other)), t)


def synthetic_angiogram() -> list[LayerTuple]:
    """Return a synthetic loop, and its true vessels as a hidden labels layer."""
    return _sample_layers("synthetic angiogram")


def faint_angiogram() -> list[LayerTuple]:
    """Return a synthetic loop that is hard to segment, and its true vessels, hidden.

    Its contrast is faint, its dose is low, and a catheter looks like a vessel.
    """
    return _sample_layers("faint angiogram")


def _sample_layers(name: str) -> list[LayerTuple]:
    """Read a sample and its true vessels from the files of its name.

    ``scripts/make_samples.py`` has made them: napari asks for a sample in the thread of
    its window, where synthesis would take seconds.
    """
    from napari_motionseg.io import read_cine, read_labels

    path = SAMPLES / f"{name.replace(' ', '-')}.dcm"
    cine = dataclasses.replace(read_cine(path), name=name)
    vessels = read_labels(path.with_suffix(".npz"), shape=cine.shape).labels
    truth = {
        "name": "true vessels",
        "visible": False,
        "metadata": {"loop": cine.name},
        "opacity": 0.5,
        "colormap": {0: "transparent", 1: VESSEL, None: "transparent"},
        **geometry(cine),
    }
    return [cine_layer(cine), (vessels.astype(np.uint8), truth, "labels")]


def write_labels(path: str, data: ArrayLike, attributes: dict[str, Any]) -> list[str]:
    """Write a labels layer in the format that the suffix of the path names.

    Parameters
    ----------
    path
        ``.npz``, ``.tiff``, ``.tif``, ``.nii``, ``.nii.gz``; or ``.png``: one frame,
        or, for a loop, a folder of that name without the suffix, with one file for
        each frame that holds any; or ``.dcm``: a DICOM Segmentation, which carries the
        patient and study attributes of the loop's file.
    data
        Labels as integers, ``(T, H, W)`` or ``(H, W)``.
    attributes
        The layer's; the loop and its frame times are taken from its metadata. Labels
        that name their classes there have the numbers of the screen; the file gets
        those of `Labels`: 0 = unlabelled, 1 = background, classes from 2. In masks, 0
        is the background.

    Returns
    -------
    list of str
        The file or folder that was written.

    Raises
    ------
    ReadError
        For ``.dcm``, if the loop came from no DICOM file, or that is gone.
    WriteError
        If the format cannot hold the labels, or the file cannot be written.
    """
    from napari_motionseg.io import write_masks
    from napari_motionseg.io.label_numbers import has_screen_numbers, to_file

    metadata = attributes.get("metadata") or {}
    labels = np.asarray(data)
    if has_screen_numbers(metadata):
        labels = to_file(labels)
    stack = labels[np.newaxis] if labels.ndim == 2 else labels
    target = Path(path)
    if target.suffix.lower() == ".png" and len(stack) > 1:
        target = target.with_suffix("")
    if target.suffix.lower() == ".dcm":
        _write_segmentation(target, stack, metadata)
        return [str(target)]
    write_masks(
        target,
        stack,
        frame_times=_frame_times(metadata, len(stack)),
        labelled=_done_frames(metadata, stack),
        pixel_spacing=_spacing(metadata),
        content=_content(metadata, target, stack.shape),
    )
    return [str(target)]


def _write_segmentation(
    path: Path, stack: NDArray[Any], metadata: dict[str, Any]
) -> None:
    from napari_motionseg.io.dicom_seg_writer import (
        Algorithm,
        SegmentationSettings,
        write_segmentation,
    )

    cine = metadata.get("cine")
    if not isinstance(cine, Cine) or "classes" in metadata:
        raise WriteError(
            f"cannot write {path}: this layer does not say which loop its classes "
            "belong to; export it in the Project dock, which knows"
        )
    model = str(metadata.get("model") or "")
    settings = SegmentationSettings(algorithm=Algorithm("SEMIAUTOMATIC", model))
    done = _done_frames(metadata, stack)
    write_segmentation(path, cine, stack, labelled=done, settings=settings)


def _frame_times(metadata: dict[str, Any], count: int) -> NDArray[np.float64] | None:
    cine = metadata.get("cine")
    if isinstance(cine, Cine) and len(cine) == count:
        return cine.frame_times
    return None


def _content(metadata: dict[str, Any], target: Path, shape: tuple[int, ...]) -> str:
    """Return the hash of the loop, for the formats that keep it."""
    cine = metadata.get("cine")
    keeps = target.suffix.lower() in (".npz", ".tif", ".tiff")
    if not keeps or not isinstance(cine, Cine) or cine.shape != shape:
        return ""
    return cine.content_hash()


def _spacing(metadata: dict[str, Any]) -> tuple[float, float] | None:
    cine = metadata.get("cine")
    return cine.pixel_spacing if isinstance(cine, Cine) else None


def _done_frames(metadata: dict[str, Any], stack: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the frames that were segmented; if none, those painted; if none, all."""
    done = metadata.get("done")
    if done is not None and np.shape(done) == (len(stack),):
        return np.asarray(done, dtype=bool)
    painted = np.asarray(stack.reshape(len(stack), -1).any(axis=1), dtype=bool)
    return painted if painted.any() else np.ones(len(stack), dtype=bool)
