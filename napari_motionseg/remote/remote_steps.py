"""Run a job on a worker as if it were a job of this process."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_motionseg.io.atomic import place_file
from napari_motionseg.io.temporary import temporary_folder
from napari_motionseg.jobs import STOP, Job
from napari_motionseg.remote.runner import RemoteRunner

LOOK_S = 0.02
LEAVE_S = 10.0  # for the worker to hear that the job has ended


def remote_steps_job(
    address: str,
    preload: Sequence[str],
    function: Callable[..., Job[Any]],
    *args: Any,
    out: Path | None = None,
    **kwargs: Any,
) -> Job[Any]:
    """Run a job on a worker of a scheduler, and repeat its progress here.

    Parameters
    ----------
    address
        Address of the Dask scheduler.
    preload
        Names of modules that jobs are likely to need.
    function, *args, **kwargs
        Generator function at the top level of a module, and its arguments.
    out
        File that the job writes, which it gets as `out` and which is placed here at the
        end; None if it writes none.

    Yields
    ------
    Progress
        That of the job.

    Raises
    ------
    MotionSegError
        What stands in the way of the connection, or an error of the job.
    """
    parent = Path(tempfile.gettempdir()) if out is None else out.absolute().parent
    with temporary_folder(parent) as room:
        if out is not None:
            kwargs["out"] = room / out.name
        runner = RemoteRunner(address, room, preload)
        job = runner.start(function, *args, **kwargs)
        try:
            while job.running:
                for progress in job.poll():
                    signal = yield progress
                    if signal == STOP:
                        job.stop()
                    elif signal is not None:
                        job.prioritize(signal)
                time.sleep(LOOK_S)
        finally:
            job.cancel()
            job.wait_gone(LEAVE_S)
            runner.release()
        result = job.result
        if out is None:
            return result
        place_file(room / out.name, out)
        return out if result == room / out.name else result
