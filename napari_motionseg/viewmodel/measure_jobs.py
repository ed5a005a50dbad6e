"""Define the job that follows a measured vessel in a worker process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.cine import Cine
from napari_motionseg.jobs import Job
from napari_motionseg.measurement.calibration import Calibration
from napari_motionseg.measurement.centreline import Centreline

if TYPE_CHECKING:
    from napari_motionseg.measurement import FollowedVessel


def follow_layer_job(
    cine: Cine,
    frame: int,
    line: Centreline,
    calibration: Calibration,
    device: str = "auto",
) -> Job[FollowedVessel]:
    """Estimate the flow of a loop, or take it from the cache, and follow a vessel.

    Parameters
    ----------
    cine
        The loop.
    frame
        Index of the frame in which the vessel was measured.
    line
        Centreline of the vessel in that frame.
    calibration
        Size of a pixel.
    device
        Device of the flow's network.
    """
    from napari_motionseg.measurement import follow_vessel_job
    from napari_motionseg.motion import FlowCache, FlowSettings, estimate_flow_job

    settings = FlowSettings(gap=1, backward=True, device=device)
    flow = yield from estimate_flow_job(cine, settings, FlowCache.default(), frame)
    return (yield from follow_vessel_job(cine, flow, frame, line, calibration))
