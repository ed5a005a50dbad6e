"""What ``auto`` and ``default`` stand for, where the user has said so.

``MOTIONSEG_DEVICE`` names the device that ``auto`` takes, and ``MOTIONSEG_MODEL`` the
checkpoint that ``default`` means. napari's preferences set both.
"""

from __future__ import annotations

import os

DEVICE = "MOTIONSEG_DEVICE"
MODEL = "MOTIONSEG_MODEL"


def chosen_device() -> str:
    """Return the name of the device that the user prefers, or ``"auto"``."""
    return os.environ.get(DEVICE, "").strip() or "auto"


def chosen_model() -> str | None:
    """Return the checkpoint that the user prefers, or None for what ships."""
    return os.environ.get(MODEL, "").strip() or None
