"""Find runs of neighbouring cross-sections for which something is true."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


def runs(flags: Flags) -> list[tuple[int, int]]:
    """Return the first index of each run of flags, and the one after its last.

    Parameters
    ----------
    flags
        ``(N,)`` bool.
    """
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False]))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def long_runs(flags: Flags, shortest: float) -> Flags:
    """Return flags of which runs of fewer sections than `shortest` are cleared.

    Parameters
    ----------
    flags
        ``(N,)`` bool.
    shortest
        Least number of sections of a run that is kept.
    """
    kept = np.zeros_like(flags)
    for first, stop in runs(flags):
        kept[first:stop] = stop - first >= shortest
    return kept
