"""Choose how many cores a worker process uses, and leave the window its share.

Threads that wait by spinning keep a core from the process that they wait for. On a busy
computer two such threads are many times slower than one. Workers therefore wait
passively, run at a lower priority than the window, and use fewer threads if more
processes want to run than there are cores.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

THREADS = "OMP_NUM_THREADS"
# of libgomp, which comes with torch for Linux, and of LLVM's and Intel's OpenMP
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
NICENESS = 3  # the window gets two thirds of a core that both want


def passive_waiting(environment: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables in which threads wait without spinning.

    Parameters
    ----------
    environment
        Variables of this process. What the user has set is kept.
    """
    return {**PASSIVE, **environment}


def free_threads() -> int:
    """Return the number of threads for which this computer has cores now.

    A load up to the number of cores is ignored, because it may be that of the previous
    job, or of one thread of each of two programs, which share well.
    """
    cores = usable_cores()
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return cores
    return max(1, min(cores, round(2 * cores - load)))


def usable_cores() -> int:
    """Return the number of cores on which this process may run."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # only Linux has it
        return os.cpu_count() or 1


def creation_flags() -> int:
    """Return the flags that start a process on Windows, with a lower priority."""
    hidden = int(getattr(subprocess, "CREATE_NO_WINDOW", 0))
    return hidden | int(getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0))


def lower_priority() -> None:
    """Run this process at a lower priority; `creation_flags` does so on Windows."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
