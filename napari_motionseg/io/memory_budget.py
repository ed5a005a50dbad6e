"""The memory that the decoded frames of a loop may take."""

from __future__ import annotations

import os

from napari_motionseg.environment import MEMORY
from napari_motionseg.errors import SettingsError

GIBIBYTE = 2**30
DEFAULT_GIB = 8.0
LEAST_GIB = 0.25


def default_budget() -> int:
    """Return the budget in bytes: 8 GiB, or what ``MOTIONSEG_MEMORY`` says in GiB.

    Raises
    ------
    SettingsError
        If the environment variable holds no number of at least 0.25.
    """
    text = os.environ.get(MEMORY, "").strip()
    try:
        gib = float(text) if text else DEFAULT_GIB
    except ValueError:
        gib = 0.0
    if not LEAST_GIB <= gib < float("inf"):
        raise SettingsError(
            f"{MEMORY} must be a number of GiB, at least {LEAST_GIB}; got {text!r}"
        )
    return int(gib * GIBIBYTE)
