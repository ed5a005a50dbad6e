"""Run jobs of the window and of the command line on workers of a Dask cluster.

A job occupies one worker. There it runs in a child process, as it would here, so that a
crash does not harm the worker and memory is released at the end. This side asks for
messages several times a second. If the connection is lost, the job goes on, and its
messages wait; if the worker dies, the job begins again on another one.
"""

from napari_motionseg.remote.runner import RemoteRunner

__all__ = ["RemoteRunner"]
