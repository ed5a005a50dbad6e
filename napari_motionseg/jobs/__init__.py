"""Long work as generators of `Progress`, run here or in a child process.

A job is a generator. It yields `Progress` after each step and returns its result. Three
things can be asked of it; the first two are two buttons in the window:

* ``job.send(STOP)``: finish early, keep and return what there is so far;
* ``job.close()``: cancel within one step, return nothing, leave no half-written file;
* ``job.send(12)``: do frame 12 next, as far as the job does frames in any order.

`run` drains a job in this process. A `JobRunner` runs the same generator elsewhere and
hands back a `RunningJob`, which never makes its caller wait. `LocalRunner` takes a
child process for each job, because Python work in a thread starves Qt, GPU memory
comes back when a process ends, and a crash there costs the window nothing. A runner on
another computer can stand behind the same two interfaces.
"""

from napari_motionseg.jobs.child_job import ChildJob
from napari_motionseg.jobs.local_runner import LocalRunner
from napari_motionseg.jobs.progress import (
    STOP,
    Job,
    Progress,
    Signal,
    map_progress,
    run,
)
from napari_motionseg.jobs.running_job import JobRunner, RunningJob

__all__ = [
    "STOP",
    "ChildJob",
    "Job",
    "JobRunner",
    "LocalRunner",
    "Progress",
    "RunningJob",
    "Signal",
    "map_progress",
    "run",
]
