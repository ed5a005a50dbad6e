"""Read and write optical flow: zarr for a loop, .flo or KITTI's PNG for one pair."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.errors import ReadError, WriteError
from napari_motionseg.io.atomic import replacing
from napari_motionseg.io.damage import damage_named
from napari_motionseg.io.movie_frames import require_budget
from napari_motionseg.io.plain_zarr import (
    MOST_METADATA,
    read_array_metadata,
    require_plain_chunks,
    require_plain_tree,
)
from napari_motionseg.io.png16 import read_png16, write_png16
from napari_motionseg.io.regular_files import open_regular, read_regular
from napari_motionseg.io.result_folders import replacing_folder

Flow = NDArray[np.float32]
FLOW = "flow"  # kind of result that is recorded in a zarr folder
FLO_TAG = 202021.25
_FLO_HEADER = struct.Struct("<fii")
# readme of KITTI's development kit: px = (value - 2^15) / 64, valid if channel 3 is set
KITTI_STEPS_PER_PX, KITTI_ZERO = 64, 2**15
_CONVENTION = (
    "axes (T - gap, 2, H, W); channel 0 = x (columns, right), 1 = y (rows, down); "
    "pixels; forward[t]: from frame t to t + gap, backward[t]: from t + gap to t"
)


def write_flow_zarr(
    path: str | Path,
    forward: Flow,
    backward: Flow | None,
    *,
    gap: int,
    attributes: Mapping[str, Any],
    overwrite: bool = False,
) -> None:
    """Write the flow of a loop as a zarr group of float16, one chunk for each frame.

    Parameters
    ----------
    path
        Path of the folder to create. An existing flow is replaced if this program wrote
        everything in its folder.
    forward, backward
        Flow in pixels, ``(T - gap, 2, H, W)``, finite; `backward` may be None.
    gap
        Number of frames from the first to the second frame of a pair.
    attributes
        JSON values to store together with the gap and the description of the axes.
    overwrite
        Whether to replace files of this program in a folder that holds other files too;
        see `result_folders.replacing_folder`.

    Raises
    ------
    OccupiedError
        If something at the path must not be replaced.
    WriteError
        If the arrays are not flow, or the files cannot be written.
    """
    import zarr

    fields = {"forward": forward}
    if backward is not None:
        fields["backward"] = backward
    for name, flow in fields.items():
        _require_flow(path, name, flow, forward.shape)
    with replacing_folder(path, FLOW, overwrite=overwrite) as temporary:
        group = zarr.open_group(str(temporary), mode="w")
        try:
            group.attrs.update(
                {**attributes, "gap": int(gap), "convention": _CONVENTION}
            )
        except TypeError as error:
            raise WriteError(f"{path}: attributes must fit JSON: {error}") from error
        for name, flow in fields.items():
            # one chunk for each frame; a lost chunk then reads as NaN and not as zero
            # motion
            stored = zarr.open_array(
                str(temporary / name), mode="w", shape=flow.shape,
                chunks=(1, *flow.shape[1:]), dtype="f2", fill_value=np.nan,
            )  # fmt: skip
            for t in range(len(flow)):
                stored[t] = flow[t].astype(np.float16)


def _require_flow(
    path: str | Path, name: str, flow: Flow, shape: tuple[int, ...]
) -> None:
    if flow.ndim != 4 or flow.shape[1] != 2 or flow.shape != shape or 0 in shape:
        raise WriteError(
            f"{path}: {name} flow must be (T - gap, 2, H, W), equal in both "
            f"directions; got {flow.shape}"
        )
    if not np.abs(flow).max() <= np.finfo(np.float16).max:
        raise WriteError(f"{path}: {name} flow must be finite and at most 65504 px")


def read_flow_zarr(
    path: str | Path, *, memory_budget: int = 8 * 2**30
) -> tuple[Flow, Flow | None, dict[str, Any]]:
    """Read the flow of a loop that `write_flow_zarr` wrote.

    Returns
    -------
    forward, backward
        ``(T - gap, 2, H, W)`` float32 pixels; `backward` is None if it was not stored.
    attributes
        The stored JSON values, with the gap as ``gap``.

    Raises
    ------
    ReadError
        If the folder is not such a group, or parts of it are missing or damaged.
    MemoryBudgetError
        If the flow would take more than `memory_budget` bytes.
    """
    import zarr

    path = Path(path)
    if not path.is_dir():
        raise ReadError(f"{path}: there is no such zarr folder")
    require_plain_tree(path)
    names = [name for name in ("forward", "backward") if (path / name).is_dir()]
    _require_stored_flow(path, names, memory_budget)
    attributes: dict[str, Any]
    with damage_named(path, "flow"):
        attributes = dict(zarr.open_group(str(path), mode="r").attrs)
        arrays = [zarr.open_array(str(path / n), mode="r") for n in names]
        flows = [np.asarray(a[:], dtype=np.float32) for a in arrays]
    for name, flow in zip(names, flows, strict=True):
        if not np.isfinite(flow).all():
            raise ReadError(f"{path}: parts of the {name} flow are missing")
    gap = attributes.get("gap")
    if not isinstance(gap, int) or gap < 1:
        raise ReadError(f"{path}: does not say the gap between its frames")
    return flows[0], flows[1] if len(flows) == 2 else None, attributes


def _require_stored_flow(path: Path, names: list[str], memory_budget: int) -> None:
    """Check the metadata of all files before zarr opens them."""
    if names[:1] != ["forward"]:
        raise ReadError(f"{path}: lacks the array 'forward'; it is not a flow folder")
    group = path / "zarr.json"
    if group.exists():  # zarr's own parser crashes on deeply nested JSON
        _require_object(group)
    arrays = [read_array_metadata(path / name) for name in names]
    shape = arrays[0].shape
    for name, array in zip(names, arrays, strict=True):
        if len(shape) != 4 or shape[1] != 2 or array.shape != shape:
            raise ReadError(
                f"{path}: {name} must be numbers of shape (T - gap, 2, H, W); got "
                f"{array.kind} of shape {array.shape}"
            )
    require_budget(path, sum(math.prod(a.shape) * 4 for a in arrays), memory_budget)
    for name, array in zip(names, arrays, strict=True):
        require_plain_chunks(path / name, array)


def _require_object(path: Path) -> None:
    try:
        content = json.loads(read_regular(path, MOST_METADATA, follow_links=False))
    except (ValueError, RecursionError) as error:
        raise ReadError(f"{path}: damaged: {str(error)[:200]}") from error
    if not isinstance(content, dict):
        raise ReadError(f"{path}: damaged: does not hold a JSON object")


def write_flo(path: str | Path, flow: Flow) -> None:
    """Write a flow field ``(2, H, W)`` in pixels as a Middlebury ``.flo`` file.

    Raises
    ------
    WriteError
        If the array is not a flow field, or the file cannot be written.
    """
    _require_field(path, flow)
    height, width = flow.shape[1:]
    pixels = np.ascontiguousarray(np.moveaxis(flow, 0, -1), "<f4")
    with replacing(path) as temporary:
        temporary.write_bytes(
            _FLO_HEADER.pack(FLO_TAG, width, height) + pixels.tobytes()
        )


def read_flo(path: str | Path) -> Flow:
    """Read a Middlebury ``.flo`` file as ``(2, H, W)`` float32 pixels.

    Raises
    ------
    ReadError
        If it is not such a file, or its length contradicts its header.
    """
    path = Path(path)
    with damage_named(path, "flow"), open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(_FLO_HEADER.size)
        tag, width, height = _FLO_HEADER.unpack(head.ljust(12, b"\0"))
        if tag != np.float32(FLO_TAG) or min(width, height) < 1:
            raise ReadError(f"{path}: is not a .flo file, which begins with {FLO_TAG}")
        promised = _FLO_HEADER.size + 8 * width * height
        if size != promised:
            raise ReadError(
                f"{path}: {width} x {height} pixels need {promised} bytes, but it has "
                f"{size}"
            )
        pixels = np.frombuffer(stream.read(), "<f4").reshape(height, width, 2)
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0), np.float32)


def write_kitti(
    path: str | Path, flow: Flow, valid: NDArray[np.bool_] | None = None
) -> None:
    """Write a flow field in KITTI's format: a 16-bit PNG of x, y and validity.

    Parameters
    ----------
    path
        Path of the file.
    flow
        ``(2, H, W)`` pixels; rounded to 1/64 px in the file.
    valid
        ``(H, W)`` bool, True where the flow is reliable; None means everywhere. Values
        that are not finite are never valid.

    Raises
    ------
    WriteError
        If the array is not a flow field, exceeds the format's range, or cannot be
        written.
    """
    _require_field(path, flow)
    finite = np.isfinite(flow).all(axis=0)
    trusted = finite if valid is None else np.logical_and(finite, valid)
    steps = np.round(np.where(finite, flow, 0).astype(np.float64) * KITTI_STEPS_PER_PX)
    values = steps + KITTI_ZERO
    if values.min() < 0 or values.max() > np.iinfo(np.uint16).max:
        raise WriteError(
            f"{path}: KITTI's PNG holds flow from -512 to 511.98 px; the flow goes to "
            f"{np.abs(steps).max() / KITTI_STEPS_PER_PX:.0f} px; write a .flo file "
            "instead"
        )
    pixels = np.stack((*values, trusted), axis=-1).astype(np.uint16)
    write_png16(path, pixels)


def read_kitti(path: str | Path) -> tuple[Flow, NDArray[np.bool_]]:
    """Read a flow field in KITTI's format.

    Returns
    -------
    flow
        ``(2, H, W)`` float32 pixels; meaningless where not valid.
    valid
        ``(H, W)`` bool, True where the flow is reliable.

    Raises
    ------
    ReadError
        If the file is not a PNG of three 16-bit channels, or is damaged.
    MemoryBudgetError
        If it promises more than one gibibyte of pixels.
    """
    pixels = read_png16(path)
    steps = np.moveaxis(pixels[..., :2], -1, 0).astype(np.float32) - KITTI_ZERO
    flow: Flow = steps / np.float32(KITTI_STEPS_PER_PX)
    valid: NDArray[np.bool_] = pixels[..., 2] != 0
    return flow, valid


def _require_field(path: str | Path, flow: Flow) -> None:
    if flow.ndim != 3 or flow.shape[0] != 2 or 0 in flow.shape:
        raise WriteError(f"{path}: flow must have shape (2, H, W); got {flow.shape}")
