"""Provide `motionseg worker`: lend this computer to a Dask scheduler."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_motionseg.cli.console import print_note
from napari_motionseg.cli.run_on import tell_if_open

SchedulerAt = Annotated[
    str,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Address of the Dask scheduler, such as tcp://host:8786.",
    ),
]
Count = Annotated[
    int,
    typer.Option(
        "--workers",
        min=0,
        help="Number of workers; 0 starts one for each GPU, or one without a GPU.",
    ),
]


def worker(scheduler: SchedulerAt, workers: Count = 0) -> None:
    """Do jobs of windows and batches for a Dask scheduler, until Ctrl-C.

    Each worker does one job at a time. A worker that has a GPU offers the resource GPU,
    which jobs of windows then ask for. A worker that dies is started again.
    """
    from napari_motionseg.remote.serving import serve, worker_plan
    from napari_motionseg.viewmodel.worker_modules import WORKER_MODULES

    plan = worker_plan(workers)
    tell_if_open(scheduler)
    gpus = sum(one.gpu is not None for one in plan)
    print_note(f"{len(plan)} workers for {scheduler}, {gpus} of them with a GPU")
    serve(scheduler, plan, WORKER_MODULES)
