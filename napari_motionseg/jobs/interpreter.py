"""The command that starts a worker process, and the environment that it starts in."""

from __future__ import annotations

import os
import sys
from multiprocessing.spawn import get_executable

from napari_motionseg.errors import JobError
from napari_motionseg.jobs.processor_share import passive_waiting

WORKER = "napari_motionseg.jobs.worker"


def worker_command() -> list[str]:
    """Return the command line of a worker.

    The interpreter is the one that multiprocessing would take: `sys.executable`, or
    what ``multiprocessing.set_executable`` was given by a program that embeds Python.

    Raises
    ------
    JobError
        If the program is frozen or embedded and no interpreter is known.
    """
    given = get_executable()
    interpreter = os.fsdecode(given) if given else ""
    frozen = getattr(sys, "frozen", False) and interpreter == sys.executable
    if not interpreter or frozen:
        raise JobError(
            "jobs run in a Python process of their own, and this program does not say "
            f"which interpreter to take (sys.executable is {sys.executable!r}); call "
            "multiprocessing.set_executable with the path of a Python that has "
            "napari-motionseg"
        )
    # -P: the current folder must not shadow modules of the standard library
    return [interpreter, "-P", "-m", WORKER]


def import_path() -> tuple[str, ...]:
    """Return the import path of this process, with the current folder by its name."""
    return tuple(
        entry or current_folder() or "" for entry in sys.path if isinstance(entry, str)
    )


def worker_environment() -> dict[str, str]:
    """Return the environment variables with which a worker is started.

    Its threads wait passively, unless the user has chosen otherwise.

    Its PYTHONPATH is the whole import path of this process, so that the worker finds
    the same modules in the same order.
    """
    known = [entry for entry in import_path() if os.pathsep not in entry]
    path = {"PYTHONPATH": os.pathsep.join(known)}
    return {**passive_waiting(os.environ), **path}


def current_folder() -> str | None:
    """Return the current folder, or None if it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return None
