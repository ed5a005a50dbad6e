"""Long work as generators of `Progress`, run here or in a child process.

A job is a generator. It yields `Progress` after each step and returns its result. It
accepts three requests; the window has a button for each of the first two:

* ``job.send(STOP)``: finish early, and return the result so far;
* ``job.close()``: cancel within one step, return nothing, leave no half-written file;
* ``job.send(12)``: do frame 12 next, if the job can change the order of frames.

`run` runs a job to its end in this process. A `JobRunner` runs the same generator
elsewhere and returns a `RunningJob`, which never makes its caller wait. `LocalRunner`
starts a child process for each job, for three reasons: Python code in a thread makes
the window slow, GPU memory is released when a process ends, and a crash does not harm
the window. A runner on another computer can implement the same two interfaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.jobs.child_job import ChildJob as ChildJob
    from napari_motionseg.jobs.local_runner import LocalRunner as LocalRunner
    from napari_motionseg.jobs.progress import STOP as STOP
    from napari_motionseg.jobs.progress import Job as Job
    from napari_motionseg.jobs.progress import Progress as Progress
    from napari_motionseg.jobs.progress import Signal as Signal
    from napari_motionseg.jobs.progress import map_progress as map_progress
    from napari_motionseg.jobs.progress import run as run
    from napari_motionseg.jobs.running_job import JobRunner as JobRunner
    from napari_motionseg.jobs.running_job import RunningJob as RunningJob

_PUBLIC = {
    "ChildJob": "child_job",
    "LocalRunner": "local_runner",
    "STOP": "progress",
    "Job": "progress",
    "Progress": "progress",
    "Signal": "progress",
    "map_progress": "progress",
    "run": "progress",
    "JobRunner": "running_job",
    "RunningJob": "running_job",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
