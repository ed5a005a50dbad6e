"""Provide `motionseg vessel-graph`, which describes the vessel tree of a mask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_motionseg.cli.console import print_note, print_result, run_job
from napari_motionseg.cli.options import AsJson, Device, OneCine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_motionseg.cine import Cine


def vessel_graph(
    cine: OneCine,
    masks: Annotated[Path, typer.Option(help="Masks of the loop.")],
    frame: Annotated[int, typer.Option(help="Frame of the masks, counted from 0.")],
    flow: Annotated[
        bool,
        typer.Option(
            "--flow",
            help="Tell crossings from junctions by the motion to the next frames too.",
        ),
    ] = False,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """List the branches, bifurcations and crossings of a loop's vessels.

    Research use only; not a medical device.
    """
    from napari_motionseg.cli.labelled_loops import labels_of_frame
    from napari_motionseg.io import read_cine
    from napari_motionseg.measurement import vessel_graph as graphs
    from napari_motionseg.measurement.crossings import with_crossings
    from napari_motionseg.models.class_names import without_catheters

    loop = read_cine(cine)
    labels = labels_of_frame(masks, loop, frame)
    found = graphs.vessel_graph(without_catheters(labels), loop.pixel_aspect)
    flows = _flows(loop, frame, device) if flow else []
    found = with_crossings(found, flows, loop.pixel_aspect)
    kinds = [node.kind for node in found.nodes]
    line = ", ".join(
        f"{kinds.count(kind)} {kind}s"
        for kind in ("bifurcation", "crossing", "junction", "end")
        if kind in kinds
    )
    if not flow and "crossing" in kinds:
        print_note("crossings are judged by their shape alone; --flow looks at motion")
    row = {"cine": loop.name, "frame": frame, **found.as_dict()}
    print_result(row, f"{len(found.branches)} branches, {line}", as_json)


def _flows(loop: Cine, frame: int, device: str) -> list[NDArray[np.float64]]:
    """Return the flow from a frame to its neighbours."""
    from napari_motionseg.measurement.crossings import flows_about
    from napari_motionseg.motion import FlowCache, FlowSettings, estimate_flow_job

    settings = FlowSettings(gap=1, backward=True, device=device)
    job = estimate_flow_job(loop, settings, FlowCache.default(), frame)
    known = run_job(job, "Optical flow")
    backward = known.forward[:0] if known.backward is None else known.backward
    return flows_about(known.forward, backward, frame)
