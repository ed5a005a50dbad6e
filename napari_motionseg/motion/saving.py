"""Writing the flow of a loop: as numbers, or as a movie of colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_motionseg import __version__
from napari_motionseg.cine import Cine
from napari_motionseg.errors import MotionError
from napari_motionseg.io.flow_files import write_flo, write_flow_zarr
from napari_motionseg.io.movies import movie_rate, write_movie
from napari_motionseg.motion.colors import flow_to_rgb
from napari_motionseg.motion.sequence import FlowSequence

MOVIES = (".mp4", ".gif")


def save_flow(
    path: str | Path, cine: Cine, flow: FlowSequence, frame: int | None = None
) -> None:
    """Write flow; the suffix says how.

    Parameters
    ----------
    path
        ``.flo``: one frame, Middlebury's format. ``.mp4``, ``.gif``: a movie of
        colours, the same for all frames. Anything else: a zarr folder of all frames,
        there and back.
    cine, flow
        The loop and its flow.
    frame
        For ``.flo``: where the flow begins.

    Raises
    ------
    MotionError
        If ``.flo`` is given no frame that a flow begins at.
    WriteError
        If it cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in MOVIES:
        colors = flow_to_rgb(flow.forward, flow.full_color_px)
        write_movie(path, colors, movie_rate(cine.frame_rate))
    elif suffix == ".flo":
        if frame is None or not 0 <= frame < len(flow):
            raise MotionError(
                f"{path}: .flo holds one frame; choose one from 0 to {len(flow) - 1}; "
                f"got {frame}"
            )
        write_flo(path, np.asarray(flow.forward[frame]))
    else:
        write_flow_zarr(
            path,
            np.asarray(flow.forward),
            None if flow.backward is None else np.asarray(flow.backward),
            gap=flow.gap,
            attributes=provenance(cine, flow),
        )


def provenance(cine: Cine, flow: FlowSequence) -> dict[str, Any]:
    """Return what the flow rests on: no name, no patient."""
    return {
        "method": flow.method,
        "cine_sha256": cine.content_hash(),
        "frame_interval_ms": cine.frame_interval,
        "version": __version__,
    }
