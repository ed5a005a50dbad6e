"""Name the classes that the default network tells apart, in the order of its scores."""

from __future__ import annotations

BACKGROUND, VESSEL, CATHETER = range(3)
CLASS_NAMES = ("background", "vessel", "catheter")
