"""Environment variables with which a user chooses device, model, memory and cache.

napari's preferences of the plugin set the same variables; child processes inherit them.
"""

from __future__ import annotations

import os

CACHE = "MOTIONSEG_CACHE"  # see `io.cache_folder`
DEVICE = "MOTIONSEG_DEVICE"
MEMORY = "MOTIONSEG_MEMORY"  # GiB; see `io.memory_budget`
MODEL = "MOTIONSEG_MODEL"


def chosen_device() -> str:
    """Return the name of the device that the user prefers, or ``"auto"``."""
    return os.environ.get(DEVICE, "").strip() or "auto"


def chosen_model() -> str | None:
    """Return the checkpoint that the user prefers, or None for what ships."""
    return os.environ.get(MODEL, "").strip() or None
