"""Define the messages between a window and its worker process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from napari_motionseg.jobs.progress import Job

CANCEL: Final = "cancel"

# Messages of the worker: description of its phase; "ready" with its memory in bytes;
# "begun"; progress; the result; an error of this package; the text of any other error.
Kind = Literal["phase", "ready", "begun", "progress", "result", "refused", "failed"]
Message = tuple[Kind, Any]


@dataclass(frozen=True)
class Hello:
    """The first message to a worker.

    Parameters
    ----------
    path
        Import path of the window, in its order.
    python_path
        PYTHONPATH of the window, or None; the worker was started with another one.
    preload
        Names of modules to import before a job arrives.
    folder
        Private folder of the worker for temporary files; it is removed with the worker.
    """

    path: tuple[str, ...]
    python_path: str | None
    preload: tuple[str, ...]
    folder: str


@dataclass(frozen=True)
class Call:
    """The job that a worker runs.

    Parameters
    ----------
    function, args, kwargs
        Generator function at the top level of a module, and its arguments.
    path
        The import path of the window at the time of the call.
    environment
        The environment variables of the window at the time of the call.
    folder
        The current folder of the window.
    """

    function: Callable[..., Job[Any]]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    path: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str | None
