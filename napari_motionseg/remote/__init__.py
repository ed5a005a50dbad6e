"""Run jobs of the window and of the command line on workers of a Dask cluster.

A job occupies one worker. There it runs in a child process, as it would here, so that a
crash does not harm the worker and memory is released at the end. This side asks for
messages several times a second. If the connection is lost, the job goes on, and its
messages wait; if the worker dies, the job begins again on another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.remote.runner import RemoteRunner as RemoteRunner

_PUBLIC = {
    "RemoteRunner": "runner",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
