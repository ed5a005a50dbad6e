"""Measure the memory of a process."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def own_resident_bytes() -> int:
    """Return the resident memory of this process in bytes; 0 where it is unknown."""
    known = resident_bytes(os.getpid())
    if known is not None:
        return known
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, other systems count KiB
    return int(most if sys.platform == "darwin" else most * 1024)


def resident_bytes(process: int) -> int | None:
    """Return the resident memory of a process in bytes, or None if it is unknown.

    Parameters
    ----------
    process
        Number of the process.
    """
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
