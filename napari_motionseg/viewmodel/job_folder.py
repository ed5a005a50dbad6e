"""Run a job in a child process with its temporary files in a given folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_motionseg.jobs import Job


def job_in_folder(
    folder: Path, function: Callable[..., Job[Any]], *args: Any, **kwargs: Any
) -> Job[Any]:
    """Run a job whose temporary files go to a folder that the caller removes.

    The child process of a job may be killed before it removes its files.

    Parameters
    ----------
    folder
        Path of the folder, which exists.
    function
        A generator function at the top level of a module.
    *args, **kwargs
        Its arguments.
    """
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    try:
        return (yield from function(*args, **kwargs))
    finally:
        tempfile.tempdir = before[1]
        os.environ.pop("TMPDIR")
        if before[0] is not None:
            os.environ["TMPDIR"] = before[0]
