"""Writing the flow of a loop: as numbers, or as a movie of colours."""

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
WHEEL_SHARE = 0.16  # of a movie's height


def save_flow(
    path: str | Path,
    cine: Cine,
    flow: FlowSequence,
    frame: int | None = None,
    way: Way = "forward",
    *,
    overwrite: bool = False,
) -> None:
    """Write flow; the suffix says how.

    Parameters
    ----------
    path
        ``.flo``: one frame, Middlebury's format. ``.png``: one frame, KITTI's format;
        valid is where there and back agree if there is flow both ways, else where the
        way stays in the picture. ``.mp4``, ``.gif``: a movie of the colours over the
        loop, of one scale, with their wheel. Anything else: a zarr folder of all
        frames, there and back.
    cine, flow
        The loop and its flow.
    frame
        For one frame: where the flow begins.
    way
        For one frame and movies: which flow.
    overwrite
        For a zarr folder: as in `result_folders.replacing_folder`.

    Raises
    ------
    OccupiedError
        If something is at the path that must not be replaced.
    MotionError
        If one frame is to be written and none is given that such a flow begins at.
    WriteError
        If it cannot be written.
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
    """Return what the flow rests on: no name, no patient."""
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
            f"{path}: {path.suffix} holds one frame; choose one from {first} to "
            f"{first + len(flow) - 1}; got {frame}"
        )
    return FrameMotion.at(cine, flow, frame, way)


def _movie(cine: Cine, flow: FlowSequence, way: Way) -> NDArray[np.uint8]:
    """Return the colours over the frames, as the window shows them, and the wheel."""
    fields = flow.forward if way == "forward" else flow.backward
    if fields is None:
        raise MotionError("no backward flow was estimated to make a movie of")
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
