"""Write the flow of a loop as numbers, or as a movie of colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.io.flow_files import write_flo, write_flow_zarr, write_kitti
from napari_motionseg.io.movie_writer import movie_rate, write_movie
from napari_motionseg.motion.colors import color_wheel, flow_to_rgb
from napari_motionseg.motion.flow_sequence import FlowSequence
from napari_motionseg.motion.frame_motion import FrameMotion, Way, entry_at
from napari_motionseg.version import __version__

MOVIES = (".mp4", ".gif")
ONE_FRAME = (".flo", ".png")
WHEEL_SHARE = 0.16  # side of the colour wheel divided by the height of the movie


def save_flow(
    path: str | Path,
    cine: Cine,
    flow: FlowSequence,
    frame: int | None = None,
    way: Way = "forward",
    *,
    overwrite: bool = False,
) -> None:
    """Write flow in the format that the suffix of the path names.

    Parameters
    ----------
    path
        Path of the target. ``.flo`` holds one frame in Middlebury's format. ``.png``
        holds one frame in KITTI's format; a pixel is valid if forward and backward flow
        agree or, without backward flow, if it stays inside the picture. ``.mp4`` and
        ``.gif`` hold a movie of colours over the loop with their wheel. Any other
        suffix makes a zarr folder of all frames in both directions.
    cine
        The loop.
    flow
        Flow of the loop.
    frame
        Index of the frame where the flow begins, for ``.flo`` and ``.png``; None for
        others.
    way
        Direction of the flow, for single frames and movies.
    overwrite
        For a zarr folder: whether to replace files of this program in a folder that
        holds other files too; see `result_folders.replacing_folder`.

    Raises
    ------
    OccupiedError
        If something at the path must not be replaced.
    MotionError
        If `frame` is needed and missing, or no such flow begins at it.
    WriteError
        If the files cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in MOVIES:
        write_movie(path, _movie(cine, flow, way), movie_rate(cine.frame_rate))
    elif suffix in ONE_FRAME:
        motion = _motion(path, cine, flow, frame, way)
        if suffix == ".flo":
            write_flo(path, motion.flow)
        else:
            write_kitti(path, motion.flow, ~motion.hidden)
    else:
        write_flow_zarr(
            path,
            np.asarray(flow.forward),
            None if flow.backward is None else np.asarray(flow.backward),
            gap=flow.gap,
            attributes=provenance(cine, flow),
            overwrite=overwrite,
        )


def provenance(cine: Cine, flow: FlowSequence) -> dict[str, Any]:
    """Return what the flow depends on, without names and patient attributes."""
    return {
        "method": flow.method,
        "cine_sha256": cine.content_hash(),
        "frame_interval_ms": cine.frame_interval,
        "missing_pairs": sorted(flow.missing),
        "version": __version__,
    }


def _motion(
    path: Path, cine: Cine, flow: FlowSequence, frame: int | None, way: Way
) -> FrameMotion:
    if frame is None or entry_at(flow, frame, way) is None:
        first = 0 if way == "forward" else flow.gap
        raise MotionError(
            f"{path}: {path.suffix} holds one frame; frame must be from {first} to "
            f"{first + len(flow) - 1}; got {frame}"
        )
    return FrameMotion.at(cine, flow, frame, way)


def _movie(cine: Cine, flow: FlowSequence, way: Way) -> NDArray[np.uint8]:
    """Return the colours over the frames, as in the window, with the colour wheel."""
    fields = flow.forward if way == "forward" else flow.backward
    if fields is None:
        raise MotionError("the movie needs backward flow, which was not estimated")
    first = 0 if way == "forward" else flow.gap
    movie = np.empty((len(flow), *cine.shape[1:], 3), np.uint8)
    for entry in range(len(flow)):
        colours = flow_to_rgb(np.asarray(fields[entry]), flow.full_color_px)
        movie[entry] = colours * cine.normalized(first + entry)[..., None]
    wheel = color_wheel(max(3, round(WHEEL_SHARE * min(cine.shape[1:]))))
    side, opaque = len(wheel), wheel[..., 3:] / 255
    corner = movie[:, -side:, :side]
    corner[:] = np.round(corner * (1 - opaque) + wheel[..., :3] * opaque)
    return movie
