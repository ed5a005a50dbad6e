"""Run the job of a command here, or on a worker of a Dask scheduler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_motionseg.cli.console import print_note
from napari_motionseg.jobs import Job

RunOn = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Run on a worker of the Dask scheduler at this address, such as "
        "tcp://gpu-host:8786. Frames and weights are sent there, without anything "
        "that says whose they are.",
    ),
]
OPEN = (
    "the connection to {} is not encrypted: others in the network can read what is "
    "sent; use tls:// outside of a trusted network"
)


def job_on(
    address: str,
    function: Callable[..., Job[Any]],
    *args: Any,
    out: Path | None = None,
    **kwargs: Any,
) -> Job[Any]:
    """Return a job of this process, which a worker may do.

    Parameters
    ----------
    address
        Address of the Dask scheduler; empty for this process.
    function, *args, **kwargs
        Generator function at the top level of a module, and its arguments.
    out
        File that the job writes, which it gets as `out`; None if it writes none.
    """
    if not address:
        given = {} if out is None else {"out": out}
        return function(*args, **given, **kwargs)
    from napari_motionseg.remote.remote_steps import remote_steps_job
    from napari_motionseg.viewmodel.worker_modules import WORKER_MODULES

    tell_if_open(address)
    return remote_steps_job(address, WORKER_MODULES, function, *args, out=out, **kwargs)


def tell_if_open(address: str) -> None:
    """Print a note if others in the network can read what is sent to an address.

    Parameters
    ----------
    address
        Address of a Dask scheduler.
    """
    from napari_motionseg.remote.dask_client import is_open_to_others

    if is_open_to_others(address):
        print_note(OPEN.format(address))
