"""Provide `motionseg time-density`: contrast over time in labelled regions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_motionseg.cli.console import print_result
from napari_motionseg.cli.options import AsJson, OneCine
from napari_motionseg.cli.targets import Overwrite, require_target


def time_density(
    cine: OneCine,
    regions: Annotated[
        Path,
        typer.Option(
            help="Label file; each label of the frame is a region that stays."
        ),
    ],
    frame: Annotated[
        int, typer.Option(help="Frame of the label file, counted from 0.")
    ],
    out: Annotated[Path | None, typer.Option(help="CSV file to write.")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Measure the darkness of regions over time: arrival, peak and wash-out.

    Research use only; not a medical device.
    """
    import numpy as np

    from napari_motionseg.cli.labelled_loops import labels_of_frame
    from napari_motionseg.io import read_cine
    from napari_motionseg.measurement import time_density as curves

    if out is not None:
        require_target(out, (cine, regions), overwrite=overwrite)
    loop = read_cine(cine)
    labels = labels_of_frame(regions, loop, frame)
    drawn = {f"region {n}": labels == n for n in np.unique(labels[labels > 0])}
    found = curves.time_density(loop, drawn)
    if out is not None:
        curves.write_time_density(out, loop, found)
    row = {"cine": loop.name, "regions": [one.as_dict() for one in found]}
    line = "; ".join(
        f"{one.name}: darkest in frame {one.peak_frame}, arrival "
        f"{one.arrival_ms:.0f} ms, half washed out at {one.wash_out_ms:.0f} ms"
        for one in found
    )
    print_result(row, line, as_json)
